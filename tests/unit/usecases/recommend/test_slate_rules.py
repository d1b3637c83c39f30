"""Every slate has a rule; a slate without one is an error, never another slate's list."""

from enum import StrEnum
from pathlib import Path
from typing import get_args

import pytest

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import (
    AnonymousSlate,
    CustomerSlate,
    Fallback,
    ItemSlate,
    reason_of,
)
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.format import SLATES
from recsvc.model.registry.loader import load
from recsvc.usecases.recommend.built_lists import Placement
from recsvc.usecases.recommend.candidate_sources import rule_of
from recsvc.usecases.recommend.recommend import RecommendationService
from recsvc.web.routes.pages import SlateName
from tests.model_builders import FINGERPRINT, SHOP, customer, drop_arrays, published
from tests.unit.usecases.recommend.test_recommend import (
    GRANTED,
    STRANGER,
    NoTrends,
    OneModel,
    WholeCatalogue,
    context,
    ids,
)

ANYONE = context(None, None)
KNOWN = context(customer(1), GRANTED)


class NewSlate(StrEnum):
    """A slate that is declared, but has no rule."""

    NOVEL = "novel"


def service_of(folder: Path) -> RecommendationService:
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT)
    return RecommendationService(OneModel(model), WholeCatalogue(), NoTrends(), lambda: 0)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> RecommendationService:
    return service_of(published(tmp_path_factory.mktemp("models")))


@pytest.fixture
def without_discover(tmp_path: Path) -> RecommendationService:
    """Serve a version that was published without the lists of `discover`."""
    folder = published(tmp_path)
    drop_arrays(folder, *(spec.name for spec in SLATES[CustomerSlate.DISCOVER].arrays()))
    return service_of(folder)


@pytest.mark.parametrize("slate", list(AnonymousSlate))
def test_every_anonymous_slate_has_a_rule(
    service: RecommendationService, slate: AnonymousSlate
) -> None:
    """An anonymous slate answers under its own name, with and without a model."""
    bare = RecommendationService(OneModel(None), WholeCatalogue(), NoTrends(), lambda: 0)

    for each in (service, bare):
        assert each.anonymous_list(ANYONE, slate, ListQuery(4)).slate == slate


@pytest.mark.parametrize("slate", list(CustomerSlate))
def test_every_customer_slate_has_a_rule(
    service: RecommendationService, slate: CustomerSlate
) -> None:
    """A customer slate answers under its own name, alone and on a page."""
    alone = service.recommend_for(KNOWN, slate, ListQuery(4))
    [placed] = service.fill_page(KNOWN, [Placement(slate, ListQuery(4))])

    assert (alone.slate, alone.personalized) == (slate, True)
    assert placed == alone


@pytest.mark.parametrize("slate", list(ItemSlate))
def test_every_item_slate_has_a_reason(service: RecommendationService, slate: ItemSlate) -> None:
    """The neighbours of an item are answered with the reason of their slate."""
    answer = service.neighbours_of(ANYONE, ItemId("apple"), slate, ListQuery(1))

    assert answer.slate == slate
    assert [item.reason.code for item in answer.items] == [reason_of(slate).label]


def test_an_anonymous_slate_without_a_rule_is_an_error(service: RecommendationService) -> None:
    """A slate without a rule does not answer popular items under its own name."""
    with pytest.raises(AssertionError, match="novel"):
        service.anonymous_list(ANYONE, NewSlate.NOVEL, ListQuery(4))


def test_a_customer_slate_without_a_rule_is_an_error() -> None:
    """A slate without a rule does not inherit the rule of another slate."""
    with pytest.raises(AssertionError, match="novel"):
        rule_of(NewSlate.NOVEL)


def test_a_placement_of_an_unknown_kind_of_slate_is_an_error(
    service: RecommendationService,
) -> None:
    """A page accepts customer, item and anonymous slates only."""
    placement = Placement(NewSlate.NOVEL, ListQuery(4))

    with pytest.raises(AssertionError, match="novel"):
        service.fill_page(KNOWN, [placement])


def test_a_page_accepts_every_slate_by_name() -> None:
    """The names in the schema of a placement are those of all slates."""
    slates = [*CustomerSlate, *ItemSlate, *AnonymousSlate]

    assert sorted(get_args(SlateName)) == sorted(map(str, slates))


def test_a_slate_that_the_model_lacks_answers_popular(
    without_discover: RecommendationService,
) -> None:
    """The fallback `no_model` names the reason; the answer equals the anonymous one."""
    answer = without_discover.recommend_for(KNOWN, CustomerSlate.DISCOVER, ListQuery(4))
    popular = without_discover.anonymous_list(ANYONE, AnonymousSlate.POPULAR, ListQuery(4))

    assert (answer.slate, answer.fallback, answer.personalized) == ("popular", "no_model", False)
    assert (answer.items, answer.model_version) == (popular.items, popular.model_version)


def test_the_other_slates_of_that_model_are_personal(
    without_discover: RecommendationService,
) -> None:
    answer = without_discover.recommend_for(KNOWN, CustomerSlate.FOR_YOU, ListQuery(2))

    assert (ids(answer), answer.fallback) == (["banana", "apple"], None)


def test_consent_decides_before_the_model_does(without_discover: RecommendationService) -> None:
    """A request without consent reports the missing consent, not the missing slate."""
    answer = without_discover.recommend_for(
        KNOWN, CustomerSlate.DISCOVER, ListQuery(4), denied=True
    )

    assert answer.fallback == Fallback.NO_CONSENT


def test_a_basket_without_the_for_you_slate_names_the_fallback(tmp_path: Path) -> None:
    """The customer's list completes a basket; a model without it reports `no_model`."""
    folder = published(tmp_path)
    drop_arrays(folder, *(spec.name for spec in SLATES[CustomerSlate.FOR_YOU].arrays()))
    service = service_of(folder)

    for visitor in (KNOWN, context(STRANGER, GRANTED)):
        answer = service.complete_basket(visitor, [ItemId("apple")], ListQuery(4))

        assert (answer.fallback, answer.personalized) == (Fallback.NO_MODEL, False)
