"""Only what reads exactly as we write it can permit anything."""

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

WORDS = st.sampled_from(
    [b"granted", b"denied", b"Granted", b"true", b"1", b"", b"granted\n", b"-", b"17", b"\xff"]
)


def test_a_grant_reads_back_as_written() -> None:
    """Stamps, policy and source survive, whatever they contain."""
    written = PurposeConsent(True, 17, 5, "2026 ü/%-", "-")

    assert {Purpose.EMAIL: written} == decode([FIELD, encode(written)]).purposes


def test_no_fields_is_no_consent() -> None:
    """Nobody has told us anything."""
    assert NO_CONSENT is decode([])


def test_granting_one_purpose_grants_no_other() -> None:
    """Purposes never imply each other."""
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
def test_what_cannot_be_read_denies_and_is_named(value: bytes) -> None:
    """An undecodable consent is no consent, and somebody is told."""
    record = decode([FIELD, value])

    assert not permits(record, Purpose.EMAIL)
    assert record.unreadable == {"email"}


def test_an_unknown_purpose_is_named_and_denies() -> None:
    """A newer version's purposes mean nothing to this one."""
    record = decode([b"purpose:telepathy", GRANT])

    assert not record.purposes
    assert record.unreadable == {"telepathy"}


def test_other_fields_are_left_alone() -> None:
    """The hash will hold more than consents."""
    assert decode([b"tombstone", b"1"]).is_empty


@example(GRANT)
@example(b"17 granted 17 \xff \xff")
@given(st.binary() | st.lists(WORDS, min_size=4, max_size=6).map(b" ".join))
def test_only_a_literal_readable_grant_permits(value: bytes) -> None:
    """For every value that could stand in the store."""
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
def test_a_flag_outweighs_a_grant(flag: Flag, forbidden: set[Purpose]) -> None:
    """Of what it forbids, and of nothing else."""
    record = decode([*EVERY_GRANT, f"flag:{flag}".encode(), b"1"])

    assert record.flags == {flag}
    assert not record.unreadable
    assert {purpose for purpose in Purpose if not permits(record, purpose)} == forbidden


@given(name=st.binary(max_size=12), value=st.binary(max_size=3))
@example(name=b"minor", value=b"0")
@example(name=b"vip", value=b"1")
def test_no_flag_is_overlooked(name: bytes, value: bytes) -> None:
    """One that cannot be read, or that nobody knows, denies and is counted."""
    record = decode([*EVERY_GRANT, b"flag:" + name, value])
    is_known = name in {str(flag).encode() for flag in Flag}

    assert not all(permits(record, purpose) for purpose in Purpose)
    assert bool(record.unreadable) is not (is_known and value == b"1")


def test_a_flag_of_marketing_alone_says_nothing_of_consent() -> None:
    """The others do: they refuse."""
    assert decode([b"flag:objects_to_marketing", b"1"]).is_empty
    assert not decode([b"flag:minor", b"1"]).is_empty
    assert not decode([b"flag:restricted", b"1"]).is_empty


@pytest.mark.parametrize(
    ("stone", "value"),
    [
        (Tombstone(17, 17), b"17 -"),
        (Tombstone(17, 17, 18), b"17 18"),
        (Tombstone(17, 40), b"17 - 40"),
        (Tombstone(17, 40, 18), b"17 18 40"),
    ],
)
def test_a_tombstone_reads_back_as_written(stone: Tombstone, value: bytes) -> None:
    """As it always did, but where its row was recorded at another time."""
    assert encode_tombstone(stone) == value
    assert decode_tombstone(value) == stone


@pytest.mark.parametrize("value", [b"", b"17", b"17 ", b"17 - ", b"17 - -", b"- -", b"17 18 40 1"])
def test_a_tombstone_that_cannot_be_read_shuts_everything_out(value: bytes) -> None:
    """Whatever it was meant to say."""
    assert decode_tombstone(value) is UNREADABLE_TOMBSTONE
