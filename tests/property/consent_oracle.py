"""An oracle for consent: the expected state of a customer after statements, erasures and merges.

It is independent of the stored format. Time is days since the start of an example, plus a counter
of all steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsvc.domain.consent.consent import Flag, Purpose

MAX_AGE_DAYS = 20

# Stated independently of the code under test: the purposes that each flag allows.
ALLOWS: dict[Flag, set[Purpose]] = {
    Flag.MINOR: {Purpose.EMAIL},
    Flag.RESTRICTED: set(),
    Flag.OBJECTS_TO_MARKETING: {Purpose.PERSONALIZATION, Purpose.ANALYTICS, Purpose.TRAINING},
}


@dataclass
class ExpectedStatement:
    """A statement on one purpose. `order`: day, number of the live statement, denial, version."""

    granted: bool
    order: tuple[float, int, bool, str]
    version: str | None


@dataclass
class Expected:
    """The expected state of one customer.

    `erased_at`: the step of the erasure, or None. `bought_at`: the step of each purchase, 0 before
    the example. `logged`, `recent`: items of the events in the log and among the recent ones.
    """

    statements: dict[Purpose, ExpectedStatement] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)
    erased_at: int | None = None
    is_erased: bool = False
    bought_at: list[int] = field(default_factory=lambda: [0])
    logged: set[str] = field(default_factory=set)
    recent: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)

    @property
    def is_trainable(self) -> bool:
        """Return True if a purchase is later than the erasure."""
        return any(self.erased_at is None or at > self.erased_at for at in self.bought_at)

    def record(self, purpose: Purpose, statement: ExpectedStatement) -> None:
        last = self.statements.get(purpose)
        if last is None or statement.order > last.order:
            self.statements[purpose] = statement

    def erase(self, at: int) -> None:
        """Erase the customer. Repeating an erasure without new data keeps its time."""
        if not self.is_erased or self.flags or self.statements:
            self.erased_at = at
        self.is_erased = True
        for kept in (self.statements, self.flags, self.logged, self.recent, self.decided):
            kept.clear()

    def permits(self, purpose: Purpose, today: float, minimums: Mapping[Purpose, str]) -> bool:
        statement = self.statements.get(purpose)
        if statement is None or not statement.granted or today - statement.order[0] >= MAX_AGE_DAYS:
            return False
        if purpose in minimums and number(statement.version) < number(minimums[purpose]):
            return False
        return all(purpose in ALLOWS[flag] for flag in self.flags)

    def merge(self, away: "Expected", live: int, *, is_shared: bool) -> None:
        """Take over the data of a merged customer, which the caller then erases."""
        for purpose in Purpose:
            statement = stricter(self.statements.get(purpose), away.statements.get(purpose), live)
            if statement is not None:
                self.statements[purpose] = statement
        self.flags |= away.flags
        erased = [each.erased_at for each in (self, away) if each.erased_at is not None]
        self.erased_at = max(erased, default=None)
        if is_shared:
            self.recent |= away.recent


def stricter(
    mine: ExpectedStatement | None, other: ExpectedStatement | None, live: int
) -> ExpectedStatement | None:
    """Return the statement that a merge sets; None: the remaining customer's is unchanged."""
    if mine is None:
        return other if other is not None and not other.granted else None
    if not mine.granted:
        return None
    if other is not None and not other.granted:
        return ExpectedStatement(False, (0.0, live, True, ""), None)
    return None


def number(version: str | None) -> int:
    return -1 if version is None else int(version.removeprefix("v"))
