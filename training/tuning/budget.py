"""Limits of a settings search: by time for operators, by trials where a run must be repeatable."""

from typing import Protocol


class Budget(Protocol):
    """Shared by all searches of one run."""

    @property
    def whole(self) -> float: ...

    def used(self, trials: int) -> float:
        """Return how much of `whole` is used after so many trials of a study."""

    def lasts(self, trials: int) -> bool:
        """Return whether the budget is enough for another trial."""

    def spend(self, seconds: float) -> None:
        """Record the duration of one trial."""


class Minutes:
    """A number of minutes of trials, shared by all trainings of a run.

    A trial is not started if it would probably exceed the limit by more than the remaining time.
    """

    __slots__ = ("_spent_seconds", "_trials", "whole")

    def __init__(self, minutes: float) -> None:
        self.whole = 60 * minutes
        self._spent_seconds = 0.0
        self._trials = 0

    def used(self, trials: int) -> float:  # noqa: ARG002 only time counts
        return self._spent_seconds

    def lasts(self, trials: int) -> bool:  # noqa: ARG002 as above
        usual = self._spent_seconds / max(self._trials, 1)
        return self.whole - self._spent_seconds > usual / 2

    def spend(self, seconds: float) -> None:
        self._spent_seconds += seconds
        self._trials += 1


class Trials:
    """A number of trials per slate, including those of earlier runs."""

    __slots__ = ("whole",)

    def __init__(self, most: int) -> None:
        self.whole = float(most)

    def used(self, trials: int) -> float:
        return float(trials)

    def lasts(self, trials: int) -> bool:
        return trials < self.whole

    def spend(self, seconds: float) -> None:
        """Ignore the duration."""
