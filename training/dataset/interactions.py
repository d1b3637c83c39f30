"""Convert purchases with ids to a History of rows.

A row is the position in the bytewise sorted ids; the trainer uses rows until it writes a model. A
line is one item of one order: repeated scans of an item in an order are summed. Lines are sorted,
so the input's order has no effect (except without timestamps, where it is the only time).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.dataset.history import Days, Floats, History, Rows, with_returned
from training.dataset.pseudo_time import UNTIMED_DAYS, latest_order, spread
from training.sources.recurring_order_ids import split_recurring

DAY_US = 86_400_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Interactions:
    """A history with the ids of its rows. Every item of the catalogue has a row."""

    customer_ids: Sequence[str]
    item_ids: Sequence[str]
    category_names: Sequence[str]
    history: History
    catalogue: Collection[str] = ()

    @property
    def shape(self) -> tuple[int, int]:
        return self.history.shape

    def day_text(self, day: float) -> str:
        """Return a day as a date; without timestamps, as a share of each customer's orders."""
        if not self.history.timed:
            return f"{day / UNTIMED_DAYS:.1%}"
        return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")


def from_lines(
    lines: pl.DataFrame,
    *,
    timed: bool,
    categories: Mapping[str, str] | None = None,
    catalogue: Collection[str] = (),
) -> Interactions:
    """Build interactions from the lines of `ingest`; every item of `catalogue` gets a row."""
    customer_ids = _sorted_ids(lines["customer_id"])
    item_ids = _sorted_ids(pl.concat([lines["item_id"], _series(catalogue)]))
    placed = _place(lines, timed=timed).select(
        _codes("customer_id", customer_ids),
        _codes("item_id", item_ids),
        "time",
        "order",
        "quantity",
        "price",
        *(["returned"] if "returned" in lines.columns else []),
    )
    ranked = _in_order(split_recurring(placed) if timed else placed)
    starts = _starts_of(ranked["order"].to_numpy(), ranked["item_id"].to_numpy())
    orders = ranked["order"].to_numpy()[starts].astype(np.int64)
    customers = ranked["customer_id"].to_numpy()[starts].astype(np.int64)
    first = ranked["first"].to_numpy()[starts]
    days = first / DAY_US if timed else spread(customers, orders, len(customer_ids))
    names, of_item = _category_rows(item_ids, categories or {})
    bought = History(
        customers=customers,
        items=ranked["item_id"].to_numpy()[starts].astype(np.int64),
        orders=orders,
        days=days,
        quantities=_summed(ranked["quantity"], starts),
        prices=_mean_price(ranked["price"], starts),
        categories=of_item,
        customers_total=len(customer_ids),
        items_total=len(item_ids),
        now=_end_of(days, timed=timed),
        timed=timed,
    )
    history = bought
    if "returned" in lines.columns:
        places = _returned_of(ranked["returned"], starts)
        returned = places / DAY_US if timed else _days_at(places, bought, first)
        history = _without_returned(bought, returned)
    return Interactions(customer_ids, item_ids, names, history, catalogue)


def _without_returned(bought: History, returned: Days) -> History:
    """Separate the returned lines. The last day of the history may be that of a return."""
    back = np.isfinite(returned)
    now = _end_of(np.append(bought.days, returned[back]), timed=bought.timed)
    kept, gone = bought.only(~back, now=now), bought.only(back, now=now)
    return with_returned(kept, gone, returned[back])


def _returned_of(returned: pl.Series, starts: NDArray[np.intp]) -> Days:
    """Return when the last scan of each run was returned; infinity where one was kept."""
    if not len(starts):
        return np.zeros(0)
    moments = returned.cast(pl.Float64).fill_null(np.inf).to_numpy()
    return np.asarray(np.maximum.reduceat(moments, starts))


def _days_at(places: Days, bought: History, first: Rows) -> Days:
    """Convert input positions to the day of the customer's last order up to each position."""
    days = np.full(len(places), np.inf)
    back = np.isfinite(places)
    _, begins = np.unique(bought.orders, return_index=True)
    order = latest_order(
        bought.customers[begins], first[begins], bought.customers[back], places[back]
    )
    days[back] = bought.days[begins][order]
    return days


def _end_of(days: Days, *, timed: bool) -> float:
    """Return the midnight after the last order, so that the history ends with a whole day."""
    if not timed or not len(days):
        return UNTIMED_DAYS
    return float(np.floor(days.max())) + 1.0


def _place(lines: pl.DataFrame, *, timed: bool) -> pl.DataFrame:
    """Add `time` (µs, or the input position) and `order` (its id, else the day, else the row).

    The prefixes distinguish an order id from a day of the same text.
    """
    time = pl.col("at").dt.epoch("us") if timed else pl.int_range(pl.len()).cast(pl.Int64)
    day = pl.format("d{}", pl.col("time") // (DAY_US if timed else 1))
    named = pl.format("o{}", pl.col("order_id"))
    return lines.with_columns(time.alias("time")).with_columns(
        pl.coalesce(named, day).alias("order")
    )


def _sorted_ids(ids: pl.Series) -> list[str]:
    return ids.unique().sort().to_list()  # polars sorts text bytewise


def _series(ids: Collection[str]) -> pl.Series:
    return pl.Series("item_id", list(ids), dtype=pl.String)


def _codes(column: str, ids: Sequence[str]) -> pl.Expr:
    rows = pl.int_range(len(ids), dtype=pl.Int32, eager=True)
    return pl.col(column).replace_strict(pl.Series(ids, dtype=pl.String), rows)


def _in_order(placed: pl.DataFrame) -> pl.DataFrame:
    """Number the orders by customer, time and name, and sort the lines by order and item."""
    first = pl.col("time").min().over("customer_id", "order")
    number = pl.struct("customer_id", first.alias("first"), "order").rank("dense") - 1
    numbered = placed.with_columns(number.cast(pl.Int32).alias("order"), first.alias("first"))
    return numbered.sort("order", "item_id", "time", "quantity", "price", nulls_last=True)


def _starts_of(orders: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return where each run of equal order and item begins."""
    if not len(orders):
        return np.zeros(0, dtype=np.intp)
    changes = (np.diff(orders) != 0) | (np.diff(items) != 0)
    return np.flatnonzero(np.concatenate([[True], changes]))


def _summed(values: pl.Series, starts: NDArray[np.intp]) -> Floats:
    """Sum each run in the order of its lines, so that equal lines give equal bits everywhere."""
    if not len(starts):
        return np.zeros(0, dtype=np.float32)
    return np.add.reduceat(values.to_numpy(), starts).astype(np.float32)


def _mean_price(prices: pl.Series, starts: NDArray[np.intp]) -> Floats | None:
    """Average the known prices of each run; return None if there is no price at all."""
    if prices.is_null().all():
        return None
    known = _summed(prices.is_not_null().cast(pl.Float64), starts)
    total = _summed(prices.fill_null(0.0), starts)
    return np.divide(total, known, out=np.full_like(total, np.nan), where=known > 0)


def _category_rows(
    item_ids: Sequence[str], categories: Mapping[str, str]
) -> tuple[list[str], Rows | None]:
    """Return the sorted names and each item's row in them; None when no item has a category."""
    of_item = [categories.get(item) for item in item_ids]
    names = sorted({name for name in of_item if name is not None}, key=str.encode)
    if not names:
        return [], None
    row_of = {name: row for row, name in enumerate(names)}
    rows = [-1 if name is None else row_of[name] for name in of_item]
    return names, np.array(rows, dtype=np.int64)
