"""How a word on one purpose changes what was known. Pure; the store compares and sets, no more.

A live word is stamped later than every earlier one of its purpose, even if the clock went back,
so it is always the latest. An imported one brings its own time: the latest wins, a denial wins
among equals, then the greater policy version and source, so that order and repetition of the
same words are nothing. A yes or no only the customer can say again is a live word's business: it
replaces what cannot be read, and an import never does.
"""

from dataclasses import dataclass, replace
from enum import Enum

from recsvc.domain.consent.consent import PurposeConsent


@dataclass(frozen=True, slots=True)
class Statement:
    """A yes or no, and what was said with it. Only a literal True is a yes."""

    granted: bool
    policy_version: str | None = None
    source: str | None = None


class ImportOutcome(Enum):
    """What became of an imported word."""

    APPLIED = "taken"
    SUPERSEDED = "known"  # a repetition, or older than the stored statement
    NO_TIME = "no_time"
    IN_FUTURE = "in_future"
    UNREADABLE = "unreadable"  # it met a record that nobody can read, and may have been a no


def apply_live(last: PurposeConsent | None, word: Statement, now_us: int) -> PurposeConsent:
    """Return what a live word makes of the last one."""
    at_us = now_us if last is None else max(now_us, last.at_us + 1)
    first = None if last is None else last.first_granted_at_us
    granted = word.granted is True
    if granted and first is None:
        first = at_us
    return PurposeConsent(granted, at_us, first, word.policy_version, word.source)


def apply_imported(last: PurposeConsent | None, word: Statement, at_us: int) -> PurposeConsent:
    """Return what an imported word makes of the last one: the same, when it is overtaken."""
    granted = word.granted is True
    said = PurposeConsent(
        granted, at_us, at_us if granted else None, word.policy_version, word.source
    )
    if last is None:
        return said
    firsts = [each.first_granted_at_us for each in (last, said)]
    first = min((each for each in firsts if each is not None), default=None)
    return replace(max(last, said, key=_rank), first_granted_at_us=first)


def is_superseded(now: PurposeConsent, last: PurposeConsent) -> bool:
    """Whether the last word stands, and at most the first grant turned out to be an earlier one."""
    return replace(now, first_granted_at_us=last.first_granted_at_us) == last


def _rank(consent: PurposeConsent) -> tuple[int, bool, str, str]:
    return (
        consent.at_us,
        not consent.granted,
        consent.policy_version or "",
        consent.source or "",
    )
