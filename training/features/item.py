"""Features of an item: popularity shares, trends, rate of repeat purchases, price."""

import numpy as np

from training.dataset.customer_items import CustomerItems
from training.dataset.history import Floats, History
from training.features.price import mean_log_price
from training.features.table import FeatureTable, log_share, table_of
from training.recommenders.adoption import adoption_rate
from training.recommenders.popularity import buyer_share


def item_facts(
    history: History, customer_items: CustomerItems, horizon_days: float
) -> FeatureTable:
    again = np.bincount(customer_items.items, customer_items.counts > 1, history.items_total)
    orders = np.bincount(customer_items.items, customer_items.counts, history.items_total)
    first = np.full(history.items_total, history.now)
    last = np.full(history.items_total, np.nan)
    np.minimum.at(first, history.items, history.days)
    np.fmax.at(last, history.items, history.days)
    return table_of(
        {
            **_popularity_facts(history, customer_items, horizon_days),
            "return_rate": (again + 2) / (customer_items.buyers + 10),
            "orders_per_buyer": orders / np.maximum(customer_items.buyers, 1),
            "item_age": history.now - first,
            "item_days_since": history.now - last,
            **_price_facts(history, horizon_days),
        }
    )


def _popularity_facts(
    history: History, customer_items: CustomerItems, horizon_days: float
) -> dict[str, Floats]:
    def share(least: float, most: float) -> Floats:
        return log_share(buyer_share(history, least * horizon_days, most * horizon_days))

    def adopted(horizons: float) -> Floats:
        return log_share(adoption_rate(history, customer_items, horizons * horizon_days))

    latest, recent, season = share(0, 0.25), share(0, 1), share(0, 3)
    return {
        "log_share_latest": latest,
        "log_share_half": share(0, 0.5),
        "log_share_recent": recent,
        "log_share_season": season,
        "log_adoption_half": adopted(0.5),
        "log_adoption_recent": adopted(1),
        "log_adoption_season": adopted(3),
        "trend_latest": latest - share(0.25, 0.5),
        "trend_recent": recent - share(1, 2),
        "trend_season": recent - season,
    }


def _price_facts(history: History, horizon_days: float) -> dict[str, Floats]:
    """Return the price level, and how far the latest prices are below it (discount, clearance)."""
    if history.prices is None:
        return {}
    usual = mean_log_price(history, np.ones(len(history.days), dtype=bool))
    lately = mean_log_price(history, history.ages() <= 0.25 * horizon_days)
    return {"log_price": usual, "price_now": lately - usual}
