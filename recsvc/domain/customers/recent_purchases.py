"""Latest purchases of a customer, for offer conditions: the stored format, and orders. Pure.

An entry is the time in seconds since 1970, a hash of the order id, the amount paid and the item's
id, separated by spaces, with `-` for unknown: `1763777777 9f86d081884c7d65 2.38 milk`. It holds no
customer id and no order id.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.domain.values.ids import ItemId

MAX_LINES = 100

_UNKNOWN = "-"
_MAX_DIGITS = 12


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """One item of an order. `order`: the hash of the order id. None: unknown."""

    at_seconds: int
    item_id: ItemId
    order: str | None = None
    paid: float | None = None


def encode(line: PurchaseLine) -> bytes:
    return f"{line.at_seconds} {content(line.item_id, line.order, line.paid)}".encode()


def content(item_id: str, order: str | None, paid: float | None) -> str:
    """Encode a line without its time, which the store may have to add."""
    return f"{order or _UNKNOWN} {_UNKNOWN if paid is None else paid} {item_id}"


def decode(entries: Iterable[bytes]) -> list[PurchaseLine]:
    """Decode the entries in order; skip those that cannot be decoded."""
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
    if len(digits) > _MAX_DIGITS or not item_id or not (amount is None or 0 <= amount < math.inf):
        raise ValueError
    return PurchaseLine(int(digits), ItemId(item_id), None if order == _UNKNOWN else order, amount)


def orders_of(lines: Iterable[PurchaseLine]) -> list[Sequence[PurchaseLine]]:
    """Group lines into orders by the rules of the trainer, earliest order first.

    An order id that recurs a day or more after the first line of its order starts a new order.
    Lines without an order id are grouped by day (UTC).
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
