"""Refunds of whole orders or items as lines of negative quantity.

As in the service, a refund concerns the latest order of its id that was not bought after it: the
lines of that id less than a day before the latest one. Order ids may recur.
"""

import polars as pl

COLUMNS = ("customer_id", "order_id", "item_id", "at")
_ORDER = ("customer_id", "order_id")
_LINE = (*_ORDER, "item_id")
_REFUND = (*_ORDER, "refunded_at")


def returned_lines(lines: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """Return a line for each item of a refunded order, with the units that had not come back yet.

    `lines`: purchases, and returns as lines of negative quantity. `refunds`: COLUMNS; without an
    item a refund is of the whole order. A second refund returns lines of after the first.
    """
    refunded = refunds.rename({"item_id": "refunded_item", "at": "refunded_at"})
    is_item = pl.col("refunded_item").is_null() | (pl.col("refunded_item") == pl.col("item_id"))
    is_before = (pl.col("at") <= pl.col("refunded_at")).fill_null(value=True)
    of_latest = pl.col("bought_at") > pl.col("bought_at").max().over(_REFUND) - pl.duration(days=1)
    given_back = (
        _orders(lines, refunded)
        .with_row_index("line")
        .join(refunded, on=_ORDER)
        .filter(is_before)
        .filter(of_latest.fill_null(pl.col("at").is_null()))
        .filter(is_item)
        .unique(["line", "refunded_at"])
    )
    is_new = (pl.col("at") > pl.col("earlier")).fill_null(value=True)
    found = (
        given_back.join(_earlier(given_back), on=[*_LINE, "refunded_at"], nulls_equal=True)
        .filter(is_new)
        .group_by([*_LINE, "refunded_at"])
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") > 0)
        .sort([*_LINE, "refunded_at"])
    )
    return found.select(
        *(pl.col(name) for name in _LINE),
        pl.col("refunded_at").alias("at"),
        -pl.col("quantity").alias("quantity"),
        pl.lit(value=True).alias("has_quantity"),
        pl.lit(value=False).alias("negative_price"),
    )


def _orders(lines: pl.DataFrame, refunded: pl.DataFrame) -> pl.DataFrame:
    """Return the lines of refunded order ids with `bought_at`: the time of the purchase or, for a
    return, of the latest purchase before it.
    """
    is_bought = pl.col("quantity") > 0
    return (
        lines.filter(pl.col("order_id").is_not_null())
        .join(refunded, on=_ORDER, how="semi")
        .sort("at", ~is_bought, maintain_order=True)
        .with_columns(pl.when(is_bought).then("at").forward_fill().over(_ORDER).alias("bought_at"))
    )


def _earlier(given_back: pl.DataFrame) -> pl.DataFrame:
    """Return each refund of an item with the time of the refund before it, if any."""
    times = given_back.select(*_LINE, "refunded_at").unique().sort(*_LINE, "refunded_at")
    return times.with_columns(pl.col("refunded_at").shift(1).over(_LINE).alias("earlier"))
