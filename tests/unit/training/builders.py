"""Small shops with answers known by construction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.values.customer_keys import CustomerHasher, Secret
from recsvc.domain.values.ids import ItemId, ShopName
from training.dataset.history import History
from training.dataset.interactions import Interactions, from_lines
from training.dataset.training_data import TrainingData, training_data_of
from training.progress import SILENT
from training.ranking.lambdarank import Boosting
from training.settings import TrainingSettings
from training.sources.consents import AssumeGranted, TrainingPermission
from training.sources.ingest import Purchases, Request, read_purchases
from training.sources.item_catalogue import ItemCatalogue, catalogue_of
from training.sources.purchase_files import PurchaseFiles

NOW = datetime(2026, 6, 1, tzinfo=UTC)
FIRST_DAY = datetime(2026, 1, 1, 12, tzinfo=UTC)
HASHER = CustomerHasher(Secret("a secret of the tests, long enough"), ShopName("test"))

Line = tuple[str, str, float]


def lines(bought: Iterable[Line], **columns: Sequence[Any]) -> pl.DataFrame:
    """Make purchases of (customer, item, day)."""
    rows = list(bought)
    return pl.DataFrame(
        {
            "customer_id": [customer for customer, _, _ in rows],
            "item_id": [item for _, item, _ in rows],
            "at": [FIRST_DAY + timedelta(days=day) for _, _, day in rows],
            "quantity": columns.get("quantity", [1.0] * len(rows)),
            "price": columns.get("price", [None] * len(rows)),
            "order_id": columns.get("order_id", [None] * len(rows)),
            "channel": [None] * len(rows),
        },
        schema={
            "customer_id": pl.String,
            "item_id": pl.String,
            "at": pl.Datetime("us", "UTC"),
            "quantity": pl.Float64,
            "price": pl.Float64,
            "order_id": pl.String,
            "channel": pl.String,
        },
    )


def interactions(bought: Iterable[Line], **columns: Sequence[Any]) -> Interactions:
    return from_lines(lines(bought, **columns), timed=True)


def history(bought: Iterable[Line], **columns: Sequence[Any]) -> History:
    return interactions(bought, **columns).history


def training_data(bought: Iterable[Line], **columns: Sequence[Any]) -> TrainingData:
    return training_data_of(history(bought, **columns))


def quick(seed: int = 3, horizon_days: float = 10, **changes: Any) -> TrainingSettings:
    """Return settings of few windows and rounds, for shops of few customers."""
    few = {
        "k_anonymity": 1,
        "judged_windows": 2,
        "older_windows": 1,
        "final_seeds": 1,
        "boosting": Boosting(rounds=5),
    }
    return TrainingSettings(seed, horizon_days, **{**few, **changes})


def two_tastes(customers: int = 20, visits: int = 12) -> list[Line]:
    """Half of the customers buy only `tea-*`, half only `nut-*`, three items per visit."""
    return [
        (f"c{customer}", f"{taste}-{(customer + visit * pick) % 6}", visit * 5 + customer / 10)
        for customer in range(customers)
        for taste in ["tea" if customer < customers // 2 else "nut"]
        for visit in range(visits)
        for pick in range(3)
    ]


def checkerboard(size: int = 12) -> list[Line]:
    """Customer i has bought item j when i + j is even, except for one item of their own colour."""
    return [
        (f"c{i:02d}", f"i{j:02d}", float((i * 7 + j * 3) % 40))
        for i in range(size)
        for j in range(size)
        if (i + j) % 2 == 0 and j != (i + 2) % size
    ]


def new_tastes(customers: int = 40, items: int = 30, bought: int = 20) -> list[Line]:
    """Half of the customers buy only `a*`, half only `b*`, and no item is bought twice."""
    rng = np.random.default_rng(5)
    return [
        (f"c{customer}", f"{'ab'[customer % 2]}{item:02d}", float(day))
        for customer in range(customers)
        for day, item in enumerate(rng.permutation(items)[:bought])
    ]


def loyal_and_curious(customers: int = 80, visits: int = 12) -> list[Line]:
    """Even customers repeat three items at each visit; odd ones buy new items of their taste.

    No base model distinguishes them: it ranks own items first for both kinds or for neither.
    """
    rng = np.random.default_rng(7)
    bought: list[Line] = []
    for customer in range(customers):
        taste = rng.permutation([f"{'ab'[customer // 2 % 2]}{item:02d}" for item in range(40)])
        for visit in range(visits):
            start = 3 * visit if customer % 2 else 0
            bought += [
                (f"c{customer:02d}", str(item), visit * 5 + customer % 5 / 5)
                for item in taste[start : start + 3]
            ]
    return bought


def leaflets(
    customers: int = 300, items: int = 150, periods: int = 9, period_days: int = 10
) -> tuple[list[Line], list[float]]:
    """Return lines and prices of a shop with rare visits and other items in every period.

    Each item has its own price, so a model with item features can overfit to the items of past
    periods; the last period is that of the holiday.
    """
    rng = np.random.default_rng(11)
    usual = 1.0 / np.arange(1, items + 1) ** 0.7
    prices = np.round(np.exp(rng.normal(1.0, 1.0, items)), 2)
    bought: list[Line] = []
    for period in range(periods):
        wanted = usual.copy()
        wanted[rng.choice(items, 8, replace=False)] = 1.0
        for customer in rng.choice(customers, customers * 2 // 3, replace=False):
            day = period * period_days + int(rng.integers(period_days)) - 0.5
            chosen = rng.choice(items, 4, replace=False, p=wanted / wanted.sum())
            bought += [(f"c{customer}", f"i{item:03d}", day) for item in chosen]
    return bought, [float(prices[int(item[1:])]) for _, item, _ in bought]


def write(path: Path, bought: Iterable[Line]) -> Path:
    """Write purchases as a CSV with timestamps."""
    table = lines(bought).select("customer_id", "item_id", pl.col("at").alias("timestamp"))
    table.with_columns(pl.col("timestamp").dt.strftime("%Y-%m-%dT%H:%M:%SZ")).write_csv(path)
    return path


def read(location: Path, permission: TrainingPermission | None = None, **options: Any) -> Purchases:
    request = Request(
        source=PurchaseFiles(str(location)),
        renames=options.get("renames", {}),
        max_bad=options.get("max_bad", 0.01),
        now=options.get("now", NOW),
    )
    sensitive = options.get("sensitive", ())
    return read_purchases(request, permission or AssumeGranted(), sensitive, SILENT)


def catalogue_with(categories: Mapping[str, str]) -> ItemCatalogue:
    """Return a catalogue of items with a category each."""
    items = (CatalogueItem(ItemId(item), category=path) for item, path in categories.items())
    return catalogue_of(items, origin="test")
