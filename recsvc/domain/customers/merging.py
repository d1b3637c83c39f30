"""The rules for merging the data of two customers into one. Pure.

After a merge a purpose is permitted only if both customers permitted it before: a grant of one ends
if the other never granted. Data that either of them denies is not handed over.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from recsvc.domain.consent.consent import PurposeConsent, Tombstone, natural_sort_key
from recsvc.domain.customers import recent_events as recent
from recsvc.domain.customers.history_changes import HistoryDraft
from recsvc.domain.customers.profile import MAX_SEGMENTS, Profile
from recsvc.domain.customers.purchase_history import PurchaseHistory
from recsvc.domain.values.attributes import MAX_ATTRIBUTES

SOURCE = "merge"


def stricter_consent(
    mine: PurposeConsent | None, other: PurposeConsent | None, now_us: int
) -> PurposeConsent | None:
    """Return the consent of the remaining customer; None if neither made a statement.

    Of two grants the older counts, with the lower of the two policy versions.
    """
    if mine is None:
        return None if other is None or other.granted else other
    if not mine.granted:
        return mine
    if other is None or not other.granted:
        at_us = max([now_us, mine.at_us + 1, *([other.at_us + 1] if other else [])])
        return PurposeConsent(False, at_us, mine.first_granted_at_us, None, SOURCE)
    older = min(mine, other, key=lambda grant: grant.at_us)
    firsts = [each.first_granted_at_us for each in (mine, other)]
    first = min((each for each in firsts if each is not None), default=None)
    version = _lower(mine.policy_version, other.policy_version)
    return PurposeConsent(True, older.at_us, first, version, older.source)


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


def _lower(one: str | None, other: str | None) -> str | None:
    return None if one is None or other is None else min(one, other, key=natural_sort_key)
