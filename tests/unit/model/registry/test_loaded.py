"""Reads of a loaded model: lists of customers and items, popular and trending items."""

from pathlib import Path

import pytest

from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.consent.consent import Purpose
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from tests.model_builders import FINGERPRINT, SHOP, admitted, customer, published


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    folder: Path = published(tmp_path_factory.mktemp("models"))
    return load(folder, shop=SHOP, fingerprint=FINGERPRINT)


def test_a_customer_list_has_reasons(model: LoadedModel) -> None:
    own = model.customer_slate(admitted(customer(1)), CustomerSlate.FOR_YOU)

    assert own is not None
    assert own.items.tolist() == [1, 0]
    assert own.reasons.tolist() == [ReasonCode.BECAUSE_YOU_BOUGHT, ReasonCode.BUY_AGAIN_DUE]
    assert own.reason_items is not None
    assert own.reason_items.tolist() == [0, -1]


def test_a_known_customer_may_have_an_empty_list(model: LoadedModel) -> None:
    own = model.customer_slate(admitted(customer(2)), CustomerSlate.BUY_AGAIN)

    assert own is not None
    assert len(own) == 0


def test_an_unknown_customer_is_none(model: LoadedModel) -> None:
    assert model.customers.row(customer(3)) is None
    assert model.customer_slate(admitted(customer(3)), CustomerSlate.FOR_YOU) is None


def test_what_the_lists_show_as_bought(model: LoadedModel) -> None:
    """Items of `buy_again` and items that reasons name count as bought; others do not."""
    assert set(model.bought(admitted(customer(1)))) == {0}
    assert next(model.bought(admitted(customer(1)))) == 0
    assert [*model.bought(admitted(customer(2)))] == []
    assert [*model.bought(admitted(customer(3)))] == []


def test_a_personal_list_requires_an_admission(model: LoadedModel) -> None:
    """A customer key alone does not open a personal list."""
    with pytest.raises(TypeError):
        model.customer_slate(customer(1), CustomerSlate.FOR_YOU)
    with pytest.raises(TypeError):
        model.bought(customer(1))


def test_an_admission_to_email_opens_no_personal_list(model: LoadedModel) -> None:
    """A grant of one purpose does not grant another."""
    to_email = admitted(customer(1), Purpose.EMAIL)

    with pytest.raises(TypeError):
        model.customer_slate(to_email, CustomerSlate.FOR_YOU)


@pytest.mark.parametrize(
    ("slate", "row", "items", "reason"),
    [
        (ItemSlate.SIMILAR, 0, [1, 2], ReasonCode.SIMILAR),
        (ItemSlate.SIMILAR, 2, [], ReasonCode.SIMILAR),
        (ItemSlate.BOUGHT_TOGETHER, 3, [0], ReasonCode.BOUGHT_TOGETHER),
    ],
)
def test_neighbours_name_the_item_they_are_neighbours_of(
    model: LoadedModel, slate: ItemSlate, row: int, items: list[int], reason: ReasonCode
) -> None:
    found = model.neighbours(slate, row)

    assert items == found.items.tolist()
    assert [reason] * len(items) == found.reasons.tolist()
    assert found.reason_items is not None
    assert [row] * len(items) == found.reason_items.tolist()


@pytest.mark.parametrize("row", [-1, 4])
def test_neighbours_of_no_row_are_an_error(model: LoadedModel, row: int) -> None:
    with pytest.raises(IndexError):
        model.neighbours(ItemSlate.SIMILAR, row)


def test_popular_trending_and_categories(model: LoadedModel) -> None:
    stone = model.category_popular("stone")

    assert model.popular().items.tolist() == [3, 2, 1, 0]
    assert model.popular().reasons.tolist() == [ReasonCode.POPULAR] * 4
    assert model.trending().items.tolist() == [2]
    assert model.trending().reasons.tolist() == [ReasonCode.TRENDING]
    assert stone is not None
    assert stone.items.tolist() == [3, 2]
    assert stone.reasons.tolist() == [ReasonCode.POPULAR_IN_CATEGORY] * 2
    assert model.category_popular("sto") is None
