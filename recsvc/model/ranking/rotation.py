"""Impressions without a reaction move an item back, so that a second visit shows other items.

An impression counts for seven days, until a view, cart or purchase of the item follows it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from recsvc.domain.customers.recent_events import IMPRESSION, IMPRESSION_SECONDS, RecentKind
from recsvc.model.kernels.kernels import ROW, SECONDS, UNKNOWN_ROW, read_events
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import PurchaseRows

_REACTIONS = "".join((RecentKind.VIEW, RecentKind.ADD_TO_CART, RecentKind.PURCHASE)).encode()
_MOST_ADDED = 100  # further items that are read to replace those that move back


def unfollowed_impressions(
    live_items: LiveItems,
    impressions: Sequence[bytes],
    recent_events: Sequence[bytes],
    history: PurchaseRows,
    now_seconds: float,
) -> Mapping[int, int]:
    """Count the impressions of each item row that no view, cart or purchase followed.

    `impressions`, `recent_events`: entries of `recsvc.domain.customers.recent_events`.
    """
    reactions = _parsed(live_items, recent_events, _REACTIONS)
    followed = dict(zip(history.rows.tolist(), history.last_seconds.tolist(), strict=True))
    for row, seconds in reactions:
        followed[row] = max(seconds, followed.get(row, seconds))
    counts = Counter[int]()
    for row, seconds in _parsed(live_items, impressions, IMPRESSION.encode()):
        is_recent = now_seconds - seconds < IMPRESSION_SECONDS
        if row != UNKNOWN_ROW and is_recent and followed.get(row, -1) < seconds:
            counts[row] += 1
    return counts


def _parsed(live_items: LiveItems, entries: Sequence[bytes], kinds: bytes) -> list[list[int]]:
    """Return row and seconds of each entry of these kinds."""
    items, text = live_items.model.items, b"\n".join(entries)
    if not text:
        return []
    events = read_events.run(text, kinds, items.index)
    found: list[list[int]] = events[:, [ROW, SECONDS]].tolist()
    return found


def items_to_read(n: int) -> int:
    """Return the number of items to rank for an answer of n."""
    return n + min(3 * n, _MOST_ADDED)


def rotated(items: Sequence[int], shown: Mapping[int, int], rotate: float, n: int) -> list[int]:
    """Return the places of the first n items, each moved back for its impressions.

    An impression moves an item back by 2 · rotate · n places, so that with a `rotate` of 1 the next
    page takes the place of a shown one. On equal places the item that was not shown is first.
    """
    moved = [
        (place + 2 * rotate * n * shown.get(row, 0), shown.get(row, 0))
        for place, row in enumerate(items)
    ]
    return sorted(range(len(items)), key=moved.__getitem__)[:n]
