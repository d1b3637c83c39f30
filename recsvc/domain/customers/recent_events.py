"""Recent events of a customer: the stored format and the weights. Pure.

An entry is a letter for the kind, the time in seconds since 1970, a space and the item's id:
`p1763777777 milk`. It holds no customer id. `recsvc.model.kernels.kernels.read_events` decodes it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

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


@dataclass(frozen=True, slots=True)
class EventWeights:
    """The weight of an event as a sign of current interest, from 0 to 1.

    A purchase weighs less than an addition to the cart: the need may be met.
    """

    view: float = 0.4
    add_to_cart: float = 0.8
    purchase: float = 0.6

    def of(self, kind: RecentKind) -> float:
        """Return the weight of a kind of event. A removal from the cart has none."""
        match kind:
            case RecentKind.VIEW:
                return self.view
            case RecentKind.ADD_TO_CART:
                return self.add_to_cart
            case RecentKind.REMOVE_FROM_CART:
                return 0.0
            case RecentKind.PURCHASE:
                return self.purchase
        assert_never(kind)


DEFAULT_WEIGHTS = EventWeights()
WEIGHTS = {kind: DEFAULT_WEIGHTS.of(kind) for kind in RecentKind}


def encode(kind: RecentKind, at_seconds: int, item_id: ItemId) -> bytes:
    return f"{kind}{at_seconds} {item_id}".encode()


def decode(entries: Iterable[bytes]) -> list[RecentEvent]:
    """Decode the entries in order; skip those that cannot be decoded."""
    events: list[RecentEvent] = []
    for entry in entries:
        kind, read = _KINDS.get(entry[:1]), _read(entry[1:])
        if kind is not None and read is not None:
            events.append((kind, *read))
    return events


def decode_impressions(entries: Iterable[bytes]) -> list[tuple[int, ItemId]]:
    """Decode seconds and item of the entries in order; skip those that cannot be decoded."""
    found = (_read(entry[1:]) for entry in entries if entry[:1] == IMPRESSION.encode())
    return [read for read in found if read is not None]


def _read(entry: bytes) -> tuple[int, ItemId] | None:
    """Decode an entry without its letter."""
    digits, _, item_id = entry.partition(b" ")
    if not item_id or not digits.isdigit() or len(digits) > _MAX_DIGITS:
        return None
    try:
        return int(digits), ItemId(item_id.decode())
    except UnicodeDecodeError:
        return None


def weight(kind: RecentKind, age_seconds: float) -> float:
    """Return the decayed weight of an event; an event in the future has age 0."""
    return float(WEIGHTS[kind] * 0.5 ** (max(age_seconds, 0.0) / SECONDS_PER_DAY / HALF_LIFE_DAYS))


_KINDS = {kind.value.encode(): kind for kind in RecentKind}
