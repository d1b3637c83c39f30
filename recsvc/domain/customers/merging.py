"""Two customers who are one person: what is known of both, the stricter winning. Pure.

Nobody is permitted more after a merge than both permitted before it: where one of them never
said yes, the other's yes ends. What either refuses to be used is not handed to the other.
"""

from collections.abc import Iterable, Sequence
from itertools import islice

from recsvc.domain.consent.consent import PurposeConsent, Tombstone, natural_sort_key
from recsvc.domain.customers import recent_events as recent
from recsvc.domain.customers import recent_purchases as purchases
from recsvc.domain.customers.profile import MAX_ATTRIBUTES, MAX_SEGMENTS, Profile

SOURCE = "merge"


def stricter_consent(
    mine: PurposeConsent | None, other: PurposeConsent | None, now_us: int
) -> PurposeConsent | None:
    """Return what the one who stays permits from now on; None: nothing was ever said.

    Of two grants the older counts, and of their policy versions the lower.
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
    """Return the later of each moment: what either forgot stays forgotten."""
    stones = [each for each in (mine, other) if each is not None]
    if not stones:
        return None
    opened = [each.readmitted_at_us for each in stones if each.readmitted_at_us is not None]
    return Tombstone(
        max(each.erased_at_us for each in stones),
        max(each.recorded_at_us for each in stones),
        max(opened, default=None),
    )


def merged_profile(mine: Profile, other: Profile) -> Profile:
    """Return one profile; where both say something, that of the one who stays counts.

    What a profile has no room for, of the other's, is left out.
    """
    more = {name: value for name, value in other.attributes.items() if name not in mine.attributes}
    attributes = {**mine.attributes, **more}
    segments = dict.fromkeys([*mine.segments, *other.segments])
    return Profile(
        dict(islice(attributes.items(), MAX_ATTRIBUTES)),
        tuple(islice(segments, MAX_SEGMENTS)),
        other.birth_month if mine.birth_month is None else mine.birth_month,
        other.customer_since if mine.customer_since is None else mine.customer_since,
    )


def merged_events(mine: Iterable[bytes], other: Iterable[bytes]) -> Sequence[bytes]:
    """Return the latest events of both, the newest first, and equal times in their bytes' order."""
    events = recent.decode([*mine, *other])
    return _latest([(event[1], recent.encode(*event)) for event in events], recent.MAX_EVENTS)


def merged_purchases(mine: Iterable[bytes], other: Iterable[bytes]) -> Sequence[bytes]:
    """Return the latest purchases of both, in the same order."""
    lines = purchases.decode([*mine, *other])
    entries = [(line.at_seconds, purchases.encode(line)) for line in lines]
    return _latest(entries, purchases.MAX_LINES)


def _latest(entries: list[tuple[int, bytes]], most: int) -> Sequence[bytes]:
    return [entry for _, entry in sorted(entries, reverse=True)[:most]]


def _lower(one: str | None, other: str | None) -> str | None:
    return None if one is None or other is None else min(one, other, key=natural_sort_key)
