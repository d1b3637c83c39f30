"""Recent events of a customer: the stored format and the weights. Pure.

An entry is a letter for the kind, the time in seconds since 1970, a space and the item's id:
`p1763777777 milk`. It holds no customer id. `recsvc.model.kernels.kernels.read_events` decodes it.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from recsvc.domain.values.ids import ItemId

# Kind, seconds since 1970, item.
RecentEvent = tuple["RecentKind", int, ItemId]

MAX_EVENTS = 20
MAX_IMPRESSIONS = 100  # kept in a list of their own
IMPRESSION_SECONDS = 7 * 86_400  # an older impression does not count
IMPRESSION: Final = "s"  # the kind of an entry of that list

SECONDS_PER_DAY = 86_400
HALF_LIFE_DAYS = 7.0
_MAX_DIGITS = 12


class RecentKind(StrEnum):
    """The kind of a recent event, as its stored letter."""

    VIEW = "v"
    ADD_TO_CART = "c"
    REMOVE_FROM_CART = "r"
    PURCHASE = "p"


# The weight of an event as a sign of current interest. A purchase weighs less than an addition to
# the cart: the need may be met.
WEIGHTS = {
    RecentKind.VIEW: 0.4,
    RecentKind.ADD_TO_CART: 0.8,
    RecentKind.REMOVE_FROM_CART: 0.0,
    RecentKind.PURCHASE: 0.6,
}


def encode(kind: RecentKind, at_seconds: int, item_id: ItemId) -> bytes:
    return f"{kind}{at_seconds} {item_id}".encode()


def decode(entries: Iterable[bytes]) -> list[RecentEvent]:
    """Decode the entries in order; skip those that cannot be decoded."""
    events: list[RecentEvent] = []
    for entry in entries:
        head, _, item_id = entry.partition(b" ")
        kind, digits = _KINDS.get(head[:1]), head[1:]
        if kind is None or not item_id or not digits.isdigit() or len(digits) > _MAX_DIGITS:
            continue
        try:
            events.append((kind, int(digits), ItemId(item_id.decode())))
        except UnicodeDecodeError:
            continue
    return events


def weight(kind: RecentKind, age_seconds: float) -> float:
    """Return the decayed weight of an event; an event in the future has age 0."""
    return float(WEIGHTS[kind] * 0.5 ** (max(age_seconds, 0.0) / SECONDS_PER_DAY / HALF_LIFE_DAYS))


_KINDS = {kind.value.encode(): kind for kind in RecentKind}
