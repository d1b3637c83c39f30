"""Held-out purchases. Customers are ranked for before their held-out items are looked up."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from training.dataset.as_of import as_of
from training.dataset.customer_items import CustomerItems
from training.dataset.ground_truth import GroundTruths, ground_truths_of
from training.dataset.history import History, Rows
from training.dataset.interactions import Interactions, from_lines
from training.dataset.windows import window_days
from training.sources.ingest import Purchases


@dataclass(frozen=True, slots=True)
class Holdout:
    """`customers` and `items` are rows of the training interactions, −1 for unknown ones."""

    given: bool
    start: str | None
    end: str | None
    customers: Rows  # (lines,)
    items: Rows  # (lines,)
    unknown_customers: Sequence[str]  # ids of customers without training data
    orders: History  # the lines of known items, of unknown customers too, as orders

    @property
    def known_customers(self) -> Rows:
        return np.unique(self.customers[self.customers >= 0])

    def ground_truths(self, customer_items: CustomerItems) -> GroundTruths:
        known = (self.customers >= 0) & (self.items >= 0)
        return ground_truths_of(customer_items, self.customers[known], self.items[known])

    def lines_unknown(self, customer_items: CustomerItems) -> int:
        """Count the lines of customers or items without training data."""
        known = (self.customers >= 0) & (self.items >= 0)
        seen = customer_items.knows(self.customers[known], self.items[known])
        return len(self.customers) - int(seen.sum())


@dataclass(frozen=True, slots=True)
class Split:
    """Training interactions and the holdout."""

    learning: Interactions
    holdout: Holdout


def given(learning: Interactions, held_out: Purchases) -> Split:
    """Use other purchases as the holdout."""
    lines = held_out.lines
    if "returned" in lines.columns:
        lines = lines.filter(pl.col("returned").is_null())
    customers = _rows_of(lines["customer_id"], learning.customer_ids)
    unknown = lines["customer_id"].filter(pl.Series(customers < 0)).unique().sort()
    items = _rows_of(lines["item_id"], learning.item_ids)
    report = held_out.report
    later = from_lines(lines, timed=held_out.timed)
    orders = _in_rows_of(
        learning,
        later.history,
        _rows_of(pl.Series(later.customer_ids, dtype=pl.String), learning.customer_ids),
        _rows_of(pl.Series(later.item_ids, dtype=pl.String), learning.item_ids),
    )
    return Split(
        learning,
        Holdout(True, report.first, report.last, customers, items, unknown.to_list(), orders),
    )


def _in_rows_of(learning: Interactions, later: History, customers: Rows, items: Rows) -> History:
    """Return the later lines of known items in the rows of the training interactions.

    `customers` and `items` map the rows, −1 for unknown ones. Unknown customers get the rows after
    the known ones.
    """
    known = learning.history
    unknown = known.customers_total + np.cumsum(customers < 0) - 1
    customers = np.where(customers < 0, unknown, customers)
    kept = later.only(items[later.items] >= 0, now=later.now)
    rows, columns = customers[kept.customers], items[kept.items]
    order = np.lexsort((columns, kept.orders, rows))
    return replace(
        kept.only(order, now=later.now),
        customers=rows[order],
        items=columns[order],
        categories=known.categories,
        customers_total=known.customers_total + int((customers >= known.customers_total).sum()),
        items_total=known.items_total,
    )


def _rows_of(ids: pl.Series, known: Sequence[str]) -> Rows:
    """Return the row of each id, −1 for an unknown one."""
    rows = pl.int_range(len(known), dtype=pl.Int64, eager=True)
    table = pl.Series(known, dtype=pl.String)
    found = ids.replace_strict(table, rows, default=-1, return_dtype=pl.Int64)
    return np.asarray(found.to_numpy())


def by_time(whole: Interactions, horizon_days: float) -> Split:
    """Hold out the last horizon; without timestamps, the last orders of each customer.

    The training interactions equal those of a file without the held-out rows.
    """
    history = whole.history
    cutoff = history.now - window_days(history, horizon_days)
    later = history.between(cutoff, history.now)
    known = as_of(whole, cutoff)
    unknown_customers = np.unique(later.customers[known.customers[later.customers] < 0])
    return Split(
        known.interactions,
        Holdout(
            given=False,
            start=whole.day_text(cutoff),
            end=whole.day_text(history.now),
            customers=known.customers[later.customers],
            items=known.items[later.items],
            orders=_in_rows_of(known.interactions, later, known.customers, known.items),
            unknown_customers=[whole.customer_ids[row] for row in unknown_customers],
        ),
    )
