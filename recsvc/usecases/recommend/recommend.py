"""Recommendation lists: for a customer, for an item, for a basket, for a page, and anonymous.

A personal list requires consent; without it the answer equals the anonymous one. The live catalogue
removes unavailable items from every list. Recent events rerank the customer's lists; they also
personalize for customers unknown to the model.

A list that its model cannot fill continues with popular items. `discover` excludes every item that
the customer's lists or recent events show as bought; an item's list excludes that item.
`buy_again` is never filled up: it contains only items bought before.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol, assert_never

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, Fallback, ItemSlate, Slate
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import Admitted, ConsentRefused, admit
from recsvc.domain.values.ids import ItemId, ShopName
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.live_ranking import LiveRanking
from recsvc.model.ranking.neighbour_votes import no_candidates
from recsvc.model.registry.candidates import Candidates, RankedItems
from recsvc.model.registry.loaded import LoadedModel
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.catalogue_cache import CatalogueSnapshot
from recsvc.usecases.recommend import candidate_sources
from recsvc.usecases.recommend.answers import Answer, answer_of
from recsvc.usecases.recommend.candidate_sources import (
    anonymous_lists,
    neighbour_lists,
    popular_lists,
    rows_of,
    select_items,
)
from recsvc.usecases.recommend.personal_context import PersonalContext, personal_context_of

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Placement:
    """One list of a page. An item slate refers to the query's context item."""

    slate: Slate
    query: ListQuery


class Models(Protocol):
    """Returns the model in service for a shop."""

    def model(self, shop: ShopName, /) -> LoadedModel | None: ...


class Catalogues(Protocol):
    """Returns the live catalogue of a shop, joined to a model."""

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel, /) -> CatalogueSnapshot: ...


class LiveRankings(Protocol):
    """Returns the ranking of a shop's items by recent events."""

    def ranking(self, shop: ShopName, /) -> LiveRanking: ...


@dataclass(frozen=True, slots=True)
class BuiltList:
    """A ranked list with the slate and fallback to report, before it is rendered."""

    slate: Slate
    ranked: RankedItems
    fallback: Fallback | None
    is_personal: bool = False


class RecommendationService:
    """Builds lists from the model and the catalogue that are current at the time of a request."""

    def __init__(
        self,
        models: Models,
        catalogues: Catalogues,
        live: LiveRankings,
        now_us: Callable[[], int],
    ) -> None:
        """`now_us`: microseconds since 1970."""
        self._models = models
        self._catalogues = catalogues
        self._live = live
        self._now_us = now_us

    def recommend_for(
        self,
        context: RequestContext,
        slate: CustomerSlate,
        query: ListQuery,
        *,
        denied: bool = False,
    ) -> Answer:
        """Return the customer's list if consent permits; `denied`: the request opts out."""
        snapshot = self._snapshot(context)
        personal = self._personal(context, snapshot, denied)
        built = _for_customer(snapshot.live_items, personal, slate, query)
        return _answer(snapshot.live_items, built, query)

    def neighbours_of(
        self, context: RequestContext, item: ItemId, slate: ItemSlate, query: ListQuery
    ) -> Answer:
        """Return the item's neighbours; popular items if it has none or is unknown."""
        live_items = self._snapshot(context).live_items
        return _answer(live_items, _for_item(live_items, item, slate, query), query)

    def anonymous_list(
        self, context: RequestContext, slate: AnonymousSlate, query: ListQuery
    ) -> Answer:
        live_items = self._snapshot(context).live_items
        return _answer(live_items, _anonymous(live_items, slate, query), query)

    def complete_basket(
        self,
        context: RequestContext,
        items: Sequence[ItemId],
        query: ListQuery,
        *,
        denied: bool = False,
    ) -> Answer:
        """Return items that complete a basket, then the customer's list if there is a customer."""
        snapshot = self._snapshot(context)
        personal = self._personal_if_named(context, snapshot, denied)
        built = _for_basket(snapshot.live_items, personal, items, query)
        return _answer(snapshot.live_items, built, query)

    def fill_page(
        self, context: RequestContext, placements: Sequence[Placement], *, denied: bool = False
    ) -> list[Answer]:
        """Return one list per placement, in order; an item appears in one list at most."""
        snapshot = self._snapshot(context)
        personal = self._personal_if_named(context, snapshot, denied)
        taken: set[int] = set()
        answers: list[Answer] = []
        for placement in placements:
            built = _placed(snapshot.live_items, personal, placement, taken)
            taken.update(built.ranked.items)
            answers.append(_answer(snapshot.live_items, built, placement.query))
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
        return personal_context_of(snapshot.live_items, admission, context.profile, seconds)

    def _personal_if_named(
        self, context: RequestContext, snapshot: CatalogueSnapshot, denied: bool
    ) -> PersonalContext | ConsentRefused | None:
        """Do the same for a request that may name no customer; None: it names none."""
        return None if context.customer is None else self._personal(context, snapshot, denied)

    def _snapshot(self, context: RequestContext) -> CatalogueSnapshot:
        """Return the live items at the request's epoch; without a model, the catalogue alone."""
        model = self._models.model(context.shop) or no_model()
        snapshot = self._catalogues.at(context.shop, context.catalogue_epoch, model)
        snapshot.live_items.set_live_ranking(self._live.ranking(context.shop))
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


