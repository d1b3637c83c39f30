"""What ought to be known of a customer after any words, erasures and merges. Pure.

It knows the words that were said and nothing of how they are kept. Its clock is days since an
example began, and a number that grows with everything that happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from recsvc.domain.consent.consent import Flag, Purpose

MAX_AGE_DAYS = 20

PROFILING = {Purpose.PERSONALIZATION, Purpose.OFFERS, Purpose.ANALYTICS, Purpose.TRAINING}
FORBIDS = {
    Flag.MINOR: PROFILING,
    Flag.RESTRICTED: set(Purpose),
    Flag.OBJECTS_TO_MARKETING: {Purpose.EMAIL, Purpose.OFFERS},
}


@dataclass
class Said:
    """A word on one purpose. `order`: day, which live word it was, a no, and the version."""

    granted: bool
    order: tuple[float, int, bool, str]
    version: str | None


@dataclass
class Expected:
    """What ought to be known of one customer.

    `erased_at`: when, by the number of what happened; None: never. `bought_at`: when each purchase
    was made, 0: before everything. `logged`, `recent`: items of events, as they were kept where.
    """

    words: dict[Purpose, Said] = field(default_factory=dict)
    flags: set[Flag] = field(default_factory=set)
    erased_at: int | None = None
    is_erased: bool = False
    bought_at: list[int] = field(default_factory=lambda: [0])
    logged: set[str] = field(default_factory=set)
    recent: set[str] = field(default_factory=set)
    decided: set[str] = field(default_factory=set)

    @property
    def can_be_learned_from(self) -> bool:
        """Whether there is a purchase that no erasure forgets."""
        return any(self.erased_at is None or at > self.erased_at for at in self.bought_at)

    def hear(self, purpose: Purpose, said: Said) -> None:
        last = self.words.get(purpose)
        if last is None or said.order > last.order:
            self.words[purpose] = said

    def bury(self, at: int) -> None:
        """Leave what an erasure leaves. One of whom nothing else is left was erased before."""
        if not self.is_erased or self.flags or self.words:
            self.erased_at = at
        self.is_erased = True
        for kept in (self.words, self.flags, self.logged, self.recent, self.decided):
            kept.clear()

    def permits(self, purpose: Purpose, today: float, minimums: Mapping[Purpose, str]) -> bool:
        said = self.words.get(purpose)
        if said is None or not said.granted or today - said.order[0] >= MAX_AGE_DAYS:
            return False
        if purpose in minimums and number(said.version) < number(minimums[purpose]):
            return False
        return not any(purpose in FORBIDS[flag] for flag in self.flags)

    def take_over(self, away: "Expected", live: int, *, is_shared: bool) -> None:
        """Become one with another customer, whom the caller buries."""
        for purpose in Purpose:
            said = stricter(self.words.get(purpose), away.words.get(purpose), live)
            if said is not None:
                self.words[purpose] = said
        self.flags |= away.flags
        erased = [each.erased_at for each in (self, away) if each.erased_at is not None]
        self.erased_at = max(erased, default=None)
        if is_shared:
            self.recent |= away.recent


def stricter(mine: Said | None, other: Said | None, live: int) -> Said | None:
    """Say what a merge leaves of two words; None: whatever there was."""
    if mine is None:
        return other if other is not None and not other.granted else None
    if not mine.granted:
        return None
    if other is None or not other.granted:
        return Said(False, (0.0, live, True, ""), None)
    version = min(mine.version, other.version, key=number)
    day, word, *_ = min(mine.order[:2], other.order[:2])
    return Said(True, (day, word, False, version or ""), version)


def number(version: str | None) -> int:
    return -1 if version is None else int(version.removeprefix("v"))
