"""Events as a shop or a browser sends them: each is taken in, known already, or refused alone.

What is written of a customer, the customer's consent decides, in the store and in the same step.
Here it is decided what could be written at all: nothing sensitive into a history, nothing that
only servers may say from a browser, and no count that a browser could drive up.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recsvc.domain.customers.recent_events import RecentKind
from recsvc.domain.errors import BadRequest, Forbidden, RecsvcError, StoreUnavailable
from recsvc.domain.events import Event, EventType, Outcome, browser_faults, read_event, refusal
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.no_model import no_model
from recsvc.stores.events.events import EventStore, IncomingEvent
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.offers.tracking import OfferTracking
from recsvc.usecases.recommend.recommend import Catalogues, Models

RECENT_KINDS: Mapping[EventType, RecentKind] = {
    EventType.VIEW: RecentKind.VIEW,
    EventType.ADD_TO_CART: RecentKind.ADD_TO_CART,
    EventType.REMOVE_FROM_CART: RecentKind.REMOVE_FROM_CART,
    EventType.PURCHASE: RecentKind.PURCHASE,
}

_Result = Outcome | RecsvcError


@dataclass(frozen=True, slots=True)
class ProcessedEvent:
    """An event's type, as far as it could be read, and what became of the event."""

    type: EventType | None
    result: _Result


class EventService:
    """Takes events in. What returned is durable, and in force for every later request."""

    def __init__(
        self,
        store: EventStore,
        offers: OfferTracking,
        models: Models,
        catalogues: Catalogues,
        hasher: Callable[[ShopName], CustomerHasher],
        now_us: Callable[[], int],
    ) -> None:
        self._store = store
        self._offers = offers
        self._models = models
        self._catalogues = catalogues
        self._hasher = hasher
        self._now_us = now_us

    def ingest(
        self, context: RequestContext, sent: Sequence[Any], *, denied: Collection[EventType] = ()
    ) -> list[ProcessedEvent]:
        """Take in what can be read, and say of each event what became of it, in their order.

        `denied`: the types of which nothing personal may be kept, whatever the customers have
        granted, since this request asks for that.
        Whoever calls has made sure that the visitor may speak of the customers that are named.
        """
        live_items = self._live_items(context)
        now_us = self._now_us()
        read = [_read(each, context, now_us) for each in sent]
        events = [each for each in read if isinstance(each, Event)]
        if events:
            self._store.check_room()
        customers = self._customers(context.shop, events)
        incoming = [_incoming(each, customers, context, live_items, denied) for each in events]
        outcomes = iter(self._store.add(context.shop, incoming))
        customers_of = iter(incoming)
        return [
            self._received(context, next(customers_of), next(outcomes))
            if isinstance(each, Event)
            else each
            for each in read
        ]

    def _received(
        self, context: RequestContext, incoming: IncomingEvent, outcome: Outcome
    ) -> ProcessedEvent:
        """Take over what an event says of an offer, also once more: the first time may have failed.

        It counts once, whatever is repeated here.
        """
        event = incoming.event
        if outcome is Outcome.REUSED:
            return ProcessedEvent(event.type, outcome)
        fault = self._offers.record(
            context.shop,
            event,
            incoming.customer,
            denied=incoming.denied,
            is_repeated=outcome is Outcome.DUPLICATE,
            by_server=context.key.is_secret,
        )
        return ProcessedEvent(event.type, fault or outcome)

    def _live_items(self, context: RequestContext) -> LiveItems:
        """Return what is known of the items now: what is sensitive must not be out of date."""
        if not context.store_answered:
            raise _unavailable()
        model = self._models.model(context.shop) or no_model()
        now = self._catalogues.at(context.shop, context.catalogue_epoch, model)
        if not now.is_current:
            raise _unavailable()
        return now.live_items

    def _customers(self, shop: ShopName, events: Sequence[Event]) -> dict[str, CustomerKey]:
        named = {event.customer_id for event in events if event.customer_id is not None}
        hasher = self._hasher(shop)
        return {customer: hasher.key_of(customer) for customer in named}


def _read(sent: Any, context: RequestContext, now_us: int) -> Event | ProcessedEvent:
    """Read one event; what is wrong with it is its result and no other's."""
    if not isinstance(sent, dict):
        return ProcessedEvent(None, BadRequest("an event is an object of JSON", code="bad_event"))
    try:
        event = read_event(sent, now_us)
    except BadRequest as fault:
        return ProcessedEvent(None, fault)
    faults = [] if context.key.is_secret else browser_faults(event)
    if not faults:
        return event
    detail = refusal(faults).detail
    return ProcessedEvent(event.type, Forbidden(detail, code="secret_key_needed", errors=faults))


def _incoming(
    event: Event,
    customers: Mapping[str, CustomerKey],
    context: RequestContext,
    live_items: LiveItems,
    denied: Collection[EventType],
) -> IncomingEvent:
    customer = None if event.customer_id is None else customers[event.customer_id]
    row = None if event.item_id is None else live_items.row(event.item_id)
    is_sensitive = live_items.is_sensitive(row)
    by_server = context.key.is_secret
    speaker = _count_source(event)
    return IncomingEvent(
        event,
        customer,
        None if customer is None or is_sensitive else RECENT_KINDS.get(event.type),
        event.type in denied,
        counts=by_server or (row is not None and speaker is not None),
        counts_once_for=None if by_server else speaker,
    )


def _count_source(event: Event) -> str | None:
    """Say who it is that a browser speaks for: no two of them are the same text."""
    if event.customer_id is not None:
        return f"customer {event.customer_id}"
    return None if event.session_id is None else f"session {event.session_id}"


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("events cannot be taken in at the moment; send them again")
