"""Orders after refunds: the lines that are kept, in whole or in part. Pure.

A refund concerns the latest order of its id that was not bought after it: the parts of that id less
than a day before the latest one. Units come back from the latest part first. Refunds take effect in
the order of their times, so the order in which they arrive has no effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from recsvc.domain.customers.purchase_history import OrderLine, OrderPart, Refund
from recsvc.domain.values.ids import ItemId

MINUTES_PER_DAY = 1440

_NO_UNITS = 1e-9  # what differences of quantities such as 0.3 − 0.1 − 0.2 leave


@dataclass(slots=True)
class Bought:
    """By item: the number of kept parts with it, and the minute of the latest.

    Items whose lines all came back have the number 0.
    """

    times: dict[ItemId, int] = field(default_factory=dict)
    last: dict[ItemId, int] = field(default_factory=dict)


def kept_parts(parts: Sequence[OrderPart], refunds: Sequence[Refund]) -> list[list[OrderLine]]:
    """Return the kept lines of each part. Of a line kept in part, units and amount shrink.

    `parts` and `refunds`: the latest first.
    """
    left = [[line.units for line in part.lines] for part in parts]
    for refund in reversed(refunds):
        places = [
            place
            for place, part in enumerate(parts)
            if part.order == refund.order and part.minute <= refund.minute
        ]
        latest = max((parts[place].minute for place in places), default=0)
        units = refund.units
        for place in places:
            if latest - parts[place].minute < MINUTES_PER_DAY:
                units = _give_back(parts[place], left[place], refund.item_id, units)
    return [
        [
            _shrunk(line, units)
            for line, units in zip(part.lines, remaining, strict=True)
            if units > _NO_UNITS
        ]
        for part, remaining in zip(parts, left, strict=True)
    ]


def bought(parts: Sequence[OrderPart], refunds: Sequence[Refund]) -> Bought:
    """Count the parts with each item, after refunds."""
    counts = Bought()
    for part, kept in zip(parts, kept_parts(parts, refunds), strict=True):
        for line in part.lines:
            if line.item_id is not None:
                counts.times.setdefault(line.item_id, 0)
        for line in kept:
            if line.item_id is not None:
                counts.times[line.item_id] += 1
                counts.last[line.item_id] = max(counts.last.get(line.item_id, 0), part.minute)
    return counts


def _give_back(part: OrderPart, left: list[float], item: ItemId | None, units: float) -> float:
    """Take units from the lines of an item (None: of all); return the units still to take."""
    for place, line in enumerate(part.lines):
        if item is None:
            left[place] = 0.0
        elif line.item_id == item:
            taken = min(left[place], units)
            left[place] -= taken
            units -= taken
    return units


def _shrunk(line: OrderLine, units: float) -> OrderLine:
    if units == line.units or line.paid is None:
        return OrderLine(line.item_id, line.paid, units)
    return OrderLine(line.item_id, line.paid * units / line.units, units)
