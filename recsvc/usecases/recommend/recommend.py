"""Recommendation lists: for a customer, for an item, for a basket, for a page, and anonymous.

A personal list requires consent; without it the answer equals the anonymous one. The live catalogue
removes unavailable items from every list. Recent events rerank the customer's lists; they also
personalize for customers unknown to the model. `built_lists` builds each list.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from recsvc.domain.catalogue.list_query import NO_FILTERS, Filters, ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import Admitted, ConsentRefused, admit
from recsvc.domain.customers.recent_events import DEFAULT_WEIGHTS, EventWeights
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueSnapshot
from recsvc.usecases.catalogue.current_catalogue import Catalogues, CurrentCatalogue, Models
from recsvc.usecases.recommend import built_lists, public_lists
from recsvc.usecases.recommend.answers import Answer, answer_of, with_unknown_items
from recsvc.usecases.recommend.built_lists import Placement
from recsvc.usecases.recommend.given_items import GivenItems, ordered_items
from recsvc.usecases.recommend.personal_context import PersonalContext, personal_context_of
from recsvc.usecases.recommend.price_currencies import require_currency
from recsvc.usecases.recommend.public_lists import BuiltList

MICROSECONDS = 1_000_000


class LiveRankings(Protocol):
    """Returns the ranking of a shop's items by recent events."""

    def ranking(self, shop: ShopName, /) -> LiveRanking: ...


class RecommendationService:
    """Builds lists from the model and the catalogue that are current at the time of a request."""

    def __init__(
        self,
        models: Models,
        catalogues: Catalogues,
        live: LiveRankings,
        now_us: Callable[[], int],
        weights: EventWeights = DEFAULT_WEIGHTS,
    ) -> None:
        """`now_us`: microseconds since 1970. `weights`: of recent events in customers' lists."""
        self._catalogue = CurrentCatalogue(models, catalogues)
        self._live = live
        self._now_us = now_us
        self._weights = weights

    def recommend_for(
        self,
        context: RequestContext,
        slate: CustomerSlate,
        query: ListQuery,
        *,
        denied: bool = False,
    ) -> Answer:
        """Return the customer's list if consent permits; `denied`: the request opts out."""
        snapshot = self._snapshot(context, query.filters)
        personal = self._personal(context, snapshot, denied)
        built = built_lists.customer_list(snapshot.live_items, personal, slate, query)
        return _answer(snapshot.live_items, built, query.fields, query.offset)

    def neighbours_of(
        self, context: RequestContext, item: ItemId, slate: ItemSlate, query: ListQuery
    ) -> Answer:
        """Return the item's neighbours; popular items if it has none or is unknown."""
        live_items = self._snapshot(context, query.filters).live_items
        built = public_lists.item_list(live_items, item, slate, query)
        return _answer(live_items, built, query.fields, query.offset)

    def anonymous_list(
        self, context: RequestContext, slate: AnonymousSlate, query: ListQuery
    ) -> Answer:
        live_items = self._snapshot(context, query.filters).live_items
        built = public_lists.anonymous_list(live_items, slate, query)
        return _answer(live_items, built, query.fields, query.offset)

    def complete_basket(
        self,
        context: RequestContext,
        items: Sequence[ItemId],
        query: ListQuery,
        *,
        denied: bool = False,
    ) -> Answer:
        """Return items that complete a basket, then the customer's list if there is a customer."""
        snapshot = self._snapshot(context, query.filters)
        personal = self._personal_if_named(context, snapshot, denied)
        built = built_lists.basket_list(snapshot.live_items, personal, items, query)
        return _answer(snapshot.live_items, built, query.fields, query.offset)

    def order_items(
        self, context: RequestContext, given: GivenItems, *, denied: bool = False
    ) -> Answer:
        """Return the given items in the order of the customer's interest, else of popularity."""
        snapshot = self._snapshot(context, given.filters)
        personal = self._personal_if_named(context, snapshot, denied)
        known, known_ids, unknown = ordered_items(snapshot.live_items, personal, given)
        answer = _answer(snapshot.live_items, known, given.fields, item_ids=known_ids)
        return with_unknown_items(answer, unknown, given.fields)

    def fill_page(
        self, context: RequestContext, placements: Sequence[Placement], *, denied: bool = False
    ) -> list[Answer]:
        """Return one list per placement, in order; an item appears in one list at most."""
        snapshot = self._snapshot(context)
        for place, placement in enumerate(placements):
            filters = placement.query.filters
            require_currency(filters, snapshot.live_items, f"placements[{place}].")
        personal = self._personal_if_named(context, snapshot, denied)
        taken: set[int] = set()
        answers: list[Answer] = []
        for placement in placements:
            built = built_lists.placed_list(snapshot.live_items, personal, placement, taken)
            taken.update(built.ranked.items)
            answers.append(
                _answer(snapshot.live_items, built, placement.query.fields, placement.query.offset)
            )
        return answers

    def _personal(
        self, context: RequestContext, snapshot: CatalogueSnapshot, denied: bool
    ) -> PersonalContext | ConsentRefused:
        """Admit the customer; only an admission opens the customer's recent events."""
        admission = _admission(context, snapshot, denied)
        if isinstance(admission, ConsentRefused):
            return admission
        if snapshot.live_items.model is no_model():
            return ConsentRefused(Fallback.NO_MODEL)
        seconds = self._now_us() / MICROSECONDS
        return personal_context_of(
            snapshot.live_items,
            admission,
            context.recent_events,
            context.history,
            context.impressions,
            seconds,
            self._weights,
        )

    def _personal_if_named(
        self, context: RequestContext, snapshot: CatalogueSnapshot, denied: bool
    ) -> PersonalContext | ConsentRefused | None:
        """Do the same for a request that may name no customer; None: it names none."""
        return None if context.customer is None else self._personal(context, snapshot, denied)

    def _snapshot(
        self, context: RequestContext, filters: Filters = NO_FILTERS
    ) -> CatalogueSnapshot:
        """Return the current catalogue with the latest ranking by recent events.

        Raises `currency_required` where the filters need a currency.
        """
        snapshot = self._catalogue.at(context)
        snapshot.live_items.set_live_ranking(self._live.ranking(context.shop))
        require_currency(filters, snapshot.live_items)
        return snapshot


def _admission(
    context: RequestContext, snapshot: CatalogueSnapshot, denied: bool
) -> Admitted | ConsentRefused:
    if context.customer is None:
        raise TypeError("a request without a customer has no admission")
    if denied:
        return ConsentRefused(Fallback.NO_CONSENT)
    if not snapshot.is_current:
        return ConsentRefused(Fallback.STORE_UNAVAILABLE)
    return admit(context.customer, context.consent, Purpose.PERSONALIZATION)


def _answer(
    live_items: LiveItems,
    built: BuiltList,
    fields: Sequence[str],
    offset: int = 0,
    item_ids: Sequence[ItemId] | None = None,
) -> Answer:
    if live_items.model is no_model():
        built = public_lists.without_model(built)
    return answer_of(
        live_items,
        built.slate,
        built.ranked,
        fields,
        offset=offset,
        personalized=built.is_personal,
        fallback=built.fallback,
        item_ids=item_ids,
    )
