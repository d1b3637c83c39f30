"""Returns: lines of negative quantity, which are no purchases and may undo earlier ones.

A return counts from its own moment on. What it undoes was a purchase until then, so that a past
which ends earlier still holds it.
"""

from dataclasses import dataclass

import polars as pl

_PAIR = ("customer_id", "item_id")
_UNITS = 1_000_000  # of a quantity: weights such as 0.1 + 0.2 − 0.3 must come out even


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
    marked = lines.with_columns(_returned_at(lines)).filter(quantity > 0)
    return Netted(marked, back, marked.height - marked["returned"].null_count(), no_units)


def _returned_at(lines: pl.DataFrame) -> pl.Series:
    """Return, line by line, when a purchase was undone; null where it never was."""
    quantity = pl.col("quantity")
    timed = lines["at"].null_count() == 0
    when = pl.col("at").dt.epoch("us") if timed else (quantity > 0).cum_sum().cast(pl.Int64) - 1
    customer, item = (pl.col(name).cast(pl.Categorical).to_physical() for name in _PAIR)
    events = lines.select(
        (customer.cast(pl.Int64) * (1 << 32) + item).alias("pair"),
        when.alias("when"),
        (quantity * _UNITS).round().cast(pl.Int64).alias("units"),
        pl.int_range(pl.len()).alias("place"),
    )
    back = pl.col("units") < 0
    touched = events.filter(back).select("pair").unique()
    # At one moment purchases come first, so that the order of rows does not matter.
    some = events.join(touched, on="pair", how="semi").sort("pair", "when", back, "place")
    moments = _undone(*(some[name].to_list() for name in ("pair", "when", "units")))
    found: list[int | None] = [None] * lines.height
    for place, moment in zip(some["place"], moments, strict=True):
        found[place] = moment
    return pl.Series("returned", found, pl.Int64)


def _undone(pairs: list[int], whens: list[int], units: list[int]) -> list[int | None]:
    """Return the moment at which each line was undone; lines stand by pair and moment."""
    moments: list[int | None] = [None] * len(pairs)
    pair, kept, first = None, 0, 0  # units that are still kept, and the first line they are of
    for place, (here, when, more) in enumerate(zip(pairs, whens, units, strict=True)):
        if here != pair:
            pair, kept, first = here, 0, place
        kept += more
        if kept <= 0:
            moments[first : place + 1] = [when] * (place + 1 - first)
            kept, first = 0, place + 1
    return moments
