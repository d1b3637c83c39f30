"""The lists measured for unknown customers are the service's lists."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.consent.consent import ConsentPolicy, ConsentStatus
from recsvc.domain.consent.gate import Sealed
from recsvc.domain.customers.recent_events import RecentKind, encode
from recsvc.domain.values.ids import ItemId
from recsvc.model.registry.loader import load
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, published
from tests.unit.training.builders import interactions, quick, two_tastes
from tests.unit.training.test_pipeline import trained
from tests.unit.usecases.recommend.test_recommend import (
    GRANTED,
    KEY,
    STRANGER,
    NoTrends,
    OneModel,
    WholeCatalogue,
)
from training.dataset.history import Rows
from training.evaluation.warm_start import KnownPurchases, warm_model
from training.ranking.top_k import best_columns

NOW_SECONDS = 2_000_000_000
BOUGHT = [("tea-1", 0.2), ("tea-4", 1.0), ("nut-2", 20.0), ("tea-0", 40.0)]  # item, days ago


@pytest.fixture(scope="module")
def served() -> RecommendationService:
    with tempfile.TemporaryDirectory() as root:
        folder = published(Path(root), trained(two_tastes()).artifact)
        model = load(folder, shop=SHOP, fingerprint=FINGERPRINT)
    return RecommendationService(
        OneModel(model), WholeCatalogue(), NoTrends(), lambda: NOW_SECONDS * 1_000_000
    )


@pytest.mark.parametrize("slate", [CustomerSlate.FOR_YOU, CustomerSlate.DISCOVER])
@pytest.mark.parametrize("known", [1, 2, 4])
def test_the_measured_list_is_the_served_one(
    served: RecommendationService, slate: CustomerSlate, known: int
) -> None:
    """The measured list equals the served one: votes, due items, items on cooldown, popular
    items.
    """
    learned = interactions(two_tastes())
    rows: Rows = np.array([learned.item_ids.index(item) for item, _ in BOUGHT[:known]])
    ages = np.array([days for _, days in BOUGHT[:known]])
    scores = warm_model(learned.history, quick()).scores(KnownPurchases(rows, ages, rows), slate)
    shown = best_columns(scores[None, :], None, 6).columns[0]
    entries = [
        encode(RecentKind.PURCHASE, int(NOW_SECONDS - days * 86_400), ItemId(item))
        for item, days in BOUGHT[:known]
    ]
    standing = ConsentStatus(GRANTED, 1, ConsentPolicy())
    context = RequestContext(
        KEY, SHOP, STRANGER, standing, True, recent_events=Sealed(STRANGER, entries)
    )
    answer = served.recommend_for(context, slate, ListQuery(6))

    assert answer.personalized
    assert [item.item_id for item in answer.items] == [learned.item_ids[row] for row in shown]
