"""Returns: lines of negative quantity, which are no purchases and may cancel some."""

from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True)
class Netted:
    """Purchases after returns, and what was left out on the way."""

    purchases: pl.DataFrame
    returned: int
    cancelled: int
    no_units: int


def net(lines: pl.DataFrame) -> Netted:
    """Leave out returns, lines of no units, and purchases that were returned in full.

    A customer's purchases of an item are cancelled when at least as many units came back as
    were bought; otherwise all of them count, for the customer kept some.
    """
    quantity = pl.col("quantity")
    back = lines.filter(quantity < 0)
    bought = lines.filter(quantity > 0)
    kept = bought if back.is_empty() else without_cancelled(bought, back)
    no_units = lines.height - back.height - bought.height
    return Netted(kept, back.height, bought.height - kept.height, no_units)


def without_cancelled(bought: pl.DataFrame, back: pl.DataFrame) -> pl.DataFrame:
    pair = ("customer_id", "item_id")
    units_back = back.group_by(pair).agg(pl.col("quantity").sum().neg().alias("units_back"))
    units = bought.group_by(pair).agg(pl.col("quantity").sum().alias("units"))
    cancelled = units.join(units_back, on=pair).filter(pl.col("units_back") >= pl.col("units"))
    return bought.join(cancelled.select(pair), on=pair, how="anti", maintain_order="left")
