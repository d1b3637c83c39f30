"""An erasure, an export and a merge treat every kind of key in `PERSONAL_DATA_KEYS`.

A new kind of key fails here until it has a filler, a section of the export and a rule of the merge.
"""

from collections.abc import Callable, Iterator, Mapping
from uuid import uuid4

import pytest

from recsvc.config import Settings
from recsvc.domain.consent.consent import NO_CONSENT, Purpose
from recsvc.domain.customers.profile import Profile
from recsvc.domain.customers.purchase_history import HistoryChange
from recsvc.domain.customers.recent_events import IMPRESSION, RecentKind
from recsvc.domain.events import Event, EventType
from recsvc.domain.offers.claims import Claim
from recsvc.domain.offers.decision_ids import DecisionId
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.offers.offer import Caps, Kind, Offer, PeriodCap
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.customer_keys import CustomerKey
from recsvc.domain.values.ids import CustomerId, ItemId, OfferId, ShopName
from recsvc.stores.client.connection import Connections
from recsvc.stores.customers.personal_data_keys import KEPT, PERSONAL_DATA_KEYS, PersonalDataKey
from recsvc.stores.customers.profiles import NewProfile
from recsvc.stores.events.event_arguments import IncomingEvent
from recsvc.stores.offers.claims import ClaimAttempt
from recsvc.wiring.stores import Stores, stores_at
from tests.conftest import RedisServer
from tests.consents import now_us

AWAY, INTO = (CustomerKey(bytes([number]) * 16) for number in (1, 2))
DEAL = OfferId("deal")
NAMES = [kind.name for kind in PERSONAL_DATA_KEYS]

# The section of the export that contains the data of a kind of key.
SECTIONS: Mapping[str, str] = {
    "profile": "profile",
    "recent_events": "events",
    "impressions": "impressions",
    "purchases": "purchases",
    "offer_caps": "offer_caps",
    "claims": "claims",
    "decisions": "decisions",
}
NOT_EXPORTED: Mapping[str, str] = {"idempotency_answers": "an answer repeats a claim"}

# A merge moves these kinds of key to the remaining customer, and deletes the others.
MOVED = {"profile", "recent_events", "purchases", "offer_caps", "claims"}
DELETED: Mapping[str, str] = {
    "impressions": "they count for a week only",
    "idempotency_answers": "a key of one customer is no key of the other",
    "decisions": "a decision was made for the merged customer",
}


def put_profile(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    stores.profiles.put_many(shop, [NewProfile(customer, Profile(segments=("vip",)), {})])


def send_purchase(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    """Store a purchase without `analytics`, so that the event log does not contain it."""
    event = Event(
        uuid4().hex,
        EventType.PURCHASE,
        customer_id=CustomerId("anna"),
        item_id=ItemId("milk"),
        timestamp_us=now_us() - 1_000_000,
    )
    stores.events.add(
        shop, [IncomingEvent(event, customer, RecentKind.PURCHASE, HistoryChange.PURCHASE)]
    )


def send_impression(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    event = Event(
        uuid4().hex, EventType.IMPRESSION, customer_id=CustomerId("anna"), item_id=ItemId("milk")
    )
    stores.events.add(shop, [IncomingEvent(event, customer, IMPRESSION)])


def claim(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    deal = Offer(DEAL, "A deal", Kind.GIFT, caps=Caps(per_customer=PeriodCap(9)))
    stores.offers.put_many(shop, [NewOffer(deal, None)])
    snapshot = stores.claims.snapshot(shop, customer, DEAL)
    assert snapshot.stored is not None
    revision, digests = snapshot.stored.state.revision, {"key_digest": "a1", "request_digest": "b2"}
    attempt = ClaimAttempt(
        uuid4().hex, DEAL, customer, revision, snapshot.permission, channel=None, **digests
    )
    assert isinstance(stores.claims.claim(shop, attempt), Claim)


def save_decision(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    stores.consents.write(shop, customer, {Purpose.ANALYTICS: True})
    record = DecisionRecord(DecisionId(uuid4().hex), customer, now_us(), b'{"offers":["deal"]}')
    assert stores.decisions.save(shop, [record]) == 1


# Each filler stores one entry of its kind of key for a customer.
FILLERS: Mapping[str, Callable[[Stores, ShopName, CustomerKey], None]] = {
    "profile": put_profile,
    "recent_events": send_purchase,
    "impressions": send_impression,
    "purchases": send_purchase,
    "offer_caps": claim,
    "claims": claim,
    "idempotency_answers": claim,
    "decisions": save_decision,
}


@pytest.fixture
def stores(settings: Settings, valkey: RedisServer, shop: ShopName) -> Iterator[Stores]:
    """Stores of a shop with two customers who permit personal offers."""
    made = stores_at(settings, valkey.url)
    for customer in (AWAY, INTO):
        granted = {Purpose.PERSONALIZATION: True, Purpose.OFFERS: True}
        made.consents.write(shop, customer, granted)
    yield made
    made.connections.close()


def fill_all(stores: Stores, shop: ShopName, customer: CustomerKey) -> None:
    for fill in dict.fromkeys(FILLERS[name] for name in NAMES):
        fill(stores, shop, customer)


def existing(connections: Connections, shop: ShopName, customer: CustomerKey) -> set[str]:
    """Return the kinds of key that the customer has."""
    redis = connections.writes
    return {kind.name for kind in PERSONAL_DATA_KEYS if redis.exists(kind.key(shop, customer))}


def test_an_erasure_removes_every_kind_of_key(stores: Stores, shop: ShopName) -> None:
    """After an erasure no key names the customer but those in `KEPT`; the receipt counts each.

    A key with `removed_by_store` needs a store in the `others` of the erasure.
    """
    fill_all(stores, shop, AWAY)
    filled = existing(stores.connections, shop, AWAY)

    receipt = stores.privacy.erase(shop, AWAY, "test")

    left = stores.connections.writes.scan_iter(match=f"{{{shop}}}:*{AWAY.hex()}*", count=1000)
    assert filled == set(NAMES)
    assert {name.decode() for name in left} == {key(shop, AWAY) for key in KEPT}
    assert {name: receipt.removed[name] for name in NAMES} == dict.fromkeys(NAMES, 1)


@pytest.mark.parametrize("kind", PERSONAL_DATA_KEYS, ids=lambda kind: kind.name)
def test_the_export_contains_every_kind_of_key(
    stores: Stores, shop: ShopName, kind: PersonalDataKey
) -> None:
    """The section of the key changes when the key gets an entry."""
    if kind.name in NOT_EXPORTED:
        assert kind.name not in SECTIONS
        return
    before = exported(stores, shop, SECTIONS[kind.name])

    FILLERS[kind.name](stores, shop, AWAY)

    assert exported(stores, shop, SECTIONS[kind.name]) != before


def exported(stores: Stores, shop: ShopName, section: str) -> object:
    data = stores.privacy.export(shop, AWAY, NO_CONSENT)
    return data.profile if section == "profile" else list(data.lists[section])


def test_a_merge_moves_or_deletes_every_kind_of_key(stores: Stores, shop: ShopName) -> None:
    """The merged customer keeps no key; the remaining one gets the moved kinds of key alone."""
    fill_all(stores, shop, AWAY)
    assert not existing(stores.connections, shop, INTO)

    assert stores.privacy.merge(shop, AWAY, INTO, "test").has_shared

    assert MOVED | set(DELETED) == set(NAMES)
    assert existing(stores.connections, shop, AWAY) == set()
    assert existing(stores.connections, shop, INTO) == MOVED
