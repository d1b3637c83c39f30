"""Recommendations: for a customer who permits it, for an item, for nobody in particular.

Without permission the answer is the anonymous one, whatever is known about the customer. A
list that its own model cannot fill is topped up with popular items: `discover` never with one
that the customer's own lists show as bought, an item's neighbours never with that item.
`buy_again` alone stays short, since it promises that everything in it was bought before.
"""

from typing import Protocol

from recsvc.domain.consent import Purpose
from recsvc.domain.gate import Admitted, Refused, admit
from recsvc.domain.ids import ItemId, ShopName
from recsvc.domain.slates import (
    AnonymousSlate,
    CustomerSlate,
    Fallback,
    ItemSlate,
    ReasonCode,
    Slate,
)
from recsvc.model.candidates import Picks, assemble
from recsvc.model.loaded import LoadedModel
from recsvc.usecases.answers import Answer, Reason, RecommendedItem
from recsvc.usecases.entrance import Visit

SCORE_DIGITS = 6  # what float32 holds; its nearest double has seventeen

_PLAIN_REASONS = {code: Reason(code.label) for code in ReasonCode}


class Models(Protocol):
    """Where the model of a shop is found."""

    def model(self, shop: ShopName, /) -> LoadedModel | None: ...


class Recommender:
    """Answers from the model that is current when a request takes it; takes it once."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def for_customer(
        self,
        visit: Visit,
        slate: CustomerSlate,
        n: int,
        *,
        denied: bool = False,
    ) -> Answer:
        """Answer the visit's customer if consent permits. `denied`: this request asks for none."""
        model = self._models.model(visit.shop)
        admission = _admission(visit, denied)
        if isinstance(admission, Refused):
            return _generic(model, n, admission.fallback)
        if model is None:
            return _generic(model, n, Fallback.NO_MODEL)
        picks = _personal(model, admission, slate, n)
        if picks is None:
            return _generic(model, n, Fallback.UNKNOWN_CUSTOMER)
        return _answer(model, slate, picks, personalized=True)

    def for_item(self, shop: ShopName, item: ItemId, slate: ItemSlate, n: int) -> Answer:
        """Answer the item's neighbours; popular items for one that has none, or is unknown."""
        model = self._models.model(shop)
        row = None if model is None else model.items.row(item)
        if model is None or row is None:
            return _generic(model, n)
        neighbours = model.neighbours(slate, row)
        picks = assemble(n, neighbours, model.popular(), excluded_rows=(row,))
        shown = slate if len(neighbours) else AnonymousSlate.POPULAR
        return _answer(model, shown, picks)

    def anonymous(self, shop: ShopName, slate: AnonymousSlate, n: int) -> Answer:
        model = self._models.model(shop)
        if model is None or slate is AnonymousSlate.POPULAR:
            return _generic(model, n)
        picks = assemble(n, model.trending(), model.popular())
        return _answer(model, slate, picks)


def _admission(visit: Visit, denied: bool) -> Admitted | Refused:
    if visit.customer is None:
        raise TypeError("a visit about nobody has no customer to admit")
    if denied:
        return Refused(Fallback.NO_CONSENT)
    return admit(visit.customer, visit.consent, Purpose.PERSONALIZATION)


def _personal(model: LoadedModel, admitted: Admitted, slate: CustomerSlate, n: int) -> Picks | None:
    """Pick for a person; None when the model does not know the customer."""
    own = model.customer_slate(admitted, slate)
    if own is None:
        return None
    if slate is CustomerSlate.BUY_AGAIN or len(own) >= n:
        return assemble(n, own)
    bought = _bought_rows(model, admitted) if slate is CustomerSlate.DISCOVER else ()
    return assemble(n, own, model.popular(), excluded_rows=bought)


def _bought_rows(model: LoadedModel, admitted: Admitted) -> set[int]:
    """Return the items that the customer's own lists show as bought."""
    bought: set[int] = set()
    for slate in CustomerSlate:
        own = model.customer_slate(admitted, slate)
        if own is None:
            continue
        again = own.items[own.reasons == ReasonCode.BUY_AGAIN_DUE]
        bought.update(own.items.tolist() if slate is CustomerSlate.BUY_AGAIN else again.tolist())
        if own.reason_items is not None:
            because = own.reasons == ReasonCode.BECAUSE_YOU_BOUGHT
            bought.update(own.reason_items[because].tolist())
    return bought


def _generic(model: LoadedModel | None, n: int, fallback: Fallback | None = None) -> Answer:
    """Return what everybody gets."""
    if model is None:
        return Answer(None, AnonymousSlate.POPULAR, False, fallback or Fallback.NO_MODEL, [])
    picks = assemble(n, model.popular())
    return _answer(model, AnonymousSlate.POPULAR, picks, fallback=fallback)


def _answer(
    model: LoadedModel,
    slate: Slate,
    picks: Picks,
    *,
    personalized: bool = False,
    fallback: Fallback | None = None,
) -> Answer:
    return Answer(model.version, slate, personalized, fallback, _items(model, picks))


def _items(model: LoadedModel, picks: Picks) -> list[RecommendedItem]:
    item_ids = model.items.ids(picks.items)
    return [
        RecommendedItem(item_id, round(score, SCORE_DIGITS), _reason(model, code, row))
        for item_id, score, code, row in zip(
            item_ids, picks.scores, picks.reasons, picks.reason_items, strict=True
        )
    ]


def _reason(model: LoadedModel, code: ReasonCode, row: int | None) -> Reason:
    return _PLAIN_REASONS[code] if row is None else Reason(code.label, model.items.id(row))
