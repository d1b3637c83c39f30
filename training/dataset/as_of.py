"""Interactions as of a cutoff, as if no later row had been read.

Ids of customers and items that first appear later are removed too, not only their lines: the size
of an id table would tell of the future.
"""

from dataclasses import dataclass, replace

import numpy as np

from training.dataset.history import History, ReturnedLines, Rows
from training.dataset.interactions import Interactions
from training.dataset.pseudo_time import respread


@dataclass(frozen=True, slots=True)
class AsOf:
    """`customers` and `items` map each row of the whole to its new row, −1 where it has none."""

    interactions: Interactions
    customers: Rows  # (customers of the whole,)
    items: Rows  # (items of the whole,)


def as_of(whole: Interactions, day: float) -> AsOf:
    """Return the interactions that a file of the purchases before `day` alone would have given."""
    history = whole.history.before(day)
    back = history.returned_lines
    every = history if back is None else history.merged_with(back.lines)
    items = np.union1d(every.items, _catalogue_rows(whole))
    rows = _RemainingRows(np.unique(every.customers), items, np.unique(every.orders), whole)
    known = rows.renumbered(history)
    if back is not None:
        known = replace(
            known, returned_lines=ReturnedLines(rows.renumbered(back.lines), back.returned)
        )
    interactions = Interactions(
        [whole.customer_ids[row] for row in rows.customers],
        [whole.item_ids[row] for row in rows.items],
        [whole.category_names[row] for row in rows.category_rows],
        known if known.timed else respread(known),
        whole.catalogue,
    )
    return AsOf(
        interactions,
        _positions(rows.customers, history.customers_total),
        _positions(rows.items, history.items_total),
    )


def _catalogue_rows(whole: Interactions) -> Rows:
    """Return the rows of the catalogue's items, which a file of earlier purchases has too."""
    listed = frozenset(whole.catalogue)
    rows = [row for row, item in enumerate(whole.item_ids) if item in listed]
    return np.array(rows, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _RemainingRows:
    """Rows of the whole that occur before the cutoff or in the catalogue, ascending."""

    customers: Rows
    items: Rows
    orders: Rows
    whole: Interactions

    @property
    def category_rows(self) -> Rows:
        of_item = self.whole.history.categories
        if of_item is None:
            return np.zeros(0, np.int64)
        categories = of_item[self.items]
        return np.unique(categories[categories >= 0])

    def renumbered(self, lines: History) -> History:
        """Return the lines with rows that count the remaining ones only."""
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
        return _positions(rows, len(self.whole.category_names) + 1)[of_item[self.items]]


def _positions(rows: Rows, total: int) -> Rows:
    """Return the position of each of `total` rows in `rows`, −1 where it is missing."""
    positions = np.full(total, -1)
    positions[rows] = np.arange(len(rows))
    return positions
