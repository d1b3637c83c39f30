"""Recommendations: for a customer who permits it, for items, for nobody in particular.

Without permission the answer is the anonymous one, whatever is known about the customer. A
list that its own model cannot fill is topped up with popular items: `discover` never with one
that the customer's own lists show as bought, an item's neighbours never with that item.
`buy_again` alone stays short, since it promises that everything in it was bought before.
What the live catalogue withholds is in no answer. What a customer did since the training steers
the next answer; it also makes a person of a customer whom the model does not know.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

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
from recsvc.usecases.recommend import candidate_sources as lists
from recsvc.usecases.recommend.answers import Answer, answer_of
from recsvc.usecases.recommend.personal_context import PersonalContext, person_of

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Placement:
    """One list of a page. An item's slate is about the query's context item."""

    slate: Slate
    query: ListQuery


class Models(Protocol):
    """Where the model of a shop is found."""

    def model(self, shop: ShopName, /) -> LoadedModel | None: ...


@dataclass(frozen=True, slots=True)
class BuiltList:
    """A list before it is an answer."""

    slate: Slate
    picks: RankedItems
    fallback: Fallback | None
    is_personal: bool = False


class Catalogues(Protocol):
    """Where it is found what a shop offers now."""

    def at(self, shop: ShopName, epoch: int | None, model: LoadedModel, /) -> CatalogueSnapshot: ...


class LiveRankings(Protocol):
    """Where it is found what a shop's customers want now."""

    def ranking(self, shop: ShopName, /) -> LiveRanking: ...


class RecommendationService:
    """Answers from the model and the catalogue that are current when a request takes them."""

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
        """Answer the visit's customer if consent permits. `denied`: this request asks for none."""
        now = self._now(context)
        made = _for_customer(now.assortment, self._asking(context, now, denied), slate, query)
        return _answer(now.assortment, made, query)

    def for_item(
        self, context: RequestContext, item: ItemId, slate: ItemSlate, query: ListQuery
    ) -> Answer:
        """Answer the item's neighbours; popular items for one that has none, or is unknown."""
        now = self._now(context)
        return _answer(now.assortment, _for_item(now.assortment, item, slate, query), query)

    def anonymous(self, context: RequestContext, slate: AnonymousSlate, query: ListQuery) -> Answer:
        now = self._now(context)
        return _answer(now.assortment, _anonymous(now.assortment, slate, query), query)

    def for_basket(
        self,
        context: RequestContext,
        items: Sequence[ItemId],
        query: ListQuery,
        *,
        denied: bool = False,
    ) -> Answer:
        """Answer what completes a basket; for a visit about a customer, with that one's list."""
        now = self._now(context)
        who = None if context.customer is None else self._asking(context, now, denied)
        return _answer(now.assortment, _for_basket(now.assortment, who, items, query), query)

    def page(
        self, context: RequestContext, placements: Sequence[Placement], *, denied: bool = False
    ) -> list[Answer]:
        """Answer each placement in turn; no item stands in two of them."""
        now = self._now(context)
        who = None if context.customer is None else self._asking(context, now, denied)
        taken: set[int] = set()
        answers: list[Answer] = []
        for placement in placements:
            made = _placed(now.assortment, who, placement, taken)
            taken.update(made.picks.items)
            answers.append(_answer(now.assortment, made, placement.query))
        return answers

    def _asking(
        self, context: RequestContext, now: CatalogueSnapshot, denied: bool
    ) -> PersonalContext | ConsentRefused:
        """Return whom to answer. Only an admission opens what the trip brought of a customer."""
        admission = _admission(context, now, denied)
        if isinstance(admission, ConsentRefused):
            return admission
        if now.assortment.model is no_model():
            return ConsentRefused(Fallback.NO_MODEL)
        seconds = self._now_us() / MICROSECONDS
        return person_of(now.assortment, admission, context.profile, seconds)

    def _now(self, context: RequestContext) -> CatalogueSnapshot:
        """Return what can be offered; without a model, what the catalogue says."""
        model = self._models.model(context.shop) or no_model()
        now = self._catalogues.at(context.shop, context.catalogue_epoch, model)
        now.assortment.follow(self._live.ranking(context.shop))
        return now


def _admission(
    context: RequestContext, now: CatalogueSnapshot, denied: bool
) -> Admitted | ConsentRefused:
    if context.customer is None:
        raise TypeError("a request without a customer admits none")
    if denied:
        return ConsentRefused(Fallback.NO_CONSENT)
    if not now.is_current:
        return ConsentRefused(Fallback.STORE_UNAVAILABLE)
    return admit(context.customer, context.consent, Purpose.PERSONALIZATION)


