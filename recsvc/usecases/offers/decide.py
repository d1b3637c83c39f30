"""Decide on the offers for a customer: personal with consent, else generic.

A decision writes nothing and uses up no cap. Its record goes to the decision log, which writes it
after the answer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec
import uuid_utils
from msgspec import UNSET, UnsetType

from recsvc.domain.catalogue.slates import Fallback
from recsvc.domain.consent.consent import Purpose
from recsvc.domain.consent.gate import AdmittedToOffers, ConsentRefused, admit_to_offers
from recsvc.domain.errors import StoreUnavailable
from recsvc.domain.offers.decision_ids import DecisionId, decision_id_signers
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.offers.offer import Offer
from recsvc.domain.offers.stored_offer import StoredOffer
from recsvc.domain.offers.verdicts import OfferReason, reason_text
from recsvc.domain.values.customer_keys import Secret
from recsvc.model.artifact.format import NO_ITEM
from recsvc.model.offers.availability import has_available_item
from recsvc.model.offers.decision import OfferChoice, OfferDecision, decide, rate_generator
from recsvc.model.offers.eligibility import eligibility_table
from recsvc.model.offers.explanation import explain
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest
from recsvc.model.offers.items import ItemsSnapshot
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.no_model import no_model
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.current_catalogue import Catalogues, CurrentCatalogue, Models
from recsvc.usecases.offers.answers import (
    ConsideredView,
    OfferedView,
    OfferReasonView,
    OffersAnswer,
    considered_views,
    offered_view,
)
from recsvc.usecases.offers.customer_facts import facts_of
from recsvc.usecases.offers.decision_log import DecisionLog
from recsvc.usecases.offers.decision_records import encode_record
from recsvc.usecases.offers.offers_cache import OffersCache, OffersSnapshot

_CACHED_TITLES = 4096

ConsideredViews = list[ConsideredView] | UnsetType


@dataclass(frozen=True, slots=True)
class OffersQuery:
    """The parameters of a request. `placement` is only recorded."""

    channel: str | None = None
    n: int = 10
    placement: str | None = None
    explain: bool = False


class _Title(msgspec.Struct):
    title: str | None = None


class OfferDecider:
    """Decides on offers. `explores`: draw acceptance rates instead of using their means."""

    def __init__(
        self,
        models: Models,
        catalogues: Catalogues,
        offers: OffersCache,
        log: DecisionLog,
        secret: Secret,
        now_us: Callable[[], int],
        *,
        explores: bool = False,
    ) -> None:
        self._catalogue = CurrentCatalogue(models, catalogues)
        self._offers = offers
        self._log = log
        self._now_us = now_us
        self._explores = explores
        self._signer = decision_id_signers(secret)

    def decide_for(
        self, context: RequestContext, query: OffersQuery, *, denied: bool = False
    ) -> OffersAnswer:
        """Choose offers for the request's customer. `denied`: the request denies consent."""
        current = self._catalogue.at(context)
        snapshot = None
        if current.is_current:
            snapshot = self._offers.at(context.shop, context.offers_epoch, current.live_items)
        if snapshot is None:
            considered: ConsideredViews = [] if query.explain else UNSET
            name = self._signer(context.shop).sign_generic(self._now_us(), b"")
            return OffersAnswer(name, False, Fallback.STORE_UNAVAILABLE, [], considered)
        return self._decided(context, query, snapshot, current.live_items, denied)

    def is_eligible(
        self, context: RequestContext, stored: StoredOffer, admitted: AdmittedToOffers
    ) -> bool:
        """Return whether the admitted customer meets an offer's eligibility conditions."""
        current = self._catalogue.at(context)
        snapshot = self._offers.at(context.shop, context.offers_epoch, current.live_items)
        now_us = self._now_us()
        facts = None
        if snapshot is not None:
            facts = facts_of(snapshot.items, snapshot.offers, context, admitted, now_us)
        if snapshot is None or facts is None:
            raise StoreUnavailable("offers are unavailable; try again")
        conditions = eligibility_table(
            [stored.offer], snapshot.items
        )  # may be newer than the snapshot
        return not conditions.unmet(facts, now_us)[0]

    def has_items(self, context: RequestContext, offer: Offer) -> bool:
        """Return whether one of the items that the offer covers is available."""
        current = self._catalogue.at(context)
        snapshot = self._offers.at(context.shop, context.offers_epoch, current.live_items)
        if snapshot is None:
            raise StoreUnavailable("offers are unavailable; try again")
        return has_available_item(offer, snapshot.items)

    def _decided(
        self,
        context: RequestContext,
        query: OffersQuery,
        snapshot: OffersSnapshot,
        live_items: LiveItems,
        denied: bool,
    ) -> OffersAnswer:
        now_us, uuid7 = self._now_us(), uuid_utils.uuid7().bytes
        facts, fallback = self._facts_or_fallback(context, snapshot, now_us, denied)
        request = DecisionRequest(now_us, query.n, query.channel)
        generator = None
        if self._explores and facts is not None:
            generator = rate_generator(uuid7)
        decision = decide(
            snapshot.columns,
            snapshot.performance,
            facts,
            request,
            generator,
            snapshot.availability.sold_out(),
        )
        tags = b"".join([snapshot.tags[choice.row] for choice in decision.choices])
        offers = _views(snapshot, live_items, decision.choices)
        if facts is None:
            name = self._signer(context.shop).sign_generic(now_us, tags)
        else:
            name = self._signer(context.shop).sign(uuid7, context.customer, tags)
            self._log_decision(context, query, snapshot, decision, name, now_us)
        considered: ConsideredViews = UNSET
        if query.explain:
            considered = considered_views(explain(snapshot.columns, decision, facts, request))
        return OffersAnswer(name, facts is not None, fallback, offers, considered)

    def _facts_or_fallback(
        self, context: RequestContext, snapshot: OffersSnapshot, now_us: int, denied: bool
    ) -> tuple[CustomerFacts | None, Fallback | None]:
        """Return the facts of an admitted customer, and the reason if any are missing."""
        if context.customer is None:
            raise TypeError("offers are decided for a customer")
        if denied:
            return None, Fallback.NO_CONSENT
        admitted = admit_to_offers(context.customer, context.consent)
        if isinstance(admitted, ConsentRefused):
            return None, admitted.fallback
        facts = facts_of(snapshot.items, snapshot.offers, context, admitted, now_us)
        if facts is None:
            return None, Fallback.STORE_UNAVAILABLE
        has_no_model = snapshot.items.live_items.model is no_model()
        return facts, Fallback.NO_MODEL if has_no_model else None

    def _log_decision(
        self,
        context: RequestContext,
        query: OffersQuery,
        snapshot: OffersSnapshot,
        decision: OfferDecision,
        name: DecisionId,
        now_us: int,
    ) -> None:
        """Record the decision after the answer, if the customer permits analytics."""
        consent, customer = context.consent, context.customer
        if consent is None or customer is None or not consent.permits(Purpose.ANALYTICS):
            return

        def make_record() -> DecisionRecord:
            content = encode_record(snapshot, decision, consent, query.channel, query.placement)
            return DecisionRecord(name, customer, now_us, content)

        self._log.put(context.shop, make_record)