def _for_customer(
    live_items: LiveItems,
    personal: PersonalContext | ConsentRefused,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    if isinstance(personal, ConsentRefused):
        return _generic(live_items, query, personal.fallback, taken)
    if not live_items.model.has_slate(slate):
        return _generic(live_items, query, Fallback.NO_MODEL, taken)
    own = live_items.model.customer_slate(personal.admitted, slate)
    if own is None:
        if personal.interest is None:
            return _generic(live_items, query, Fallback.UNKNOWN_CUSTOMER, taken)
        own = no_candidates()
    seen = set(taken)
    lists = candidate_sources.customer_lists(live_items, query, personal, slate, own, seen)
    ranked = select_items(live_items, query, lists, seen)
    adds_items = candidate_sources.rule_of(slate).adds_items
    is_complete = not adds_items and len(ranked) >= _bought_before(own, personal)
    fallback = None if is_complete else _filtered_out(query, ranked)
    return BuiltList(slate, ranked, fallback, is_personal=True)


def _bought_before(own: Candidates, personal: PersonalContext) -> int:
    """Count the items that a list without added items can contain."""
    due = [] if personal.interest is None else personal.interest.due()
    return len({*own.items.tolist(), *due}) if due else len(own)


def _for_item(
    live_items: LiveItems,
    item: ItemId,
    slate: ItemSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    rows = rows_of(live_items, [item])
    has_neighbours = any(map(len, neighbour_lists(live_items, [slate], rows)))
    lists = chain(neighbour_lists(live_items, [slate], rows), popular_lists(live_items, query))
    ranked = select_items(live_items, query, lists, {*taken, *rows})
    reported = slate if has_neighbours else AnonymousSlate.POPULAR
    return BuiltList(reported, ranked, _filtered_out(query, ranked))


def _anonymous(
    live_items: LiveItems, slate: AnonymousSlate, query: ListQuery, taken: Collection[int] = ()
) -> BuiltList:
    lists = anonymous_lists(live_items, slate, query)
    ranked = select_items(live_items, query, lists, set(taken))
    return BuiltList(slate, ranked, _filtered_out(query, ranked))


def _for_basket(
    live_items: LiveItems,
    admission: PersonalContext | ConsentRefused | None,
    items: Sequence[ItemId],
    query: ListQuery,
) -> BuiltList:
    basket = rows_of(live_items, items)
    personal = admission if isinstance(admission, PersonalContext) else None
    own = None
    if personal is not None:
        own = live_items.model.customer_slate(personal.admitted, CustomerSlate.FOR_YOU)
    is_personal = own is not None or (personal is not None and personal.interest is not None)
    seen = set(basket)
    lists = candidate_sources.basket_lists(
        live_items, query, basket, personal, no_candidates() if own is None else own, seen
    )
    ranked = select_items(live_items, query, lists, seen)
    fallback = _filtered_out(query, ranked)
    if isinstance(admission, ConsentRefused):
        fallback = admission.fallback
    elif personal is not None and not is_personal:
        has_slate = live_items.model.has_slate(CustomerSlate.FOR_YOU)
        fallback = Fallback.UNKNOWN_CUSTOMER if has_slate else Fallback.NO_MODEL
    return BuiltList(ItemSlate.BOUGHT_TOGETHER, ranked, fallback, is_personal=is_personal)


def _placed(
    live_items: LiveItems,
    personal: PersonalContext | ConsentRefused | None,
    placement: Placement,
    taken: Collection[int],
) -> BuiltList:
    slate, query = placement.slate, placement.query
    match slate:
        case ItemSlate():
            if query.context_item is None:
                raise TypeError("a placement with an item slate has a context item")
            return _for_item(live_items, query.context_item, slate, query, taken)
        case AnonymousSlate():
            return _anonymous(live_items, slate, query, taken)
        case CustomerSlate():
            if personal is None:  # no customer in the request: popular items, without a fallback
                return _anonymous(live_items, AnonymousSlate.POPULAR, query, taken)
            return _for_customer(live_items, personal, slate, query, taken)
        case _:
            assert_never(slate)


def _generic(
    live_items: LiveItems, query: ListQuery, fallback: Fallback, taken: Collection[int]
) -> BuiltList:
    """Return the popular items, with the reason why the list is not personal."""
    return replace(_anonymous(live_items, AnonymousSlate.POPULAR, query, taken), fallback=fallback)


def _without_model(built: BuiltList) -> BuiltList:
    """Report an anonymous slate and `no_model`, unless a stronger fallback is set already."""
    fallback = built.fallback
    if fallback is None or fallback is Fallback.FILTERED_OUT:
        fallback = Fallback.NO_MODEL
    match built.slate:
        case AnonymousSlate():
            return replace(built, fallback=fallback)
        case CustomerSlate() | ItemSlate():
            return replace(built, slate=AnonymousSlate.POPULAR, fallback=fallback)
        case _:
            assert_never(built.slate)


def _filtered_out(query: ListQuery, ranked: RankedItems) -> Fallback | None:
    """Return FILTERED_OUT if filters or exclusions left fewer items than requested."""
    return Fallback.FILTERED_OUT if query.narrows and len(ranked) < query.n else None


def _answer(live_items: LiveItems, built: BuiltList, query: ListQuery) -> Answer:
    if live_items.model is no_model():
        built = _without_model(built)
    return answer_of(
        live_items,
        built.slate,
        built.ranked,
        query.fields,
        personalized=built.is_personal,
        fallback=built.fallback,
    )
