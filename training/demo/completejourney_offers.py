"""The demo's offers: coupon campaigns of Complete Journey, moved to the present.

The data contains the products and the times of a coupon, but no name and no discount, so an offer
is named after its products' categories. The last day of the purchases becomes today.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from recsvc.domain.catalogue.category_paths import SEPARATOR

_LAST_DAY = datetime(2017, 12, 31, tzinfo=UTC)
_NAMED = 2  # categories in a title


def offers_of(source: Path, items: pl.DataFrame, today: datetime) -> pl.DataFrame:
    """Return one offer per coupon and campaign, for the items with a description."""
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
    """Return the most frequent categories of the items: the names below the departments."""
    levels = pl.col("category").str.split(SEPARATOR)
    name = levels.list.get(1, null_on_oob=True).fill_null(levels.list.first())
    names = name.alias("name").value_counts(sort=True).struct.field("name")
    return (
        pl.concat_str(pl.lit("Coupon for "), names.head(_NAMED).str.join(" and "))
        .first()
        .alias("title")
    )


def _moment(column: str, moved: timedelta) -> pl.Expr:
    return (pl.col(column) + moved).dt.strftime("%Y-%m-%dT%H:%M:%SZ")
