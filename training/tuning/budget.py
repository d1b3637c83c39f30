"""When a search ends: by the clock for people, by a number of trials where it must be repeated."""

from typing import Protocol


class Budget(Protocol):
    """Shared by every search of one run."""

    @property
    def whole(self) -> float: ...

    def used(self, trials: int) -> float:
        """Return how much of `whole` is used when a study has so many trials."""

    def lasts(self, trials: int) -> bool:
        """Say whether there is enough for another trial."""

    def spend(self, seconds: float) -> None:
        """Take note of how long a trial took."""


class Minutes:
    """So many minutes of trials, over all trainings of a run.

    A trial that would end late by more than it would leave unused is not begun.
    """

    __slots__ = ("_spent_seconds", "_trials", "whole")

    def __init__(self, minutes: float) -> None:
        self.whole = 60 * minutes
        self._spent_seconds = 0.0
        self._trials = 0

    def used(self, trials: int) -> float:  # noqa: ARG002 only the clock counts
        return self._spent_seconds

    def lasts(self, trials: int) -> bool:  # noqa: ARG002 as above
        usual = self._spent_seconds / max(self._trials, 1)
        return self.whole - self._spent_seconds > usual / 2

    def spend(self, seconds: float) -> None:
        self._spent_seconds += seconds
        self._trials += 1


class Trials:
    """So many trials of each slate, those of earlier runs included."""

    __slots__ = ("whole",)

    def __init__(self, most: int) -> None:
        self.whole = float(most)

    def used(self, trials: int) -> float:
        return float(trials)

    def lasts(self, trials: int) -> bool:
        return trials < self.whole

    def spend(self, seconds: float) -> None:
        """Take no notice of the clock."""
