"""Baskets and `bought_together` show no variant of a product that is there already."""

import pytest

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import ItemSlate
from recsvc.domain.values.ids import ItemId
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, published
from tests.unit.usecases.recommend.test_recommend import NoTrends, OneModel, context, ids
from tests.unit.usecases.recommend.test_reranking import Catalogue

ANYONE, ALL = context(None, None), ListQuery(10)
APPLE = ItemId("apple")  # bought together with the damson


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load(published(tmp_path_factory.mktemp("models")), shop=SHOP, fingerprint=FINGERPRINT)


def service(model: LoadedModel, **properties: CatalogueItem) -> RecommendationService:
    catalogue = Catalogue(model, *properties.values())
    return RecommendationService(OneModel(model), catalogue, NoTrends(), lambda: 0)


def fruit(**groups: str) -> dict[str, CatalogueItem]:
    """Make catalogue items with their item_group_id."""
    return {
        item: CatalogueItem(ItemId(item), item_group_id=group) for item, group in groups.items()
    }


def test_a_basket_is_not_completed_by_a_variant_of_its_items(model: LoadedModel) -> None:
    """The variant is missing among the neighbours and among the popular items behind them."""
    plain = service(model).complete_basket(ANYONE, [APPLE], ALL)
    varied = service(model, **fruit(apple="fruit", damson="fruit"))

    assert "damson" in ids(plain)
    assert ids(varied.complete_basket(ANYONE, [APPLE], ALL)) == [
        item for item in ids(plain) if item != "damson"
    ]


def test_an_items_list_has_no_variant_of_it(model: LoadedModel) -> None:
    varied = service(model, **fruit(apple="fruit", damson="fruit"))
    answer = varied.neighbours_of(ANYONE, APPLE, ItemSlate.BOUGHT_TOGETHER, ALL)

    assert "damson" not in ids(answer)


def test_items_of_other_products_stay(model: LoadedModel) -> None:
    """Two items without a group, or of different ones, are no variants of each other."""
    other = service(model, **fruit(apple="one", damson="two"))

    assert "damson" in ids(other.complete_basket(ANYONE, [APPLE], ALL))


def test_a_sensitive_item_of_a_basket_casts_no_vote(model: LoadedModel) -> None:
    """The basket is answered as if the item had no neighbours."""
    sensitive = service(model, apple=CatalogueItem(APPLE, sensitive=True))
    answer = sensitive.complete_basket(ANYONE, [APPLE], ALL)

    assert {item.reason.code for item in answer.items} == {"popular"}
