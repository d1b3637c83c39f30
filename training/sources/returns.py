"""Returns: lines of negative quantity, which cancel earlier purchases.

A return takes effect at its own time. Until then the cancelled line was a purchase, so a history
that ends before the return contains it.
"""

from dataclasses import dataclass

import polars as pl

_PAIR = ("customer_id", "item_id")
_UNITS = 1_000_000  # per unit of quantity, so that weights such as 0.1 + 0.2 − 0.3 sum to exactly 0


@dataclass(frozen=True, slots=True)
class Netted:
    """Purchases, and the number of lines that are returns, cancelled or of quantity zero.

    If there were returns, `purchases` has a column `returned`: null for kept lines, else the time
    of the return in µs since 1970 or, without timestamps, the position of the last purchase before.
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
    """Mark cancelled purchases, and remove returns and lines of quantity zero.

    All of a customer's purchases of an item are cancelled at the moment when as many units were
    returned as had been bought. Until then all of them count, because the customer kept some. A
    surplus of returned units does not cancel later purchases.
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
    """Return for each line the time of its cancellation; null for a kept one."""
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
    # At equal times purchases come first, so that the order of rows has no effect.
    some = events.join(touched, on="pair", how="semi").sort("pair", "when", back, "place")
    moments = _undone(*(some[name].to_list() for name in ("pair", "when", "units")))
    found: list[int | None] = [None] * lines.height
    for place, moment in zip(some["place"], moments, strict=True):
        found[place] = moment
    return pl.Series("returned", found, pl.Int64)


def _undone(pairs: list[int], whens: list[int], units: list[int]) -> list[int | None]:
    """Return for each line the time of its cancellation. Lines are sorted by pair, then time."""
    moments: list[int | None] = [None] * len(pairs)
    pair, kept, first = None, 0, 0  # units still kept, and the first line they belong to
    for place, (here, when, more) in enumerate(zip(pairs, whens, units, strict=True)):
        if here != pair:
            pair, kept, first = here, 0, place
        kept += more
        if kept <= 0:
            moments[first : place + 1] = [when] * (place + 1 - first)
            kept, first = 0, place + 1
    return moments
