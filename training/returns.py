"""Returns: lines of negative quantity, which are no purchases and may undo earlier ones.

A return counts from its own moment on. What it undoes was a purchase until then, so that a past
which ends earlier still holds it.
"""

from dataclasses import dataclass

import polars as pl

PAIR = ("customer_id", "item_id")
UNITS = 1_000_000  # of a quantity: weights such as 0.1 + 0.2 − 0.3 must come out even


@dataclass(frozen=True, slots=True)
class Netted:
    """Purchases, and what is no purchase or none any more.

    Where anything was returned, `purchases` have a column `returned`: null for what was kept, else
    the moment in µs since 1970 or, without timestamps, the place of the last purchase before it.
    """

    purchases: pl.DataFrame
    returned: int
    cancelled: int
    no_units: int

    @property
    def kept(self) -> pl.DataFrame:
        if "returned" not in self.purchases.columns:
            return self.purchases
        return self.purchases.filter(pl.col("returned").is_null())


def net(lines: pl.DataFrame) -> Netted:
    """Mark the purchases that were undone, and leave out returns and lines of no units.

    A customer's purchases of an item are undone at the moment when as many units have come back
    as were bought until then; before that all of them count, for the customer kept some. What
    comes back beyond that undoes nothing that is bought later.
    """
    quantity = pl.col("quantity")
    bought = lines.filter(quantity > 0)
    back = lines.select((quantity < 0).sum()).item()
    no_units = lines.height - back - bought.height
    if not back:
        return Netted(bought, 0, 0, no_units)
    marked = lines.with_columns(returned_at(lines).alias("returned")).filter(quantity > 0)
    return Netted(marked, back, marked.height - marked["returned"].null_count(), no_units)


def returned_at(lines: pl.DataFrame) -> pl.Series:
    """Return, line by line, when a purchase was undone; null where it never was."""
    quantity = pl.col("quantity")
    timed = lines["at"].null_count() == 0
    when = pl.col("at").dt.epoch("us") if timed else (quantity > 0).cum_sum().cast(pl.Int64) - 1
    events = lines.select(
        *PAIR,
        when.alias("when"),
        (quantity * UNITS).round().cast(pl.Int64).alias("units"),
        pl.int_range(pl.len()).alias("place"),
    )
    touched = events.filter(pl.col("units") < 0).select(PAIR).unique()
    # At one moment purchases come first, so that the order of rows does not matter.
    sorting = (*PAIR, "when", pl.col("units") < 0, "place")
    some = events.join(touched, on=PAIR, how="semi").sort(*sorting)
    level = pl.col("units").cum_sum().over(PAIR)
    lowest = pl.min_horizontal(level.cum_min().over(PAIR), 0)
    undone = pl.when((pl.col("units") < 0) & (level <= lowest)).then("when")
    marked = some.select(*PAIR, "place", undone.alias("returned"))
    filled = marked.select("place", pl.col("returned").backward_fill().over(PAIR))
    return events.join(filled, on="place", how="left", maintain_order="left")["returned"]
