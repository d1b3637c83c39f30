"""Stored offers that another version of the service has written."""

import json

import pytest

from recsvc.domain.offers.eligibility import Eligibility
from recsvc.domain.offers.offer import Caps, Kind, Offer
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.ids import OfferId, ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.client.connection import Connections
from recsvc.stores.offers.offers import OfferStore

DEAL = Offer(
    OfferId("deal"),
    "A deal",
    Kind.GIFT,
    caps=Caps(total_shown=9),
    eligibility=Eligibility(min_orders=1, attributes={"tier": ("gold",)}),
)


@pytest.fixture
def store(connections: Connections, shop: ShopName) -> OfferStore:
    store = OfferStore(connections)
    store.put_many(shop, [NewOffer(DEAL, None)])
    return store


def test_a_stored_offer_reads_back_equal(store: OfferStore, shop: ShopName) -> None:
    """Each member that this version writes, it also knows when it reads the offer."""
    stored = store.get(shop, DEAL.offer_id)

    assert stored is not None
    assert stored.offer == DEAL


@pytest.mark.parametrize("part", [(), ("eligibility",), ("caps",), ("eligibility", "bought")])
def test_an_offer_with_an_unknown_member_is_not_offered(
    store: OfferStore, shop: ShopName, connections: Connections, part: tuple[str, ...]
) -> None:
    """A condition or cap that a newer version has stored never opens the offer to all customers."""
    record = json.loads(connections.writes.hget(redis_keys.offers(shop), DEAL.offer_id) or b"")
    within = record
    for name in part:
        within = within[name]
    within["from_a_newer_version"] = 1
    connections.writes.hset(redis_keys.offers(shop), DEAL.offer_id, json.dumps(record))

    assert store.get(shop, DEAL.offer_id) is None
    assert store.whole(shop).offers == {DEAL.offer_id: None}
