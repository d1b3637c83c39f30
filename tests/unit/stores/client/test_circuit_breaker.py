"""The breaker leaves a failing store alone, and finds out by itself when it is back."""

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


def test_a_few_failures_do_not_open_it() -> None:
    """One lost packet is no outage."""
    breaker = CircuitBreaker(max_failures=3)
    breaker.failed()
    breaker.failed()

    assert breaker.allows()
    assert not breaker.is_open


def test_failures_in_a_row_open_it() -> None:
    """A dead store costs nothing after the first few requests."""
    assert not opened(Clock()).allows()


def test_a_success_between_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    breaker = CircuitBreaker(max_failures=2)
    breaker.failed()
    breaker.succeeded()
    breaker.failed()

    assert breaker.allows()


def test_after_the_pause_one_caller_may_try() -> None:
    """The others do not wait for that one's time-out."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5

    assert [breaker.allows() for _ in range(3)] == [True, False, False]


def test_a_failed_try_pauses_again() -> None:
    """Recovery is asked for once a pause, however long the outage."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    breaker.failed()
    clock.now += 0.4

    assert not breaker.allows()


def test_a_try_that_never_reports_does_not_close_it_for_ever() -> None:
    """Should the one caller be killed, the next pause lets another try."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    clock.now += 0.5

    assert breaker.allows()


def test_a_success_closes_it() -> None:
    """One answer is enough: everybody may ask again."""
    clock = Clock()
    breaker = opened(clock)
    clock.now += 0.5
    breaker.allows()
    breaker.succeeded()

    assert [breaker.allows() for _ in range(3)] == [True, True, True]
