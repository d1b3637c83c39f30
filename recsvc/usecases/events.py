"""Ingest events of shops and browsers: each is stored, a duplicate, or refused by itself.

The store applies the customer's consent, in the same step as the write. This module limits events
independently of consent: sensitive items enter no history and leave it, browsers send no purchases,
refunds or prices, and a browser cannot raise a trending count by repetition.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from recsvc.domain.customers.purchase_history import HistoryChange
from recsvc.domain.customers.recent_events import IMPRESSION, RecentKind
from recsvc.domain.errors import BadRequest, FieldError, Forbidden, RecsvcError, StoreUnavailable
from recsvc.domain.events import Event, EventType, Outcome, browser_faults, read_event, refusal
from recsvc.domain.values.customer_keys import CustomerHasher, CustomerKey
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.validation import mismatch
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.purchase_rows import sensitive_items
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.stores.events.events import EventStore
from recsvc.usecases.access.request_access import RequestContext
from recsvc.usecases.catalogue.current_catalogue import Catalogues, CurrentCatalogue, Models
from recsvc.usecases.offers.tracking import OfferTracking

RECENT_KINDS: Mapping[EventType, RecentKind] = {
    EventType.VIEW: RecentKind.VIEW,
    EventType.ADD_TO_CART: RecentKind.ADD_TO_CART,
    EventType.REMOVE_FROM_CART: RecentKind.REMOVE_FROM_CART,
    EventType.PURCHASE: RecentKind.PURCHASE,
}

_LIST_KINDS: Mapping[EventType, RecentKind | Literal["s"]] = {
    **RECENT_KINDS,
    EventType.IMPRESSION: IMPRESSION,
}

HISTORY_CHANGES: Mapping[EventType, HistoryChange] = {
    EventType.PURCHASE: HistoryChange.PURCHASE,
    EventType.REFUND: HistoryChange.REFUND,
    EventType.ITEM_DISMISSED: HistoryChange.DISMISSAL,
    EventType.ITEM_DISMISSAL_CANCELLED: HistoryChange.CANCELLATION,
}

_EVENT = 'an object, as {"message_id": "…", "type": "view", "item_id": "…"}'

_Result = Outcome | RecsvcError


@dataclass(frozen=True, slots=True)
class ProcessedEvent:
    """The type of an event (None: unreadable) and its outcome or error."""

    type: EventType | None
    result: _Result


class EventService:
    """Ingests events. A returned event is durable and visible to each later request."""

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
        self._catalogue = CurrentCatalogue(models, catalogues)
        self._hasher = hasher
        self._now_us = now_us

    def ingest(
        self, context: RequestContext, sent: Sequence[Any], *, denied: Collection[EventType] = ()
    ) -> list[ProcessedEvent]:
        """Store the readable events; return one result per event, in order.

        `denied`: the types for which this request (e.g. Sec-GPC) forbids personal storage, even
        where the stored consent permits it. The caller has authorized the request for the customers
        that the events name.
        """
        live_items = self._live_items(context)
        now_us = self._now_us()
        read = [_read(place, each, context, now_us) for place, each in enumerate(sent)]
        events = [each for each in read if isinstance(each, Event)]
        if events:
            self._store.check_memory()
        customers = self._customers(context.shop, events)
        incoming = [_incoming(each, customers, context, live_items, denied) for each in events]
        outcomes = iter(self._store.add(context.shop, incoming, _items_to_remove(live_items)))
        stored = iter(incoming)
        return [
            self._processed(context, next(stored), next(outcomes))
            if isinstance(each, Event)
            else each
            for each in read
        ]

    def _processed(
        self, context: RequestContext, incoming: IncomingEvent, outcome: Outcome
    ) -> ProcessedEvent:
        """Apply an offer event to its offer, duplicates too: the first attempt may have failed.

        An event counts once, even if this is repeated.
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
        """Return the current items. Outdated ones could miss that an item has become sensitive."""
        if not context.store_answered:
            raise _unavailable()
        now = self._catalogue.at(context)
        if not now.is_current:
            raise _unavailable()
        return now.live_items

    def _customers(self, shop: ShopName, events: Sequence[Event]) -> dict[str, CustomerKey]:
        named = {event.customer_id for event in events if event.customer_id is not None}
        hasher = self._hasher(shop)
        return {customer: hasher.key_of(customer) for customer in named}


def _read(place: int, sent: Any, context: RequestContext, now_us: int) -> Event | ProcessedEvent:
    """Read one event. A fault is the result of this event and does not affect the others."""
    if not isinstance(sent, dict):
        return ProcessedEvent(
            None, refusal([FieldError(f"events[{place}]", mismatch(sent, _EVENT))])
        )
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
    source = _count_source(event)
    is_kept = customer is not None and not is_sensitive
    return IncomingEvent(
        event,
        customer,
        _LIST_KINDS.get(event.type) if is_kept else None,
        HISTORY_CHANGES.get(event.type) if is_kept else None,
        event.type in denied,
        counts=by_server or (row is not None and source is not None),
        counts_once_for=None if by_server else source,
    )


def _items_to_remove(live_items: LiveItems) -> Callable[[bytes], Sequence[str]] | None:
    """Return the function that finds the sensitive items of a stored history; None: there are none.

    Only shops with sensitive items pay for the search.
    """
    if not live_items.sensitive.any():
        return None
    return lambda text: sensitive_items(live_items, text)


def _count_source(event: Event) -> str | None:
    """Return the customer or session that an event of a browser counts for, as a unique text."""
    if event.customer_id is not None:
        return f"customer {event.customer_id}"
    return None if event.session_id is None else f"session {event.session_id}"


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("events cannot be stored at the moment; send them again")
