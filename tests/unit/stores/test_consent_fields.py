"""Only what reads exactly as we write it can permit anything."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recsvc.domain.consent import NO_CONSENT, Purpose, PurposeConsent
from recsvc.stores.consent_fields import decode, permits, tail

FIELD = b"purpose:email"
GRANT = b"1795300000000000 granted 1795300000000000 - -"

# Stated independently of the code under test.
READABLE_GRANT = re.compile(rb"[0-9]{1,16} granted (-|[0-9]{1,16})( [^ ]+){2}", re.DOTALL)

WORDS = st.sampled_from(
    [b"granted", b"denied", b"Granted", b"true", b"1", b"", b"granted\n", b"-", b"17", b"\xff"]
)


def test_a_grant_reads_back_as_written() -> None:
    """Stamps, policy and source survive, whatever they contain."""
    value = f"17 granted 5 {tail('2026 ü/%-', '-')}".encode()

    expected = PurposeConsent(True, 17, 5, "2026 ü/%-", "-")
    assert {Purpose.EMAIL: expected} == decode([FIELD, value]).purposes


def test_no_fields_is_no_consent() -> None:
    """Nobody has told us anything."""
    assert NO_CONSENT is decode([])


def test_granting_one_purpose_grants_no_other() -> None:
    """Purposes never imply each other."""
    record = decode([FIELD, GRANT])

    assert [purpose for purpose in Purpose if record.permits(purpose)] == [Purpose.EMAIL]


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

    assert not record.permits(Purpose.EMAIL)
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

    assert permitted == permits(value)
    assert permitted == decode([FIELD, value]).permits(Purpose.EMAIL)


@given(st.none() | st.booleans() | st.integers() | st.text() | st.builds(Exception))
def test_what_is_not_even_bytes_does_not_permit(value: object) -> None:
    """An error or a null from the server is not a yes."""
    assert not permits(value)
