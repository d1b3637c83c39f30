"""Pages of a list fit together; one variant of each product; sensitive items beside no other."""

from pathlib import Path

import pytest

from recsvc.domain.catalogue.item import CatalogueItem
from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.artifact import Artifact, empty_lists
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, neighbours, published, top
from tests.unit.usecases.recommend.test_recommend import NoTrends, OneModel, context, ids
from tests.unit.usecases.recommend.test_reranking import Catalogue

ANYONE = context(None, None)
TOTAL = 120
NAMES = [ItemId(f"i{number:03d}") for number in range(TOTAL)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model whose popular list is NAMES; the first two items have neighbours."""
    near = [list(range(1, 100)), list(range(60, 70)), *([] for _ in NAMES[2:])]
    artifact = Artifact(
        item_ids=NAMES,
        customer_keys=[],
        slates=dict.fromkeys(CustomerSlate, empty_lists(0)),
        neighbours={
            ItemSlate.SIMILAR: neighbours(near),
            ItemSlate.BOUGHT_TOGETHER: empty_lists(TOTAL),
        },
        popular=top(*range(TOTAL)),
        trending=top(),
    )
    folder: Path = tmp_path_factory.mktemp("models")
    return load(published(folder, artifact), shop=SHOP, fingerprint=FINGERPRINT)


def service(model: LoadedModel, *items: CatalogueItem) -> RecommendationService:
    return RecommendationService(OneModel(model), Catalogue(model, *items), NoTrends(), lambda: 0)


def popular(made: RecommendationService, query: ListQuery) -> list[str]:
    return ids(made.anonymous_list(ANYONE, AnonymousSlate.POPULAR, query))


@pytest.mark.parametrize("size", [7, 10, 50])
def test_the_pages_of_a_popular_list_have_each_item_once(model: LoadedModel, size: int) -> None:
    """Also where the first fifty items have fewer than three categories."""
    made = service(
        model,
        *(
            CatalogueItem(name, category="AB"[number % 2] if number < 55 else "C")
            for number, name in enumerate(NAMES)
        ),
    )
    pages = [
        name
        for start in range(0, TOTAL, size)
        for name in popular(made, ListQuery(size, offset=start))
    ]

    assert sorted(pages) == list(NAMES)


def test_a_list_of_products_with_many_variants_is_filled(model: LoadedModel) -> None:
    """Of twenty variants of a product, `similar` shows one; its pages continue the list."""
    made = service(
        model,
        *(
            CatalogueItem(name, item_group_id=f"product {number // 20}")
            for number, name in enumerate(NAMES)
        ),
    )
    whole = ids(made.neighbours_of(ANYONE, NAMES[0], ItemSlate.SIMILAR, ListQuery(5)))
    rest = ids(made.neighbours_of(ANYONE, NAMES[0], ItemSlate.SIMILAR, ListQuery(5, offset=2)))

    assert whole == ["i001", "i020", "i040", "i060", "i080"]
    assert rest == ["i040", "i060", "i080", "i100"]


def beside_second(model: LoadedModel, *items: CatalogueItem) -> list[str]:
    """Return the first popular items beside the second item."""
    return popular(service(model, *items), ListQuery(3, context_item=NAMES[1]))


def test_a_sensitive_context_item_has_no_neighbours(model: LoadedModel) -> None:
    """The list is the popular one without the item."""
    assert beside_second(model) == ["i060", "i061", "i062"]
    assert beside_second(model, CatalogueItem(NAMES[1], sensitive=True)) == ["i000", "i002", "i003"]


def test_a_sensitive_neighbour_is_not_listed_beside_the_context_item(model: LoadedModel) -> None:
    """It keeps its place among the popular items, which no other item gives it."""
    sensitive = CatalogueItem(NAMES[61], sensitive=True)

    assert beside_second(model, sensitive) == ["i060", "i062", "i063"]
