"""Flags allow purposes by name; every purpose that a flag does not name is denied."""

from typing import cast

import pytest

from recsvc.domain.consent.consent import (
    ALLOWED,
    ConsentPolicy,
    ConsentRecord,
    Flag,
    Purpose,
    PurposeConsent,
    permits,
)

NOW = 1_700_000_000_000_000

# Stated independently of the code under test. A new flag needs a row, a new purpose a column.
EXPECTED = {
    Flag.MINOR: {
        Purpose.PERSONALIZATION: False,
        Purpose.OFFERS: False,
        Purpose.EMAIL: True,
        Purpose.ANALYTICS: False,
        Purpose.TRAINING: False,
    },
    Flag.RESTRICTED: {
        Purpose.PERSONALIZATION: False,
        Purpose.OFFERS: False,
        Purpose.EMAIL: False,
        Purpose.ANALYTICS: False,
        Purpose.TRAINING: False,
    },
    Flag.OBJECTS_TO_MARKETING: {
        Purpose.PERSONALIZATION: True,
        Purpose.OFFERS: False,
        Purpose.EMAIL: False,
        Purpose.ANALYTICS: True,
        Purpose.TRAINING: True,
    },
}


def is_permitted(purpose: Purpose, *flags: Flag) -> bool:
    granted = ConsentRecord({purpose: PurposeConsent(True, NOW)}, flags=frozenset(flags))
    return permits(granted, purpose, NOW, ConsentPolicy())


def test_every_flag_decides_on_every_purpose() -> None:
    """The table above lists each flag and each purpose, and the rule agrees with it."""
    found = {flag: {purpose: is_permitted(purpose, flag) for purpose in Purpose} for flag in Flag}

    assert found == EXPECTED


def test_every_flag_names_the_purposes_that_it_allows() -> None:
    """`ALLOWED` has one row for each flag."""
    assert set(ALLOWED) == set(Flag)


@pytest.mark.parametrize("flag", Flag)
def test_a_purpose_that_is_added_later_is_denied_by_every_flag(flag: Flag) -> None:
    """A granted purpose that no flag names is denied under each flag, and permitted without one."""
    later = cast("Purpose", "sms")

    assert is_permitted(later)
    assert not is_permitted(later, flag)


def test_a_flag_without_a_row_denies_every_purpose(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule fails closed if `ALLOWED` lacks a flag."""
    monkeypatch.delitem(cast("dict[Flag, frozenset[Purpose]]", ALLOWED), Flag.MINOR)

    assert not any(is_permitted(purpose, Flag.MINOR) for purpose in Purpose)


def test_several_flags_allow_only_what_each_of_them_allows() -> None:
    """A minor who objects to marketing permits nothing: the two flags share no purpose."""
    flags = (Flag.MINOR, Flag.OBJECTS_TO_MARKETING)

    assert not any(is_permitted(purpose, *flags) for purpose in Purpose)
