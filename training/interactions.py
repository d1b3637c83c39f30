"""Purchases as numbers: who bought what, in which order, when.

Ids become rows (positions in the bytewise sorted ids) and stay rows until a model is written.
One line is one item in one order: two scans of an item in one order are one line of their
summed quantity. Lines are sorted, so that the order of the input never matters (except without
timestamps, where it is all the time there is).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

Rows = NDArray[np.int32]
Floats = NDArray[np.float32]

DAY_US = 86_400_000_000
UNTIMED_AGE = 0.0


@dataclass(frozen=True, slots=True)
class Interactions:
    """Lines sorted by customer, then time. Without timestamps `days` is the place in the input.

    `categories` holds each item's row in `category_names`, and −1 for an item without one.
    """

    customer_ids: Sequence[str]
    item_ids: Sequence[str]
    customers: Rows  # (lines,)
    items: Rows  # (lines,)
    orders: Rows  # (lines,) ascending with time within a customer
    days: NDArray[np.float64]  # (lines,) days since 1970, UTC
    quantities: Floats  # (lines,) above zero
    prices: Floats  # (lines,) paid per unit; NaN where unknown
    timed: bool
    end: float  # the day (fraction) up to which these lines are all there is
    category_names: Sequence[str] = ()
    categories: Rows | None = None  # (items,)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.customer_ids), len(self.item_ids)

    @property
    def ages(self) -> NDArray[np.float64]:
        """Days from each line to the end; without timestamps all are of one age."""  # (lines,)
        if not self.timed:
            return np.full(len(self.customers), UNTIMED_AGE)
        return np.maximum(self.end - self.days, 0.0)

    def only(self, chosen: NDArray[np.bool_], end: float | None = None) -> "Interactions":
        """Keep some lines; rows of customers and items stay what they are."""
        return replace(
            self,
            customers=self.customers[chosen],
            items=self.items[chosen],
            orders=self.orders[chosen],
            days=self.days[chosen],
            quantities=self.quantities[chosen],
            prices=self.prices[chosen],
            end=self.end if end is None else end,
        )

    def matrix(self, weights: NDArray[np.floating] | None = None) -> sparse.csr_array:
        """Sum the lines' weights (one each, by default) to customers × items, sorted, float32."""
        values = np.ones(len(self.customers)) if weights is None else weights
        summed = sparse.coo_array((values, (self.customers, self.items)), shape=self.shape).tocsr()
        summed.sum_duplicates()
        summed.sort_indices()
        return summed.astype(np.float32)


def for_implicit(matrix: sparse.csr_array) -> sparse.csr_matrix:
    """Return the matrix in the form that `implicit` reads: its class, and 32-bit indices."""
    parts = (matrix.data, matrix.indices.astype(np.int32), matrix.indptr.astype(np.int32))
    return sparse.csr_matrix(parts, shape=matrix.shape)


def from_lines(
    lines: pl.DataFrame, *, timed: bool, categories: Mapping[str, str] | None = None
) -> Interactions:
    """Build interactions from purchases with the columns of ingest."""
    customer_ids, item_ids = sorted_ids(lines, "customer_id"), sorted_ids(lines, "item_id")
    ranked = in_order(
        place(lines, timed=timed).select(
            codes("customer_id", customer_ids),
            codes("item_id", item_ids),
            "time",
            "order",
            "quantity",
            "price",
        )
    )
    starts = starts_of(ranked["order"].to_numpy(), ranked["item_id"].to_numpy())
    days = ranked["time"].to_numpy()[starts] / (DAY_US if timed else 1)
    names, of_item = category_rows(item_ids, categories or {})
    return Interactions(
        customer_ids=customer_ids,
        item_ids=item_ids,
        customers=ranked["customer_id"].to_numpy()[starts],
        items=ranked["item_id"].to_numpy()[starts],
        orders=ranked["order"].to_numpy()[starts],
        days=days,
        quantities=summed(ranked["quantity"], starts),
        prices=mean_price(ranked["price"], starts),
        timed=timed,
        end=float(days.max()) if len(days) else 0.0,
        category_names=names,
        categories=of_item,
    )


def place(lines: pl.DataFrame, *, timed: bool) -> pl.DataFrame:
    """Add `time` (µs, or the place in the input) and `order` (its id, else the day, else the row).

    The prefixes keep an order id apart from a day of the same text.
    """
    time = pl.col("at").dt.epoch("us") if timed else pl.int_range(pl.len()).cast(pl.Int64)
    day = pl.format("d{}", pl.col("time") // (DAY_US if timed else 1))
    named = pl.format("o{}", pl.col("order_id"))
    return lines.with_columns(time.alias("time")).with_columns(
        pl.coalesce(named, day).alias("order")
    )


def sorted_ids(lines: pl.DataFrame, column: str) -> list[str]:
    return lines[column].unique().sort().to_list()  # polars sorts text bytewise


def codes(column: str, ids: Sequence[str]) -> pl.Expr:
    rows = pl.int_range(len(ids), dtype=pl.Int32, eager=True)
    return pl.col(column).replace_strict(pl.Series(ids, dtype=pl.String), rows)


def in_order(placed: pl.DataFrame) -> pl.DataFrame:
    """Number the orders by customer, time and name, and sort the lines by order and item."""
    first = pl.col("time").min().over("customer_id", "order")
    number = pl.struct("customer_id", first.alias("first"), "order").rank("dense") - 1
    numbered = placed.with_columns(number.cast(pl.Int32).alias("order"))
    return numbered.sort("order", "item_id", "time", "quantity", "price", nulls_last=True)


def starts_of(orders: Rows, items: Rows) -> NDArray[np.intp]:
    """Return where each run of equal order and item begins."""
    if not len(orders):
        return np.zeros(0, dtype=np.intp)
    changes = (np.diff(orders) != 0) | (np.diff(items) != 0)
    return np.flatnonzero(np.concatenate([[True], changes]))


def summed(values: pl.Series, starts: NDArray[np.intp]) -> Floats:
    """Sum each run, in the order of its lines: equal lines give equal bits on any machine."""
    if not len(starts):
        return np.zeros(0, dtype=np.float32)
    return np.add.reduceat(values.to_numpy(), starts).astype(np.float32)


def mean_price(prices: pl.Series, starts: NDArray[np.intp]) -> Floats:
    known = summed(prices.is_not_null().cast(pl.Float64), starts)
    total = summed(prices.fill_null(0.0), starts)
    return np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)


def category_rows(
    item_ids: Sequence[str], categories: Mapping[str, str]
) -> tuple[list[str], Rows | None]:
    """Return the sorted names and each item's row in them; None when no item has a category."""
    of_item = [categories.get(item) for item in item_ids]
    names = sorted({name for name in of_item if name is not None}, key=str.encode)
    if not names:
        return [], None
    row_of = {name: row for row, name in enumerate(names)}
    rows = [-1 if name is None else row_of[name] for name in of_item]
    return names, np.array(rows, dtype=np.int32)
