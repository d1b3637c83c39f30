"""The demo's offers: the coupon campaigns of Complete Journey, moved to the present.

The data tells which products a coupon is for, and when, but neither its name nor what it takes
off: it is named after the products' categories. Times are moved so that the last day of the
purchases is today.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

_LAST_DAY = datetime(2017, 12, 31, tzinfo=UTC)
_NAMED = 2  # categories in a title


def offers_of(source: Path, items: pl.DataFrame, today: datetime) -> pl.DataFrame:
    """Return one offer for each coupon of each campaign, of those items that were described."""
    campaigns = pl.read_parquet(source / "campaign_descriptions.parquet")
    coupons = pl.read_parquet(source / "coupons.parquet").select(
        pl.format("{}-{}", "campaign_id", "coupon_upc").alias("offer_id"),
        "campaign_id",
        pl.col("product_id").cast(pl.String).alias("item_id"),
    )
    covered = coupons.unique().join(items.select("item_id", "category"), on="item_id")
    moved = today.replace(hour=0, minute=0, second=0, microsecond=0) - _LAST_DAY
    return (
        covered.group_by("offer_id", "campaign_id")
        .agg(pl.col("item_id").sort().alias("items"), _title())
        .join(campaigns, on="campaign_id")
        .select(
            "offer_id",
            "title",
            pl.lit("content").alias("kind"),
            "items",
            _moment("start_date", moved).alias("starts_at"),
            _moment("end_date", moved + timedelta(days=1)).alias("ends_at"),
        )
        .sort("offer_id")
    )


def _title() -> pl.Expr:
    """Name the categories that most of the items are in."""
    names = pl.col("category").value_counts(sort=True).struct.field("category")
    return (
        pl.concat_str(pl.lit("Coupon for "), names.head(_NAMED).str.join(" and "))
        .first()
        .alias("title")
    )


def _moment(column: str, moved: timedelta) -> pl.Expr:
    return (pl.col(column) + moved).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
