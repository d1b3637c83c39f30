"""The rules by which a statement changes the stored consent of one purpose. Pure.

A live statement is stamped later than every earlier one of its purpose, even if the clock went
back, so it is always the latest. An imported statement has its own time. Among imports the latest
wins; on a tie denial wins, then the greater policy version and source. So the order and repetition
of imports do not matter. Only a live statement replaces a record that cannot be decoded.
"""

from dataclasses import dataclass, replace
from enum import Enum

from recsvc.domain.consent.consent import PurposeConsent


@dataclass(frozen=True, slots=True)
class Statement:
    """A grant or denial with its policy version and source. Only a literal True grants."""

    granted: bool
    policy_version: str | None = None
    source: str | None = None


class ImportOutcome(Enum):
    """The result of importing one statement."""

    APPLIED = "taken"
    SUPERSEDED = "known"  # a repetition, or older than the stored statement
    ERASED = "erased"  # the customer is erased; only a live grant re-admits the customer
    NO_TIME = "no_time"
    IN_FUTURE = "in_future"
    UNREADABLE = "unreadable"  # the stored record cannot be decoded, and may be a denial
    SILENT = "silent"  # the report of a consent banner states nothing


def apply_live(last: PurposeConsent | None, statement: Statement, now_us: int) -> PurposeConsent:
    """Return the consent after a live statement."""
    at_us = now_us if last is None else max(now_us, last.at_us + 1)
    first = None if last is None else last.first_granted_at_us
    granted = statement.granted is True
    if granted and first is None:
        first = at_us
    return PurposeConsent(granted, at_us, first, statement.policy_version, statement.source)


def apply_imported(last: PurposeConsent | None, statement: Statement, at_us: int) -> PurposeConsent:
    """Return the consent after an imported statement; `last` if that supersedes it."""
    granted = statement.granted is True
    imported = PurposeConsent(
        granted, at_us, at_us if granted else None, statement.policy_version, statement.source
    )
    if last is None:
        return imported
    firsts = [each.first_granted_at_us for each in (last, imported)]
    first = min((each for each in firsts if each is not None), default=None)
    return replace(max(last, imported, key=_rank), first_granted_at_us=first)


def is_superseded(now: PurposeConsent, last: PurposeConsent) -> bool:
    """Return True if the import changed nothing but the time of the first grant."""
    return replace(now, first_granted_at_us=last.first_granted_at_us) == last


def _rank(consent: PurposeConsent) -> tuple[int, bool, str, str]:
    return (
        consent.at_us,
        not consent.granted,
        consent.policy_version or "",
        consent.source or "",
    )
