"""The orders of a purchase history line by line, for offer conditions. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from recsvc.domain.customers.purchase_history import KEPT_SECONDS, PurchaseHistory
from recsvc.domain.customers.recent_events import SECONDS_PER_DAY
from recsvc.domain.customers.refunds import kept_parts
from recsvc.domain.values.ids import ItemId

_SECONDS_PER_MINUTE = 60


@dataclass(frozen=True, slots=True)
class PurchaseLine:
    """An item of an order. `item_id` None: what remains of items that left the history.

    `order`: the hash of the order id. None: unknown, as for `paid`.
    """

    at_seconds: int
    item_id: ItemId | None
    order: str | None = None
    paid: float | None = None


def lines_of(history: PurchaseHistory, now_seconds: float) -> list[PurchaseLine]:
    """Return the lines of the stored orders of the last 180 days, after refunds."""
    oldest = now_seconds - KEPT_SECONDS
    return [
        PurchaseLine(part.minute * _SECONDS_PER_MINUTE, line.item_id, part.order or None, line.paid)
        for part, kept in zip(
            history.parts, kept_parts(history.parts, history.refunds), strict=True
        )
        if part.minute * _SECONDS_PER_MINUTE > oldest
        for line in kept
    ]


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
