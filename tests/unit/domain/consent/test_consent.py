"""The rule that permits a purpose: grant, age, policy and flags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recsvc.domain.consent.consent import (
    DAY_US,
    UNREADABLE_POLICY,
    ConsentPolicy,
    ConsentRecord,
    ConsentState,
    ConsentStatus,
    Expiry,
    Flag,
    Purpose,
    PurposeConsent,
    meets_minimum,
    natural_sort_key,
    permits,
)

EMAIL = Purpose.EMAIL
SAID_AT = 1_700_000_000_000_000
AGED = ConsentPolicy(max_age_us=10 * DAY_US)
LAST = SAID_AT + 10 * DAY_US - 1  # the last microsecond in which the grant below counts


def granted(policy_version: str | None = None, *flags: Flag) -> ConsentRecord:
    consent = PurposeConsent(True, SAID_AT, SAID_AT, policy_version)
    return ConsentRecord({EMAIL: consent}, flags=frozenset(flags))


@pytest.mark.parametrize(
    ("now_us", "state"),
    [
        (SAID_AT - 1, ConsentState.GRANTED),
        (LAST, ConsentState.GRANTED),
        (LAST + 1, ConsentState.EXPIRED),
        (LAST + 2, ConsentState.EXPIRED),
    ],
)
def test_a_grant_counts_up_to_its_boundary(now_us: int, state: ConsentState) -> None:
    """A grant expires exactly at its maximum age, to the microsecond."""
    status = ConsentStatus(granted(), now_us, AGED)

    assert status.permits(EMAIL) is (state is ConsentState.GRANTED)
    assert (status.state(EMAIL), status.expires_at_us(EMAIL)) == (state, LAST + 1)


def test_a_denial_never_expires() -> None:
    """An old denial stays `withdrawn` and has no expiry time."""
    denied = ConsentRecord({EMAIL: PurposeConsent(False, SAID_AT, 5)})
    status = ConsentStatus(denied, SAID_AT + 1000 * DAY_US, AGED)

    assert status.state(EMAIL) is ConsentState.WITHDRAWN
    assert status.expires_at_us(EMAIL) is None


@pytest.mark.parametrize(
    ("version", "minimum", "counts"),
    [
        ("v9", "v10", False),
        ("v10", "v9", True),
        ("v10", "v10", True),
        ("2026-2", "2026-11", False),
        ("2026-11", "2026-2", True),
        ("1.9.9", "1.10", False),
        ("1.10.0", "1.10", True),
        ("007", "7", True),
        ("9" * 128, "1" + "0" * 127, True),
        ("a", "b", False),
        ("", "1", False),
        (None, "1", False),
        (None, "", False),
    ],
)
def test_versions_are_in_natural_order(version: str | None, minimum: str, counts: bool) -> None:
    """Runs of digits compare as numbers, and a grant without a version reaches no minimum."""
    policy = ConsentPolicy(minimum_versions={EMAIL: minimum})
    status = ConsentStatus(granted(version), SAID_AT, policy)

    assert meets_minimum(version, minimum) is counts
    assert status.permits(EMAIL) is counts
    assert status.state(EMAIL) is (ConsentState.GRANTED if counts else ConsentState.EXPIRED)
    assert status.expiry(EMAIL) is (None if counts else Expiry.POLICY)


@given(st.lists(st.text(st.sampled_from("019-.vä٣"), max_size=6), min_size=3, max_size=3))
def test_the_order_of_versions_is_total(texts: list[str]) -> None:
    """Any two versions compare, and the order is transitive."""
    first, second, third = sorted(texts, key=natural_sort_key)

    assert natural_sort_key(first) <= natural_sort_key(second) <= natural_sort_key(third)
    assert meets_minimum(third, first)


@given(
    st.booleans(),
    st.integers(0, 30),
    st.sampled_from([None, "1", "2", "10"]),
    st.sampled_from([None, "1", "2", "10"]),
    st.sets(st.sampled_from(Flag)),
)
def test_the_rule_combines_grant_age_policy_and_flags(
    yes: bool, days: int, version: str | None, minimum: str | None, flags: set[Flag]
) -> None:
    """A purpose is permitted exactly if it is granted, recent, under the policy and allowed by
    every flag.
    """
    record = ConsentRecord(
        {EMAIL: PurposeConsent(yes, SAID_AT, None, version)}, flags=frozenset(flags)
    )
    policy = ConsentPolicy(10 * DAY_US, {} if minimum is None else {EMAIL: minimum})
    under_policy = minimum is None or (version is not None and int(version) >= int(minimum))
    expected = yes and days < 10 and under_policy and not flags - {Flag.MINOR}

    assert permits(record, EMAIL, SAID_AT + days * DAY_US, policy) is expected


def test_an_unreadable_policy_permits_nothing() -> None:
    """Under an unreadable policy even a grant of the same time is denied."""
    assert not permits(granted("9"), EMAIL, SAID_AT, UNREADABLE_POLICY)
    assert not permits(granted("9"), EMAIL, SAID_AT - 1, UNREADABLE_POLICY)
