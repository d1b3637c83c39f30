"""Purchases as arrays of rows: customer, item, order and day, all before `now`.

A History contains no ids. A History that ends at a cutoff contains nothing later, which keeps the
data that a model is evaluated on out of its training.
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

    Order numbers ascend with time within a customer, without gaps. Without timestamps (`timed` is
    false) a day is the line's position among its customer's own orders. An order that was returned
    completely keeps its number.
    """

    customers: Rows  # (lines,)
    items: Rows  # (lines,)
    orders: Rows  # (lines,)
    days: Days  # (lines,) when the order began
    quantities: Floats  # (lines,) above zero
    prices: Floats | None  # (lines,) per unit, NaN where unknown; None: no prices
    categories: Rows | None  # (items,) −1 for an item without one; None: no categories
    customers_total: int
    items_total: int
    now: float
    timed: bool = True
    returned_lines: "ReturnedLines | None" = None  # None: no returns

    @property
    def shape(self) -> tuple[int, int]:
        return self.customers_total, self.items_total

    def before(self, day: float) -> "History":
        """Return the history as it was known at the start of `day`."""
        kept = self.only(self.days < day, now=day)
        return kept if self.returned_lines is None else self.returned_lines.known_at(day, kept)

    def between(self, start: float, end: float) -> "History":
        """Return the purchases from `start` on that were not returned before `end`."""
        known = self if self.returned_lines is None else self.before(end)
        return known.only((known.days >= start) & (known.days < end), now=end)

    def without(self, customers: Rows) -> "History":
        """Remove some customers. Row numbers do not change."""
        kept = np.ones(self.customers_total, dtype=bool)
        kept[customers] = False
        return self.of_customers(kept)

    def of_customers(self, customers: Flags) -> "History":
        """Keep the customers that the flags mark, and their returned lines."""
        kept, back = self.only(customers[self.customers], now=self.now), self.returned_lines
        if back is None:
            return kept
        theirs = customers[back.lines.customers]
        return with_returned(kept, back.lines.only(theirs, now=self.now), back.returned[theirs])

    def only(self, kept: Flags | Rows, *, now: float) -> "History":
        """Keep some lines, without any returned ones."""
        return replace(
            self,
            customers=self.customers[kept],
            items=self.items[kept],
            orders=self.orders[kept],
            days=self.days[kept],
            quantities=self.quantities[kept],
            prices=None if self.prices is None else self.prices[kept],
            now=now,
            returned_lines=None,
        )

    def merged_with(self, other: "History") -> "History":
        """Return the lines of both histories, sorted; all else is taken from this one."""
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
        """Return the days from each line to now."""  # (lines,)
        return self.now - self.days

    def order_ages(self) -> Rows:
        """Count the later orders of the same customer."""  # (lines,)
        last = np.full(self.customers_total, -1, np.int64)
        np.maximum.at(last, self.customers, self.orders)
        return last[self.customers] - self.orders


@dataclass(frozen=True, slots=True)
class ReturnedLines:
    """Lines that were returned before now. They are purchases until their return."""

    lines: History
    returned: Days  # (lines,) at or after the day of the line

    def known_at(self, day: float, kept: History) -> History:
        """Return `kept` with the lines that were bought before `day` and returned later."""
        bought, back = self.lines.days < day, self.returned < day
        known = kept.merged_with(self.lines.only(bought & ~back, now=day))
        return with_returned(known, self.lines.only(back, now=day), self.returned[back])


def with_returned(kept: History, lines: History, returned: Days) -> History:
    """Attach returned lines to a history."""
    return replace(kept, returned_lines=ReturnedLines(lines, returned) if len(returned) else None)


def decay(ages: NDArray[np.number], half_life: float) -> Days:
    """Return 1 at age 0 and ½ after a half-life."""
    return np.exp2(-np.asarray(ages, np.float64) / half_life)