def _views(
    snapshot: OffersSnapshot, live_items: LiveItems, choices: Sequence[OfferChoice]
) -> list[OfferedView]:
    offers = snapshot.columns.offers
    return [
        offered_view(offers[choice.row], reason)
        for choice, reason in zip(choices, _reasons(snapshot, live_items, choices), strict=True)
    ]


def _reasons(
    snapshot: OffersSnapshot, live_items: LiveItems, choices: Sequence[OfferChoice]
) -> list[OfferReasonView]:
    """Put the reasons in words. They never name a sensitive or unavailable item."""
    rows = [NO_ITEM if choice.item is None else choice.item for choice in choices]
    if snapshot.items.live_items is not live_items:  # the snapshot is of another model
        rows = [
            NO_ITEM if row is None else row for row in _rows_in(snapshot.items, live_items, rows)
        ]
    named = [row for row in rows if row >= 0 and not _is_hidden(live_items, row)]
    ids = dict(zip(named, live_items.ids(named), strict=True))
    return [
        _you_buy(live_items, row, ids[row])
        if row in ids
        else _REASONS_WITHOUT_ITEM[_reason_without_item(choice)]
        for row, choice in zip(rows, choices, strict=True)
    ]


def _rows_in(items: ItemsSnapshot, live_items: LiveItems, rows: list[int]) -> list[int | None]:
    return [None if row < 0 else live_items.row(items.live_items.ids([row])[0]) for row in rows]


def _is_hidden(live_items: LiveItems, row: int) -> bool:
    return bool(live_items.sensitive.item(row) or live_items.unavailable.item(row))


def _reason_without_item(choice: OfferChoice) -> OfferReason:
    return choice.reason if choice.item is None else OfferReason.SUITS_YOU


def _you_buy(live_items: LiveItems, row: int, item_id: str) -> OfferReasonView:
    return OfferReasonView(_YOU_BUY, reason_text(_YOU_BUY, _title(live_items.record(row))), item_id)


@lru_cache(_CACHED_TITLES)
def _title(record: bytes) -> str | None:
    try:
        return msgspec.json.decode(record, type=_Title).title if record else None
    except msgspec.DecodeError:  # logged when the catalogue was read
        return None


_YOU_BUY = OfferReason.YOU_BUY
_REASONS_WITHOUT_ITEM = {
    reason: OfferReasonView(reason, reason_text(reason)) for reason in OfferReason
}
