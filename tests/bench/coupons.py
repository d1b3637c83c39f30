"""The coupon campaigns of Complete Journey: offers, redemptions and times."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import polars as pl

from training.demo.completejourney import data_folder

FIRST_START = datetime(2017, 4, 1)  # noqa: DTZ001 - the data has no zone; UTC is what it is read as


@dataclass(frozen=True, slots=True)
class Campaign:
    """`offers`: offer_id, item_id. `redeemed`: customer_id, offer_id, each pair once."""

    name: str
    start: datetime
    offers: pl.DataFrame
    redeemed: pl.DataFrame

    @property
    def customers(self) -> pl.DataFrame:
        return self.redeemed.select("customer_id").unique().sort("customer_id")


def campaigns(after: datetime = FIRST_START) -> Iterator[Campaign]:
    """Yield the later campaigns with redemptions, the earliest first."""
    source = data_folder()
    descriptions = pl.read_parquet(source / "campaign_descriptions.parquet").sort("start_date")
    coupons = named(pl.read_parquet(source / "coupons.parquet"), item_id="product_id")
    redemptions = pl.read_parquet(source / "coupon_redemptions.parquet")
    redeemed = named(redemptions, customer_id="household_id")
    for campaign, start in descriptions.select("campaign_id", "start_date").iter_rows():
        theirs = redeemed.filter(pl.col("campaign_id") == campaign).drop("campaign_id")
        if start > after and theirs.height:
            offers = coupons.filter(pl.col("campaign_id") == campaign).drop("campaign_id")
            yield Campaign(str(campaign), start.replace(tzinfo=UTC), offers, theirs)


def named(table: pl.DataFrame, **columns: str) -> pl.DataFrame:
    """Return each distinct pair of a coupon and another column, as text."""
    ids = [pl.col(theirs).cast(pl.String).alias(ours) for ours, theirs in columns.items()]
    offer = pl.col("coupon_upc").cast(pl.String).alias("offer_id")
    return table.select("campaign_id", *ids, offer).unique().sort(pl.all())
