"""The circuit breaker stops calls to a failing store and detects its recovery."""

from recsvc.stores.client.circuit_breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def opened(clock: Clock) -> CircuitBreaker:
    breaker = CircuitBreaker(max_failures=3, pause_seconds=0.5, clock=clock)
    for _ in range(3):
        breaker.failed()
    return breaker


def test_a_few_failures_do_not_open_the_breaker() -> None:
    """Fewer failures than the maximum leave the breaker closed."""
    breaker = CircuitBreaker(max_failures=3)
    breaker.failed()
    breaker.failed()

    assert breaker.allows()
    assert not breaker.is_open


def test_failures_in_a_row_open_the_breaker() -> None:
    """The maximum number of failures in a row opens the breaker."""
    assert not opened(Clock()).allows()


def test_a_success_resets_the_count() -> None:
    """A success resets the count of failures."""
    breaker = CircuitBreaker(max_failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()

    assert breaker.allows()


def test_after_the_pause_one_caller_may_try() -> None:
    """After the pause the breaker allows one caller and still refuses the others."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5

    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_failed_try_pauses_again() -> None:
    """A failed trial call starts a new pause."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    breaker.failed()
    clock.now += 0.4

    assert not breaker.allows()


def test_a_trial_call_without_a_result_does_not_block_the_next() -> None:
    """If a trial call never reports, the breaker allows another one after the next pause."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    clock.now += 0.5

    assert breaker.allows()


def test_a_success_closes_the_breaker() -> None:
    """One success closes the breaker for all callers."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    breaker.succeeded()

    assert [breaker.allows() for _ in range(3)] == [True, True, True]
