"""The policy clock never goes back, and an unreadable policy permits nothing."""

from pathlib import Path

import pytest

from recsvc.domain.consent.consent import ConsentRecord, Purpose, PurposeConsent
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums, write_minimums
from recsvc.stores.consents.shared_clock import shared_timestamp

GRANTED = ConsentRecord({Purpose.EMAIL: PurposeConsent(True, 100)})


def test_an_expired_grant_stays_expired_when_the_clock_goes_back() -> None:
    """A grant that has expired is not permitted again after the clock goes back."""
    times = iter([149, 150, 120, 149, 160])
    policy_clock = PolicyClock(50, lambda: next(times))

    found = [policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL) for _ in range(5)]

    assert found == [True, False, False, False, False]


def test_a_grant_that_expired_for_one_worker_expired_for_all(tmp_path: Path) -> None:
    """Workers share the latest time, also with a worker that starts later."""
    file = tmp_path / "latest"
    first = PolicyClock(50, lambda: 150, shared_timestamp(file))
    second = PolicyClock(50, lambda: 120, shared_timestamp(file))
    before = second.status(GRANTED, {}).permits(Purpose.EMAIL)
    first.now_us()
    third = PolicyClock(50, lambda: 120, shared_timestamp(file))

    assert before
    assert not second.status(GRANTED, {}).permits(Purpose.EMAIL)
    assert not third.status(GRANTED, {}).permits(Purpose.EMAIL)


def test_a_worker_restores_a_higher_time(tmp_path: Path) -> None:
    """If two workers write at once and the lower time remains, the worker with the higher one
    writes it again.
    """
    shared = shared_timestamp(tmp_path / "latest")
    policy_clock = PolicyClock(50, iter([150, 120]).__next__, shared)
    policy_clock.now_us()
    shared[0] = 120

    assert not policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL)
    assert shared[0] == 150


def test_a_store_clock_that_is_ahead_counts() -> None:
    """A later time of the store's clock applies, since it stamps the statements."""
    policy_clock = PolicyClock(50, lambda: 120)

    assert not policy_clock.status(GRANTED, {}, at_least_us=150).permits(Purpose.EMAIL)
    assert not policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL)


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b'"v1"', b"null", b'{"email": 1}', b'{"email": null}', b"\xff"]
)
def test_an_unreadable_policy_permits_nothing(stored: bytes) -> None:
    """An unreadable policy may hold any minimum, so it permits nothing."""
    policy_clock = PolicyClock(50, lambda: 120)

    assert read_minimums(stored) is None
    assert not policy_clock.status(GRANTED, read_minimums(stored)).permits(Purpose.EMAIL)


def test_a_policy_is_decoded_as_encoded() -> None:
    """A missing policy has no minimum, and purposes of another release are ignored."""
    minimums = {Purpose.EMAIL: "v 2", Purpose.TRAINING: "ü"}

    assert read_minimums(write_minimums(minimums)) == minimums
    assert read_minimums(None) == {}
    assert read_minimums(b'{"telepathy": "1"}') == {}
