"""A model that was published before an item slate or an anonymous slate existed is served."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from recsvc.domain.catalogue.list_query import Filters, ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate, Slate
from recsvc.domain.consent.gate import Sealed
from recsvc.domain.customers.recent_events import RecentKind, encode
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.format import NEIGHBOURS, TOP_LISTS
from recsvc.usecases.recommend.answers import Answer
from recsvc.usecases.recommend.built_lists import Placement
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import customer, drop_arrays, published
from tests.unit.usecases.recommend.test_recommend import GRANTED, context, ids
from tests.unit.usecases.recommend.test_slate_rules import ANYONE, KNOWN, service_of

APPLE = ItemId("apple")
FOUR = ListQuery(4)

ServeWithout = Callable[[Slate], RecommendationService]


@pytest.fixture
def serve_without(tmp_path: Path) -> ServeWithout:
    """Serve a version that was published without the arrays of a slate."""

    def serve(slate: Slate) -> RecommendationService:
        folder = published(tmp_path)
        spec = {**NEIGHBOURS, **TOP_LISTS}[slate]
        drop_arrays(folder, *(array.name for array in spec.arrays()))
        return service_of(folder)

    return serve


def popular(service: RecommendationService, *excluded: ItemId) -> Answer:
    query = replace(FOUR, exclude=excluded)
    return service.anonymous_list(ANYONE, AnonymousSlate.POPULAR, query)


def assert_popular(answer: Answer, expected: Answer) -> None:
    assert (answer.slate, answer.fallback, answer.personalized) == ("popular", "no_model", False)
    assert (answer.items, answer.model_version) == (expected.items, expected.model_version)


@pytest.mark.parametrize("slate", list(ItemSlate))
def test_an_item_slate_that_the_model_lacks_answers_popular(
    serve_without: ServeWithout, slate: ItemSlate
) -> None:
    """The answer has the popular items without the item; the fallback is `no_model`."""
    service = serve_without(slate)

    answer = service.neighbours_of(ANYONE, APPLE, slate, FOUR)

    assert_popular(answer, popular(service, APPLE))
    assert "apple" not in ids(answer)


@pytest.mark.parametrize("slate", list(ItemSlate))
def test_the_other_item_slate_of_that_model_is_unchanged(
    serve_without: ServeWithout, slate: ItemSlate
) -> None:
    service = serve_without(slate)
    (other,) = (each for each in ItemSlate if each is not slate)

    answer = service.neighbours_of(ANYONE, APPLE, other, ListQuery(1))

    assert (answer.slate, answer.fallback) == (other, None)
    assert [item.reason.code for item in answer.items] == [other]


def test_an_unknown_item_has_the_fallback_of_the_missing_slate(serve_without: ServeWithout) -> None:
    """The model lacks the slate for every item, also for an item that it does not know."""
    service = serve_without(ItemSlate.SIMILAR)

    answer = service.neighbours_of(ANYONE, ItemId("zucchini"), ItemSlate.SIMILAR, FOUR)

    assert_popular(answer, popular(service))


@pytest.mark.parametrize("slate", [each for each in AnonymousSlate if each != "popular"])
def test_an_anonymous_slate_that_the_model_lacks_answers_popular(
    serve_without: ServeWithout, slate: AnonymousSlate
) -> None:
    service = serve_without(slate)

    answer = service.anonymous_list(ANYONE, slate, FOUR)

    assert_popular(answer, popular(service))


@pytest.mark.parametrize("slate", [*ItemSlate, AnonymousSlate.TRENDING])
def test_a_page_names_the_fallback_of_a_missing_slate(
    serve_without: ServeWithout, slate: Slate
) -> None:
    """An item appears in one list only: popular items of another list are excluded."""
    service = serve_without(slate)
    query = ListQuery(1, context_item=APPLE)

    first, second = service.fill_page(
        ANYONE, [Placement(slate, query), Placement(AnonymousSlate.POPULAR, query)]
    )

    assert (first.slate, first.fallback) == ("popular", "no_model")
    assert (second.slate, second.fallback) == ("popular", None)
    assert not {*ids(first), *ids(second)} & {"apple"}
    assert ids(first) != ids(second)


@pytest.mark.parametrize("slate", [*ItemSlate, AnonymousSlate.TRENDING])
def test_the_fallback_of_a_page_repeats_no_item(serve_without: ServeWithout, slate: Slate) -> None:
    """The popular items in place of a missing slate are not those of an earlier list."""
    query = ListQuery(1, context_item=APPLE)

    first, second = serve_without(slate).fill_page(
        ANYONE, [Placement(AnonymousSlate.POPULAR, query), Placement(slate, query)]
    )

    assert (second.slate, second.fallback) == ("popular", "no_model")
    assert {*ids(first)} & {*ids(second)} == set()
    assert (len(ids(first)), len(ids(second))) == (1, 1)


def test_a_basket_without_bought_together_answers_popular(serve_without: ServeWithout) -> None:
    """The answer equals the anonymous one, also for a customer with a list."""
    service = serve_without(ItemSlate.BOUGHT_TOGETHER)

    for request in (ANYONE, KNOWN):
        assert_popular(service.complete_basket(request, [APPLE], FOUR), popular(service, APPLE))


def test_consent_decides_before_a_missing_bought_together(serve_without: ServeWithout) -> None:
    """A basket without consent reports the missing consent, not the missing slate."""
    service = serve_without(ItemSlate.BOUGHT_TOGETHER)

    answer = service.complete_basket(KNOWN, [APPLE], FOUR, denied=True)

    assert (answer.slate, answer.fallback) == ("popular", Fallback.NO_CONSENT)


def test_a_basket_without_similar_is_completed_by_bought_together(
    serve_without: ServeWithout,
) -> None:
    service = serve_without(ItemSlate.SIMILAR)

    answer = service.complete_basket(ANYONE, [APPLE], FOUR)

    assert (answer.slate, answer.fallback) == (ItemSlate.BOUGHT_TOGETHER, None)
    assert ids(answer) == ["damson", "cherry", "banana"]


@pytest.mark.parametrize("slate", [*CustomerSlate, *AnonymousSlate])
@pytest.mark.parametrize(
    "query",
    [
        ListQuery(2, context_item=APPLE),
        ListQuery(2, diversity=0.5),
        ListQuery(2, filters=Filters(min_price=1.0)),
    ],
    ids=["context_item", "diversity", "filter"],
)
def test_other_slates_do_not_need_similar_items(
    serve_without: ServeWithout, slate: CustomerSlate | AnonymousSlate, query: ListQuery
) -> None:
    """A context item, diversity and filters read the similar items; a model may lack them."""
    service = serve_without(ItemSlate.SIMILAR)

    [answer] = service.fill_page(KNOWN, [Placement(slate, query)])

    assert answer.slate == slate
    assert answer.fallback in (None, Fallback.FILTERED_OUT)


def test_recent_events_do_not_need_similar_items(serve_without: ServeWithout) -> None:
    """Without similar items, recent events raise no item; the customer's list is unchanged."""
    service = serve_without(ItemSlate.SIMILAR)
    viewed = Sealed(customer(1), [encode(RecentKind.VIEW, 0, APPLE)])
    request = replace(context(customer(1), GRANTED), recent_events=viewed)

    answer = service.recommend_for(request, CustomerSlate.FOR_YOU, ListQuery(2))

    assert (ids(answer), answer.personalized) == (["banana", "apple"], True)
