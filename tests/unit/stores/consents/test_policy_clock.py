"""A process judges by the latest moment it has seen, and by a policy that can be read."""

from pathlib import Path

import pytest

from recsvc.domain.consent.consent import ConsentRecord, Purpose, PurposeConsent
from recsvc.stores.consents.policy_clock import PolicyClock, read_minimums, write_minimums
from recsvc.stores.consents.shared_clock import shared_timestamp

GRANTED = ConsentRecord({Purpose.EMAIL: PurposeConsent(True, 100)})


def test_what_has_expired_stays_expired_when_the_clock_goes_back() -> None:
    """A consent that came and went with the clock would be one that nobody gave."""
    times = iter([149, 150, 120, 149, 160])
    policy_clock = PolicyClock(50, lambda: next(times))

    found = [policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL) for _ in range(5)]

    assert found == [True, False, False, False, False]


def test_what_has_expired_for_one_worker_has_expired_for_all(tmp_path: Path) -> None:
    """Whose clock has gone back, and whichever is asked; also one that is started later."""
    file = tmp_path / "latest"
    first = PolicyClock(50, lambda: 150, shared_timestamp(file))
    second = PolicyClock(50, lambda: 120, shared_timestamp(file))
    before = second.status(GRANTED, {}).permits(Purpose.EMAIL)
    first.now_us()
    third = PolicyClock(50, lambda: 120, shared_timestamp(file))

    assert before
    assert not second.status(GRANTED, {}).permits(Purpose.EMAIL)
    assert not third.status(GRANTED, {}).permits(Purpose.EMAIL)


def test_a_worker_tells_again_what_another_has_overwritten(tmp_path: Path) -> None:
    """Two may raise it at once, and the lower may come last."""
    shared = shared_timestamp(tmp_path / "latest")
    policy_clock = PolicyClock(50, iter([150, 120]).__next__, shared)
    policy_clock.now_us()
    shared[0] = 120

    assert not policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL)
    assert shared[0] == 150


def test_another_clock_that_is_ahead_counts() -> None:
    """As the store's, by which the words were stamped."""
    policy_clock = PolicyClock(50, lambda: 120)

    assert not policy_clock.status(GRANTED, {}, at_least_us=150).permits(Purpose.EMAIL)
    assert not policy_clock.status(GRANTED, {}).permits(Purpose.EMAIL)


@pytest.mark.parametrize(
    "stored", [b"", b"{", b"[]", b'"v1"', b"null", b'{"email": 1}', b'{"email": null}', b"\xff"]
)
def test_a_policy_that_cannot_be_read_permits_nothing(stored: bytes) -> None:
    """It may have asked for anything."""
    policy_clock = PolicyClock(50, lambda: 120)

    assert read_minimums(stored) is None
    assert not policy_clock.status(GRANTED, read_minimums(stored)).permits(Purpose.EMAIL)


def test_a_policy_reads_as_it_was_written() -> None:
    """None at all asks for nothing; a purpose of another release concerns nobody here."""
    minimums = {Purpose.EMAIL: "v 2", Purpose.TRAINING: "ü"}

    assert read_minimums(write_minimums(minimums)) == minimums
    assert read_minimums(None) == {}
    assert read_minimums(b'{"telepathy": "1"}') == {}
