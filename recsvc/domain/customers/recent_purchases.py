"""A customer's latest purchases, as offers count them: how a line is written down, and which lines
are one order. Pure.

An entry is the time in seconds since 1970, a mark of the order's id, what was paid and the item's
id, a space between them and `-` for what is not known: `1763777777 9f86d081884c7d65 2.38 milk`. It
holds no id of a customer or an order.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.domain.values.ids import ItemId

MAX_LINES = 100

_UNKNOWN = "-"
_MOST_DIGITS = 12


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One item of an order. `order`: the mark of its id. None: nobody said."""

    at_seconds: int
    item_id: ItemId
    order: str | None = None
    paid: float | None = None


def encode(line: PurchaseLine) -> bytes:
    return f"{line.at_seconds} {content(line.item_id, line.order, line.paid)}".encode()


def content(item_id: str, order: str | None, paid: float | None) -> str:
    """Write down all of a line but its time, which the store may have to fill in."""
    return f"{order or _UNKNOWN} {_UNKNOWN if paid is None else paid} {item_id}"


def decode(entries: Iterable[bytes]) -> list[PurchaseLine]:
    """Read the entries, in their order, without those that cannot be read."""
    lines = []
    for entry in entries:
        try:
            lines.append(_line(entry.decode()))
        except ValueError:
            continue
    return lines


def _line(entry: str) -> PurchaseLine:
    digits, order, paid, item_id = entry.split(" ", 3)
    amount = None if paid == _UNKNOWN else float(paid)
    if len(digits) > _MOST_DIGITS or not item_id or not (amount is None or 0 <= amount < math.inf):
        raise ValueError
    return PurchaseLine(int(digits), ItemId(item_id), None if order == _UNKNOWN else order, amount)


def orders_of(lines: Iterable[PurchaseLine]) -> list[Sequence[PurchaseLine]]:
    """Put lines together that are one order, as the trainer does; the earliest comes first.

    An id that comes back a day or more after an order's first line is another order's. Without an
    id, the lines of a day (in UTC) are one order.
    """
    orders: list[list[PurchaseLine]] = []
    latest: dict[str | int, list[PurchaseLine]] = {}
    for line in sorted(lines, key=lambda line: line.at_seconds):
        name = line.order or line.at_seconds // SECONDS_PER_DAY
        order = latest.get(name)
        if order is None or line.at_seconds - order[0].at_seconds >= SECONDS_PER_DAY:
            order = latest[name] = []
            orders.append(order)
        order.append(line)
    return [*orders]
