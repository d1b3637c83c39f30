"""The rules for merging the data of two customers into one. Pure.

A refusal (denied or withdrawn) of either customer wins; unknown and expired are no refusals.
Without one the remaining customer's statement stays exactly as it is: a grant of the merged
customer neither widens nor ages it. Data that either of them does not permit is not handed over.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from recsvc.domain.consent.consent import ConsentRecord, Purpose, PurposeConsent, Tombstone
from recsvc.domain.customers import recent_events as recent
from recsvc.domain.customers.history_changes import HistoryDraft
from recsvc.domain.customers.profile import MAX_SEGMENTS, Profile
from recsvc.domain.customers.purchase_history import PurchaseHistory
from recsvc.domain.values.attributes import MAX_ATTRIBUTES

SOURCE = "merge"


def merged_consent(
    mine: PurposeConsent | None, other: PurposeConsent | None, now_us: int
) -> PurposeConsent | None:
    """Return the statement of the remaining customer (`mine`); None if there is none."""
    if other is None or other.granted:
        return mine
    if mine is None:
        return other
    if not mine.granted:
        return mine
    at_us = max(now_us, mine.at_us + 1, other.at_us + 1)
    return PurposeConsent(False, at_us, mine.first_granted_at_us, None, SOURCE)


def statement_of(record: ConsentRecord, purpose: Purpose) -> PurposeConsent | None:
    """Return the merged customer's statement. An unreadable one may be a refusal, and is one."""
    if purpose in record.unreadable:
        return PurposeConsent(False, 0, None, None, SOURCE)
    return record.purposes.get(purpose)


def ended_purposes(mine: ConsentRecord, other: ConsentRecord) -> tuple[Purpose, ...]:
    """Return the purposes that the remaining customer granted and the merged one refused."""
    granted = [purpose for purpose in Purpose if _is_granted(mine.purposes.get(purpose))]
    return tuple(purpose for purpose in granted if _is_refused(statement_of(other, purpose)))


def _is_granted(statement: PurposeConsent | None) -> bool:
    return statement is not None and statement.granted


def _is_refused(statement: PurposeConsent | None) -> bool:
    return statement is not None and not statement.granted


def merged_tombstone(mine: Tombstone | None, other: Tombstone | None) -> Tombstone | None:
    """Return the later of each time, so that data erased for either stays erased."""
    tombstones = [each for each in (mine, other) if each is not None]
    if not tombstones:
        return None
    readmitted = [each.readmitted_at_us for each in tombstones if each.readmitted_at_us is not None]
    return Tombstone(
        max(each.erased_at_us for each in tombstones),
        max(each.recorded_at_us for each in tombstones),
        max(readmitted, default=None),
    )


def merged_profile(mine: Profile, other: Profile) -> Profile:
    """Return one profile. The values of the remaining customer (`mine`) take precedence.

    Values of the other that exceed the limits of a profile are dropped.
    """
    added = {name: value for name, value in other.attributes.items() if name not in mine.attributes}
    attributes = {**mine.attributes, **added}
    segments = dict.fromkeys([*mine.segments, *other.segments])
    return Profile(
        dict(islice(attributes.items(), MAX_ATTRIBUTES)),
        tuple(islice(segments, MAX_SEGMENTS)),
        other.birth_month if mine.birth_month is None else mine.birth_month,
        other.customer_since if mine.customer_since is None else mine.customer_since,
    )


def merged_events(mine: Iterable[bytes], other: Iterable[bytes]) -> Sequence[bytes]:
    """Return the latest events of both, newest first; equal times in byte order."""
    events = recent.decode([*mine, *other])
    latest = sorted(((event[1], recent.encode(*event)) for event in events), reverse=True)
    return [entry for _, entry in latest[: recent.MAX_EVENTS]]


def merged_history(
    mine: PurchaseHistory, other: PurchaseHistory, now_seconds: int
) -> PurchaseHistory:
    """Return one history: times add up, the latest time and the latest statement count."""
    draft = HistoryDraft(mine, now_seconds)
    draft.add(other)
    return draft.finished()
