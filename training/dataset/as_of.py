"""What was known at a cut, as if nothing that came later had ever been read.

Ids of customers and items whom nobody had met yet are gone, not only their lines: an item table is
knowledge too.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.dataset.history import History, Rows, TakenBack
from training.dataset.interactions import Interactions
from training.dataset.pseudo_time import spread_anew


@dataclass(frozen=True, slots=True)
class Known:
    """`customers` and `items` give each row of the whole its new one, −1 where it has none."""

    interactions: Interactions
    customers: Rows  # (customers of the whole,)
    items: Rows  # (items of the whole,)


def known_at(whole: Interactions, day: float) -> Known:
    """Return what purchases before `day` alone would have become."""
    history = whole.history.before(day)
    back = history.taken_back
    every = history if back is None else history.and_also(back.lines)
    left = Left(np.unique(every.customers), np.unique(every.items), np.unique(every.orders), whole)
    known = left.only(history)
    if back is not None:
        known = replace(known, taken_back=TakenBack(left.only(back.lines), back.returned))
    found = Interactions(
        [whole.customer_ids[row] for row in left.customers],
        [whole.item_ids[row] for row in left.items],
        [whole.category_names[row] for row in left.category_rows],
        known if known.timed else spread_anew(known),
    )
    return Known(
        found,
        _rows_among(left.customers, history.customers_total),
        _rows_among(left.items, history.items_total),
    )


@dataclass(frozen=True, slots=True)
class Left:
    """Rows of the whole that are left, ascending."""

    customers: Rows
    items: Rows
    orders: Rows
    whole: Interactions

    @property
    def category_rows(self) -> Rows:
        of_item = self.whole.history.categories
        return np.zeros(0, np.int64) if of_item is None else np.unique(_named(of_item[self.items]))

    def only(self, lines: History) -> History:
        """Number anew."""
        return replace(
            lines,
            customers=np.searchsorted(self.customers, lines.customers),
            items=np.searchsorted(self.items, lines.items),
            orders=np.searchsorted(self.orders, lines.orders),
            categories=self.categories(),
            customers_total=len(self.customers),
            items_total=len(self.items),
        )

    def categories(self) -> Rows | None:
        of_item, rows = self.whole.history.categories, self.category_rows
        if of_item is None or not len(rows):
            return None
        return _rows_among(rows, len(self.whole.category_names) + 1)[of_item[self.items]]


def _named(categories: Rows) -> Rows:
    return categories[categories >= 0]


def _rows_among(rows: Rows, total: int) -> Rows:
    """Return the place of each of `total` rows among some, −1 where it is not."""
    places = np.full(total, -1)
    places[rows] = np.arange(len(rows))
    return places
