"""The lists measured for unknown customers are the service's lists."""

import tempfile
from pathlib import Path

import numpy as np
import pytest

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import CustomerSlate
from recsvc.domain.consent.consent import ConsentPolicy, ConsentStatus
from recsvc.domain.consent.gate import Sealed
from recsvc.domain.customers.purchase_history import BoughtItem, PurchaseHistory, encode
from recsvc.domain.values.ids import ItemId
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, published
from tests.unit.training.builders import interactions, two_tastes
from tests.unit.training.test_pipeline import trained
from tests.unit.usecases.recommend.test_recommend import (
    GRANTED,
    KEY,
    STRANGER,
    NoTrends,
    OneModel,
    WholeCatalogue,
)
from training.dataset.segments import NOTHING
from training.evaluation.warm_start import LiveScores
from training.lists.told_purchases import ToldPurchases

NOW_SECONDS = 2_000_000_000
BOUGHT = [("tea-1", 0.2), ("tea-4", 1.0), ("nut-2", 20.0), ("tea-0", 40.0)]  # item, days ago


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    with tempfile.TemporaryDirectory() as root:
        folder = published(Path(root), trained(two_tastes()).artifact)
        return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


@pytest.mark.parametrize("slate", list(CustomerSlate))
@pytest.mark.parametrize("known", [1, 2, 4])
def test_the_measured_list_is_the_served_one(
    model: LoadedModel, slate: CustomerSlate, known: int
) -> None:
    """The measured list equals the list that the service answers from the stored history."""
    service = RecommendationService(
        OneModel(model), WholeCatalogue(), NoTrends(), lambda: NOW_SECONDS * 1_000_000
    )
    ids = interactions(two_tastes()).item_ids
    bought = [
        BoughtItem(ItemId(item), 1, int(NOW_SECONDS / 60 - days * 1440))
        for item, days in BOUGHT[:known]
    ]
    told = ToldPurchases(
        np.array([ids.index(item.item_id) for item in bought]),
        np.ones(known, np.int64),
        np.array([(NOW_SECONDS - item.last_minute * 60) / 86_400 for item in bought]),
        np.array(sorted(ids.index(item.item_id) for item in bought)),
    )
    scores = LiveScores(model.history_arrays, model.intervals, model.popular().items)
    shown = [ids[row] for row in scores.best(told, slate).tolist() if row != NOTHING]
    standing = ConsentStatus(GRANTED, 1, ConsentPolicy())
    text = encode(PurchaseHistory(items=tuple(bought)))
    context = RequestContext(KEY, SHOP, STRANGER, standing, True, history=Sealed(STRANGER, [text]))
    answer = service.recommend_for(context, slate, ListQuery(6))

    assert answer.personalized
    assert [item.item_id for item in answer.items] == shown[:6]
