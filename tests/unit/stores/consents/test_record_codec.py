"""Stored consents permit a purpose only in exactly the encoded format."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recsvc.domain.consent.consent import NO_CONSENT, Flag, Purpose, PurposeConsent, Tombstone
from recsvc.stores.consents.record_codec import (
    UNREADABLE_TOMBSTONE,
    decode,
    decode_tombstone,
    encode,
    encode_tombstone,
)
from tests.consents import permits

FIELD = b"purpose:email"
GRANT = b"1795300000000000 granted 1795300000000000 - -"

# Stated independently of the code under test.
READABLE_GRANT = re.compile(rb"[0-9]{1,16} granted (-|[0-9]{1,16})( [^ ]+){2}", re.DOTALL)

PARTS = st.sampled_from(
    [b"granted", b"denied", b"Granted", b"true", b"1", b"", b"granted\n", b"-", b"17", b"\xff"]
)


def test_a_grant_is_decoded_as_encoded() -> None:
    """Stamps, policy version and source are kept, whatever their characters."""
    written = PurposeConsent(True, 17, 5, "2026 ü/%-", "-")

    assert {Purpose.EMAIL: written} == decode([FIELD, encode(written)]).purposes


def test_no_fields_is_no_consent() -> None:
    """An empty hash is decoded as no consent."""
    assert NO_CONSENT is decode([])


def test_granting_one_purpose_grants_no_other() -> None:
    """A grant of one purpose permits that purpose alone."""
    record = decode([FIELD, GRANT])

    assert [purpose for purpose in Purpose if permits(record, purpose)] == [Purpose.EMAIL]


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"true",
        b"1",
        b"granted",
        b"17 granted",
        b"17 granted 17 -",
        b"17 granted 17 - - -",
        b"17 granted 17  -",
        b"17  granted 17 - -",
        b" 17 granted 17 - -",
        b"17 GRANTED 17 - -",
        b"17 granted x - -",
        b"-17 granted 17 - -",
        b"1.7e15 granted 17 - -",
        "١٧ granted 17 - -".encode(),
        b"17179530000000000 granted 17 - -",
        b"17\tgranted\t17\t-\t-",
        b"\xff\xfe granted 17 - -",
        b'{"granted": true}',
    ],
)
def test_an_undecodable_value_denies_and_is_reported(value: bytes) -> None:
    """An undecodable consent denies its purpose and is listed as unreadable."""
    record = decode([FIELD, value])

    assert not permits(record, Purpose.EMAIL)
    assert record.unreadable == {"email"}


def test_an_unknown_purpose_denies_and_is_reported() -> None:
    """A purpose of a later release is listed as unreadable and permits nothing."""
    record = decode([b"purpose:telepathy", GRANT])

    assert not record.purposes
    assert record.unreadable == {"telepathy"}


def test_other_fields_are_ignored() -> None:
    """Fields that are neither purpose, flag nor tombstone do not count."""
    assert decode([b"tombstone", b"1"]).is_empty


@example(GRANT)
@example(b"17 granted 17 \xff \xff")
@given(st.binary() | st.lists(PARTS, min_size=4, max_size=6).map(b" ".join))
def test_only_a_literal_readable_grant_permits(value: bytes) -> None:
    """Any value in the store permits the purpose only if it matches the format of a grant."""
    permitted = READABLE_GRANT.fullmatch(value) is not None

    assert permitted == permits(decode([FIELD, value]), Purpose.EMAIL)


EVERY_GRANT = [part for purpose in Purpose for part in (f"purpose:{purpose}".encode(), GRANT)]


@pytest.mark.parametrize(
    ("flag", "forbidden"),
    [
        (Flag.MINOR, set(Purpose) - {Purpose.EMAIL}),
        (Flag.RESTRICTED, set(Purpose)),
        (Flag.OBJECTS_TO_MARKETING, {Purpose.EMAIL, Purpose.OFFERS}),
    ],
)
def test_a_flag_overrides_grants(flag: Flag, forbidden: set[Purpose]) -> None:
    """A stored flag denies the purposes that it does not allow, and no others."""
    record = decode([*EVERY_GRANT, f"flag:{flag}".encode(), b"1"])

    assert record.flags == {flag}
    assert not record.unreadable
    assert {purpose for purpose in Purpose if not permits(record, purpose)} == forbidden


@given(name=st.binary(max_size=12), value=st.binary(max_size=3))
@example(name=b"minor", value=b"0")
@example(name=b"vip", value=b"1")
def test_an_unreadable_or_unknown_flag_denies_and_is_reported(name: bytes, value: bytes) -> None:
    """A flag with an unknown name or value denies and is listed as unreadable."""
    record = decode([*EVERY_GRANT, b"flag:" + name, value])
    is_known = name in {str(flag).encode() for flag in Flag}

    assert not all(permits(record, purpose) for purpose in Purpose)
    assert bool(record.unreadable) is not (is_known and value == b"1")


def test_a_flag_that_allows_personalization_leaves_a_record_empty() -> None:
    """`minor` and `restricted` deny personalization, so their records are not empty."""
    assert decode([b"flag:objects_to_marketing", b"1"]).is_empty
    assert not decode([b"flag:minor", b"1"]).is_empty
    assert not decode([b"flag:restricted", b"1"]).is_empty


@pytest.mark.parametrize(
    ("tombstone", "value"),
    [
        (Tombstone(17, 17), b"17 -"),
        (Tombstone(17, 17, 18), b"17 18"),
        (Tombstone(17, 40), b"17 - 40"),
        (Tombstone(17, 40, 18), b"17 18 40"),
    ],
)
def test_a_tombstone_is_decoded_as_encoded(tombstone: Tombstone, value: bytes) -> None:
    """The time of the history row is stored only if it differs from the erasure."""
    assert encode_tombstone(tombstone) == value
    assert decode_tombstone(value) == tombstone


@pytest.mark.parametrize("value", [b"", b"17", b"17 ", b"17 - ", b"17 - -", b"- -", b"17 18 40 1"])
def test_an_unreadable_tombstone_erases_everything(value: bytes) -> None:
    """An undecodable tombstone counts as a later erasure than any stored time."""
    assert decode_tombstone(value) is UNREADABLE_TOMBSTONE
