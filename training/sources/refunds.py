"""Refunds of whole orders or items as lines of negative quantity."""

import polars as pl

COLUMNS = ("customer_id", "order_id", "item_id", "at")
_LINE = ("customer_id", "order_id", "item_id")


def returned_lines(lines: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """Return a line for each item of a refunded order, with the units that had not come back yet.

    `lines`: purchases, and returns as lines of negative quantity. `refunds`: COLUMNS; without an
    item a refund is of the whole order. An order that is refunded again returns nothing.
    """
    refunded = refunds.rename({"item_id": "refunded_item", "at": "refunded_at"})
    is_item = pl.col("refunded_item").is_null() | (pl.col("refunded_item") == pl.col("item_id"))
    is_before = (pl.col("at") <= pl.col("refunded_at")).fill_null(value=True)
    found = (
        lines.filter(pl.col("order_id").is_not_null())
        .with_row_index("line")
        .join(refunded, on=["customer_id", "order_id"])
        .filter(is_item & is_before)
        .unique(["line", "refunded_at"])
        .group_by([*_LINE, "refunded_at"])
        .agg(pl.col("quantity").sum())
        .filter(pl.col("quantity") > 0)
        .sort([*_LINE, "refunded_at"])
        .unique(list(_LINE), keep="first", maintain_order=True)
    )
    return found.select(
        *(pl.col(name) for name in _LINE),
        pl.col("refunded_at").alias("at"),
        -pl.col("quantity").alias("quantity"),
        pl.lit(value=True).alias("has_quantity"),
        pl.lit(value=False).alias("negative_price"),
    )
