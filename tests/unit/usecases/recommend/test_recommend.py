"""The recommendation service alone: no store, no HTTP, a model built by hand."""

from dataclasses import dataclass

import pytest

from recsvc.domain.api_keys import ApiKey, KeyKind
from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate
from recsvc.domain.consent.consent import (
    NO_CONSENT,
    ConsentPolicy,
    ConsentRecord,
    ConsentStatus,
    Purpose,
    PurposeConsent,
)
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.model.ranking.catalogue_columns import CatalogueColumns
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.loader import load
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueSnapshot
from recsvc.usecases.recommend.answers import Answer
from recsvc.usecases.recommend.recommend import RecommendationService
from tests.model_builders import FINGERPRINT, SHOP, customer, published

KEY = ApiKey("sk-1", SHOP, KeyKind.SECRET, "0" * 64, frozenset(), 0)
GRANTED = ConsentRecord({Purpose.PERSONALIZATION: PurposeConsent(granted=True, at_us=1)})
STRANGER = CustomerKey(b"\xff" * 16)


@dataclass(frozen=True)
class OneModel:
    """Returns one model for every shop."""

    held: LoadedModel | None

    def model(self, _shop: ShopName) -> LoadedModel | None:
        return self.held


class WholeCatalogue:
    """A shop without a catalogue: every item of the model is available."""

    def at(self, _shop: ShopName, _epoch: int | None, model: LoadedModel) -> CatalogueSnapshot:
        return CatalogueSnapshot(LiveItems(model, CatalogueColumns(), 0), is_current=True)


class NoTrends:
    """A shop without recent events."""

    def ranking(self, _shop: ShopName) -> LiveRanking:
        return LiveRanking()


@pytest.fixture(scope="module")
def recommender(tmp_path_factory: pytest.TempPathFactory) -> RecommendationService:
    folder = published(tmp_path_factory.mktemp("models"))
    model = load(folder, shop=SHOP, fingerprint=FINGERPRINT)
    return RecommendationService(OneModel(model), WholeCatalogue(), NoTrends(), lambda: 0)


def context(key: CustomerKey | None, consent: ConsentRecord | None) -> RequestContext:
    standing = None if consent is None else ConsentStatus(consent, 1, ConsentPolicy())
    return RequestContext(KEY, SHOP, key, standing, store_answered=consent is not None)


def ids(answer: Answer) -> list[str]:
    return [item.item_id for item in answer.items]


@pytest.mark.parametrize(
    ("key", "consent", "denied", "fallback"),
    [
        (customer(1), GRANTED, False, None),
        (customer(1), GRANTED, True, Fallback.NO_CONSENT),
        (customer(1), NO_CONSENT, False, Fallback.UNKNOWN_CUSTOMER),
        (customer(1), ConsentRecord({}, frozenset({"email"})), False, Fallback.NO_CONSENT),
        (customer(1), None, False, Fallback.STORE_UNAVAILABLE),
        (STRANGER, GRANTED, False, Fallback.UNKNOWN_CUSTOMER),
    ],
)
def test_only_a_known_consenting_customer_gets_a_personal_answer(
    recommender: RecommendationService,
    key: CustomerKey,
    consent: ConsentRecord | None,
    denied: bool,
    fallback: Fallback | None,
) -> None:
    """All other requests get the popular list with the reason."""
    answer = recommender.recommend_for(
        context(key, consent), CustomerSlate.FOR_YOU, ListQuery(4), denied=denied
    )

    assert (answer.personalized, answer.fallback) == (fallback is None, fallback)


def test_an_answer_without_consent_is_the_anonymous_one(recommender: RecommendationService) -> None:
    """An answer without consent equals the anonymous one in every member but the fallback."""
    generic = recommender.recommend_for(
        context(customer(1), NO_CONSENT), CustomerSlate.BUY_AGAIN, ListQuery(3)
    )
    anonymous = recommender.anonymous_list(
        context(None, None), AnonymousSlate.POPULAR, ListQuery(3)
    )

    assert (generic.items, generic.slate, generic.model_version, generic.personalized) == (
        anonymous.items,
        anonymous.slate,
        anonymous.model_version,
        anonymous.personalized,
    )


def test_trending_is_topped_up_with_popular_items(recommender: RecommendationService) -> None:
    """The only trending item comes first, and popular items follow without it."""
    answer = recommender.anonymous_list(context(None, None), AnonymousSlate.TRENDING, ListQuery(4))

    assert ids(answer) == ["cherry", "damson", "banana", "apple"]
    assert [item.reason.code for item in answer.items] == ["trending"] + ["popular"] * 3


def test_an_item_is_never_among_its_own_neighbours(recommender: RecommendationService) -> None:
    """The item is excluded from the popular items of its list too."""
    answer = recommender.neighbours_of(
        context(None, None), ItemId("damson"), ItemSlate.SIMILAR, ListQuery(100)
    )

    assert sorted(ids(answer)) == ["apple", "banana", "cherry"]


def test_without_a_model_the_answer_is_empty() -> None:
    """A shop without a model and catalogue gets empty lists with the fallback `no_model`."""
    bare = RecommendationService(OneModel(None), WholeCatalogue(), NoTrends(), lambda: 0)

    answers = [
        bare.recommend_for(context(customer(1), GRANTED), CustomerSlate.FOR_YOU, ListQuery(5)),
        bare.neighbours_of(context(None, None), ItemId("apple"), ItemSlate.SIMILAR, ListQuery(5)),
        bare.anonymous_list(context(None, None), AnonymousSlate.TRENDING, ListQuery(5)),
    ]

    assert [(answer.items, answer.fallback) for answer in answers] == [([], Fallback.NO_MODEL)] * 3


def test_a_personal_list_requires_a_customer(recommender: RecommendationService) -> None:
    """A personal list for a request without a customer is a programming error."""
    with pytest.raises(TypeError):
        recommender.recommend_for(context(None, NO_CONSENT), CustomerSlate.FOR_YOU, ListQuery(5))