def _for_customer(
    assortment: LiveItems,
    who: PersonalContext | ConsentRefused,
    slate: CustomerSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    if isinstance(who, ConsentRefused):
        return _generic(assortment, query, who.fallback, taken)
    own = assortment.model.customer_slate(who.admitted, slate)
    if own is None:
        if who.interest is None:
            return _generic(assortment, query, Fallback.UNKNOWN_CUSTOMER, taken)
        own = no_candidates()
    seen = set(taken)
    candidates = lists.personal(assortment, query, who, slate, own, seen)
    picks = lists.picks_of(assortment, query, candidates, seen)
    is_whole = slate is CustomerSlate.BUY_AGAIN and len(picks) >= _bought_before(own, who)
    return BuiltList(slate, picks, None if is_whole else _narrowed(query, picks), is_personal=True)


def _bought_before(own: Candidates, person: PersonalContext) -> int:
    """Count what `buy_again` could hold."""
    due = [] if person.interest is None else person.interest.due()
    return len({*own.items.tolist(), *due}) if due else len(own)


def _for_item(
    assortment: LiveItems,
    item: ItemId,
    slate: ItemSlate,
    query: ListQuery,
    taken: Collection[int] = (),
) -> BuiltList:
    seeds = lists.rows_of(assortment, [item])
    has_neighbours = any(map(len, lists.around(assortment, [slate], seeds)))
    candidates = chain(lists.around(assortment, [slate], seeds), lists.popular(assortment, query))
    picks = lists.picks_of(assortment, query, candidates, {*taken, *seeds})
    shown = slate if has_neighbours else AnonymousSlate.POPULAR
    return BuiltList(shown, picks, _narrowed(query, picks))


def _anonymous(
    assortment: LiveItems, slate: AnonymousSlate, query: ListQuery, taken: Collection[int] = ()
) -> BuiltList:
    is_trending = slate is AnonymousSlate.TRENDING
    source = lists.trending if is_trending else lists.popular
    picks = lists.picks_of(assortment, query, source(assortment, query), set(taken))
    return BuiltList(slate, picks, _narrowed(query, picks))


def _for_basket(
    assortment: LiveItems,
    who: PersonalContext | ConsentRefused | None,
    items: Sequence[ItemId],
    query: ListQuery,
) -> BuiltList:
    basket = lists.rows_of(assortment, items)
    person = who if isinstance(who, PersonalContext) else None
    own = None
    if person is not None:
        own = assortment.model.customer_slate(person.admitted, CustomerSlate.FOR_YOU)
    is_personal = own is not None or (person is not None and person.interest is not None)
    seen = set(basket)
    candidates = lists.completing(
        assortment, query, basket, person, no_candidates() if own is None else own, seen
    )
    picks = lists.picks_of(assortment, query, candidates, seen)
    fallback = _narrowed(query, picks)
    if isinstance(who, ConsentRefused):
        fallback = who.fallback
    elif person is not None and not is_personal:
        fallback = Fallback.UNKNOWN_CUSTOMER
    return BuiltList(ItemSlate.BOUGHT_TOGETHER, picks, fallback, is_personal=is_personal)


def _placed(
    assortment: LiveItems,
    who: PersonalContext | ConsentRefused | None,
    placement: Placement,
    taken: Collection[int],
) -> BuiltList:
    slate, query = placement.slate, placement.query
    if isinstance(slate, ItemSlate):
        about = query.context_item
        if about is None:
            raise TypeError("a placement of an item's slate names the item")
        return _for_item(assortment, about, slate, query, taken)
    if isinstance(slate, AnonymousSlate):
        return _anonymous(assortment, slate, query, taken)
    if who is None:  # about nobody: the answer to a stranger, and no reason to give
        return _anonymous(assortment, AnonymousSlate.POPULAR, query, taken)
    return _for_customer(assortment, who, slate, query, taken)


def _generic(
    assortment: LiveItems, query: ListQuery, fallback: Fallback, taken: Collection[int]
) -> BuiltList:
    """Return what everybody gets."""
    return replace(_anonymous(assortment, AnonymousSlate.POPULAR, query, taken), fallback=fallback)


def _without_model(made: BuiltList) -> BuiltList:
    """Say that there is no model, unless there is more to say; nothing goes with anything then."""
    fallback = made.fallback
    if fallback is None or fallback is Fallback.FILTERED_OUT:
        fallback = Fallback.NO_MODEL
    is_trending = made.slate is AnonymousSlate.TRENDING
    slate = AnonymousSlate.TRENDING if is_trending else AnonymousSlate.POPULAR
    return replace(made, slate=slate, fallback=fallback)


def _narrowed(query: ListQuery, picks: RankedItems) -> Fallback | None:
    """Say that the list is short because of what was asked for."""
    return Fallback.FILTERED_OUT if query.narrows and len(picks) < query.n else None


def _answer(assortment: LiveItems, made: BuiltList, query: ListQuery) -> Answer:
    if assortment.model is no_model():
        made = _without_model(made)
    return answer_of(
        assortment,
        made.slate,
        made.picks,
        query.fields,
        personalized=made.is_personal,
        fallback=made.fallback,
    )
