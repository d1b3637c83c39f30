"""`RECSVC_GPC` sets the scope of `Sec-GPC: 1`. The signal denies and never grants."""

from dataclasses import replace

import pytest

from recsvc.domain.values.ids import ShopName
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, ITEMS, Service, publish_grocery
from tests.contract.logged import counts, logged, recent

LIST = f"/v1/customers/{ANNA}/recommendations"
EVENTS = [
    {"message_id": "v", "type": "view", "item_id": ITEMS[0], "customer_id": ANNA},
    {"message_id": "o", "type": "offer_shown", "offer_id": "o1", "customer_id": ANNA},
]


def service_under(stores: Stores, shop: ShopName, gpc: str) -> Service:
    publish_grocery(stores, shop)
    return Service(stores, shop, replace(stores.settings, gpc=gpc))


def is_personal(service: Service, signal: str) -> bool:
    reply = service.get(LIST, **{"Sec-GPC": signal})
    assert reply.json is not None
    return bool(reply.json["personalized"])


@pytest.mark.parametrize(
    ("gpc", "under_it"), [("all", False), ("offers_only", True), ("off", True)]
)
def test_only_all_denies_recommendations(
    stores: Stores, shop: ShopName, gpc: str, under_it: bool
) -> None:
    """Under `all` the signal denies recommendations, for its own request alone."""
    service = service_under(stores, shop, gpc)
    service.consent(ANNA)

    assert [is_personal(service, signal) for signal in ("1", "0")] == [under_it, True]


@pytest.mark.parametrize("gpc", ["all", "offers_only", "off"])
def test_the_signal_grants_nothing(stores: Stores, shop: ShopName, gpc: str) -> None:
    """A customer without consent stays anonymous with and without the signal."""
    service = service_under(stores, shop, gpc)
    silent = is_personal(service, "1")
    service.consent(ANNA, {"personalization": False})

    assert (silent, is_personal(service, "1")) == (False, False)


@pytest.mark.parametrize(
    ("gpc", "kept"), [("all", []), ("offers_only", ["view"]), ("off", ["view", "offer_shown"])]
)
def test_denied_events_only_count(
    stores: Stores, shop: ShopName, gpc: str, kept: list[str]
) -> None:
    """A denied event adds to the item's counts alone; `offers_only` denies events about offers."""
    service = service_under(stores, shop, gpc)
    service.consent(ANNA)
    headers = {"Authorization": f"Bearer {service.keys.secret.text}", "Sec-GPC": "1"}

    reply = service.client.post("/v1/events", json={"events": EVENTS}, headers=headers)

    assert reply.json == {"results": [{"status": 201}] * 2}
    assert [row.event["type"] for row in logged(service)] == kept
    assert len(recent(service, ANNA)) == ("view" in kept)
    assert counts(service) == {ITEMS[0]: 1.0}
