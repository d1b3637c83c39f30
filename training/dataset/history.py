"""Purchases as numbers: who bought what, in which order, when; all of it before `now`.

Knows no ids, only rows. Whatever learns takes a History, and a History that ends at a cut holds
nothing of what came after it: that is how a model is kept from seeing what it is judged by.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]
Days = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class History:
    """One line per order and item, sorted by customer, order and item.

    Numbers of orders ascend with time within a customer and leave none out. Without timestamps
    (`timed` is false) a day is the line's place among its customer's own orders. An order that was
    returned in whole leaves its number behind: the customer was there.
    """

    customers: Rows  # (lines,)
    items: Rows  # (lines,)
    orders: Rows  # (lines,)
    days: Days  # (lines,) when the order began
    quantities: Floats  # (lines,) above zero
    prices: Floats | None  # (lines,) paid per unit, NaN where unknown; None: no price is known
    categories: Rows | None  # (items,) −1 for an item without one; None: no category is known
    customers_total: int
    items_total: int
    now: float
    timed: bool = True
    taken_back: "TakenBack | None" = None  # None: nothing was

    @property
    def shape(self) -> tuple[int, int]:
        return self.customers_total, self.items_total

    def before(self, day: float) -> "History":
        """Return the shop as it was known at the start of `day`."""
        kept = self.only(self.days < day, now=day)
        return kept if self.taken_back is None else self.taken_back.known_at(day, kept)

    def between(self, start: float, end: float) -> "History":
        """Return what was bought from `start` on and not returned before `end`."""
        known = self if self.taken_back is None else self.before(end)
        return known.only((known.days >= start) & (known.days < end), now=end)

    def without(self, customers: Rows) -> "History":
        """Leave some customers out; rows stay what they are."""
        kept = np.ones(self.customers_total, dtype=bool)
        kept[customers] = False
        return self.of(kept)

    def of(self, customers: Flags) -> "History":
        """Keep some customers, marked by row, and what they took back."""
        kept, back = self.only(customers[self.customers], now=self.now), self.taken_back
        if back is None:
            return kept
        theirs = customers[back.lines.customers]
        return apart(kept, back.lines.only(theirs, now=self.now), back.returned[theirs])

    def only(self, kept: Flags | Rows, *, now: float) -> "History":
        """Keep some lines and nothing of what was returned."""
        return replace(
            self,
            customers=self.customers[kept],
            items=self.items[kept],
            orders=self.orders[kept],
            days=self.days[kept],
            quantities=self.quantities[kept],
            prices=None if self.prices is None else self.prices[kept],
            now=now,
            taken_back=None,
        )

    def and_also(self, other: "History") -> "History":
        """Join the lines of both in their order; what is not of lines is this one's."""
        orders, items = np.append(self.orders, other.orders), np.append(self.items, other.items)
        both = replace(
            self,
            customers=np.append(self.customers, other.customers),
            items=items,
            orders=orders,
            days=np.append(self.days, other.days),
            quantities=np.append(self.quantities, other.quantities),
            prices=None
            if self.prices is None or other.prices is None
            else np.append(self.prices, other.prices),
        )
        return both.only(np.lexsort((items, orders)), now=self.now)

    def ages(self) -> Days:
        """Days from each line to now."""  # (lines,)
        return self.now - self.days

    def order_ages(self) -> Rows:
        """How many orders of the same customer came later."""  # (lines,)
        last = np.full(self.customers_total, -1, np.int64)
        np.maximum.at(last, self.customers, self.orders)
        return last[self.customers] - self.orders


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Lines bought and returned before now: in a past that ends in between, they are purchases."""

    lines: History
    returned: Days  # (lines,) at or after the day of the line

    def known_at(self, day: float, kept: History) -> History:
        """Return the lines `kept` with those that came back only later."""
        bought, back = self.lines.days < day, self.returned < day
        known = kept.and_also(self.lines.only(bought & ~back, now=day))
        return apart(known, self.lines.only(back, now=day), self.returned[back])


def apart(kept: History, lines: History, returned: Days) -> History:
    """Return what was kept, with what was taken back beside it."""
    return replace(kept, taken_back=TakenBack(lines, returned) if len(returned) else None)


def decay(ages: NDArray[np.number], half_life: float) -> Days:
    """Return 1 at age 0 and ½ after a half-life."""
    return np.exp2(-np.asarray(ages, np.float64) / half_life)
