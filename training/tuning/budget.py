"""When a search ends: by the clock for people, by a number of trials where it must be repeated."""

from typing import Protocol


class Budget(Protocol):
    """Shared by every search of one run."""

    @property
    def whole(self) -> float: ...

    def used(self, trials: int) -> float:
        """Return how much of `whole` is used when a study has so many trials."""

    def spend(self, seconds: float) -> None: ...


class Minutes:
    """So many minutes of trials, over all trainings of a run."""

    __slots__ = ("_spent_seconds", "whole")

    def __init__(self, minutes: float) -> None:
        self.whole = 60 * minutes
        self._spent_seconds = 0.0

    def used(self, trials: int) -> float:  # noqa: ARG002 only the clock counts
        return self._spent_seconds

    def spend(self, seconds: float) -> None:
        self._spent_seconds += seconds


class Trials:
    """So many trials of each slate, those of earlier runs included."""

    __slots__ = ("whole",)

    def __init__(self, most: int) -> None:
        self.whole = float(most)

    def used(self, trials: int) -> float:
        return float(trials)

    def spend(self, seconds: float) -> None:
        """Take no notice of the clock."""
