"""Who asks too often is told when to go on: by key, customer, address. Others are not hurt."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import REGISTRY
from werkzeug.test import TestResponse

from recsvc.domain.api_keys import ALL_SCOPES, KeyKind, Scope, key_sha256
from recsvc.domain.values.ids import ShopName
from recsvc.stores.client import keys as redis_keys
from recsvc.usecases.access.customer_tokens import mint
from recsvc.wiring.stores import Stores
from tests.contract.grocery import ANNA, BERT, Service, publish_grocery

POPULAR = "/v1/recommendations"
UNKNOWN = "A" * 43


def limited_service(stores: Stores, shop: ShopName, **limits: Any) -> Service:
    publish_grocery(stores, shop)
    unlimited = {"limit_per_key": 0, "limit_per_customer": 0, "limit_per_address": 0}
    settings = replace(stores.settings, **(unlimited | limits))
    return Service(replace(stores, settings=settings), shop)


def statuses(replies: list[TestResponse]) -> list[int]:
    return [reply.status_code for reply in replies]


def refused_so_far(by: str) -> float:
    return REGISTRY.get_sample_value("recsvc_rate_limited_total", {"by": by}) or 0.0


def test_a_publishable_key_is_limited_and_secret_ones_are_not(
    stores: Stores, shop: ShopName
) -> None:
    """429, a problem document with Retry-After, counted; the shop's backend goes on."""
    service = limited_service(stores, shop, limit_per_key=3)
    before = refused_so_far("key")

    browser = [service.as_browser(POPULAR) for _ in range(4)]
    backend = [service.get(POPULAR) for _ in range(20)]

    assert statuses(browser) == [200, 200, 200, 429]
    assert browser[3].content_type == "application/problem+json"
    assert browser[3].json is not None
    assert browser[3].json["code"] == "rate_limited"
    assert 0 < int(browser[3].headers["Retry-After"]) <= 20
    assert set(statuses(backend)) == {200}
    assert refused_so_far("key") == before + 1


def test_equal_refusals_are_equal(stores: Stores, shop: ShopName) -> None:
    """Not a byte says who else asks."""
    service = limited_service(stores, shop, limit_per_key=1)

    bodies = {service.as_browser(POPULAR).data for _ in range(4)}

    assert len(bodies) == 2


def test_a_customer_is_limited_whatever_the_token(stores: Stores, shop: ShopName) -> None:
    """A new token for the same customer changes nothing; another customer is not hurt."""
    service = limited_service(stores, shop, limit_per_customer=2)
    lists = f"/v1/customers/{ANNA}/recommendations"

    anna = [service.as_browser(lists, ANNA) for _ in range(3)]
    bert = service.as_browser(f"/v1/customers/{BERT}/recommendations", BERT)

    assert statuses([*anna, bert]) == [200, 200, 429, 200]


def test_events_and_bodies_that_name_the_customer_count_as_well(
    stores: Stores, shop: ShopName
) -> None:
    """The customer stands in the body there; no request is counted twice."""
    service = limited_service(stores, shop, limit_per_customer=2)
    headers = {
        "Authorization": f"Bearer {service.keys.browser.text}",
        "X-Customer-Token": service.keys.token(ANNA),
    }
    event = {"type": "view", "item_id": "item-00", "customer_id": ANNA}
    basket = {"items": ["item-00"], "customer_id": ANNA}
    two = [{"message_id": "a", **event}, {"message_id": "b", **event}]

    replies = [
        service.client.post("/v1/events", json={"events": two}, headers=headers),
        service.client.post("/v1/basket/recommendations", json=basket, headers=headers),
        service.client.post("/v1/events", json={"events": two}, headers=headers),
    ]

    assert statuses(replies) == [200, 200, 429]


def test_an_address_is_limited_over_all_publishable_keys(stores: Stores, shop: ShopName) -> None:
    """Another address is not hurt; the peer's word for its address is not taken."""
    service = limited_service(stores, shop, limit_per_address=2)
    forwarded = [{"X-Forwarded-For": f"198.51.100.{number}"} for number in range(3)]

    replies = [service.as_browser(POPULAR, more=each) for each in forwarded]
    elsewhere = service.client.get(
        POPULAR,
        headers={"Authorization": f"Bearer {service.keys.browser.text}"},
        environ_base={"REMOTE_ADDR": "192.0.2.7"},
    )

    assert statuses([*replies, elsewhere]) == [200, 200, 429, 200]


def test_a_trusted_proxy_names_the_client(stores: Stores, shop: ShopName) -> None:
    """Then each has a bucket of its own."""
    service = limited_service(
        stores, shop, limit_per_address=1, trusted_proxies=("127.0.0.0/8", "10.0.0.1/32")
    )
    forwarded = ["198.51.100.1", "198.51.100.2, 10.0.0.1", "203.0.113.5, 198.51.100.1"]

    replies = [service.as_browser(POPULAR, more={"X-Forwarded-For": each}) for each in forwarded]

    assert statuses(replies) == [200, 200, 429]


@pytest.mark.parametrize("kind", ["sk", "pk"])
def test_look_ups_of_unknown_keys_are_limited_by_address(
    stores: Stores, shop: ShopName, kind: str
) -> None:
    """Beyond it the store is not asked; keys that the worker knows work on from there."""
    service = limited_service(stores, shop, limit_per_address=3)
    known = service.get(POPULAR)
    unknown = f"{kind}_{shop}_{UNKNOWN}"
    refused = [service.get(POPULAR, unknown) for _ in range(5)]
    trips = service.stores.connections.writes.info("stats")["total_reads_processed"]
    more = [service.get(POPULAR, unknown) for _ in range(50)]
    asked = service.stores.connections.writes.info("stats")["total_reads_processed"] - trips

    assert statuses([known, *refused]) == [200, 401, 401, 401, 429, 429]
    assert set(statuses(more)) == {429}
    assert asked < 25  # 50 trips otherwise; a thread that looks at counts asks now and then
    assert service.get(POPULAR).status_code == 200


def new_key(service: Service, kind: KeyKind) -> dict[str, str]:
    """Return the headers of a key that the worker has not seen, with a token for a browser's."""
    made = service.stores.api_keys.create(kind, service.shop, ALL_SCOPES)
    headers = {"Authorization": f"Bearer {made.text}"}
    if made.signing_secret is not None:
        token = mint(ANNA, made.key.key_id, made.signing_secret, datetime.now(UTC))
        headers["X-Customer-Token"] = token
    return headers


@pytest.mark.parametrize(
    ("kind", "method", "path", "body"),
    [
        (KeyKind.SECRET, "PUT", "/consents", {"purposes": {"email": False}}),
        (KeyKind.PUBLISHABLE, "PUT", "/consents", {"purposes": {"email": False}}),
        (KeyKind.SECRET, "PATCH", "/profile", {"objects_to_marketing": True}),
        (KeyKind.SECRET, "DELETE", "", None),
    ],
)
def test_a_no_with_a_new_key_is_heard_after_a_flood_of_made_up_ones(
    stores: Stores, shop: ShopName, kind: KeyKind, method: str, path: str, body: object
) -> None:
    """Also where the flood was of the same kind; what is less pressing is still not looked up."""
    service = limited_service(stores, shop, limit_per_address=2)
    place, unknown = f"/v1/customers/{ANNA}{path}", f"{kind}_{shop}_{UNKNOWN}"
    flood = [service.send(method, place, body, unknown) for _ in range(4)]
    listed = service.get(POPULAR, unknown)
    watched = service.get("/metrics", unknown)
    headers = new_key(service, kind)
    heard = service.client.open(place, method=method, json=body, headers=headers)

    assert statuses(flood) == [401] * 4
    assert statuses([listed, watched, heard]) == [429, 429, 200]


def test_consent_is_heard_however_busy_key_and_address_are(stores: Stores, shop: ShopName) -> None:
    """A withdrawal waits for nobody else; only a customer's own requests limit it."""
    service = limited_service(
        stores, shop, limit_per_key=1, limit_per_address=1, limit_per_customer=3
    )
    browser = [service.as_browser(POPULAR) for _ in range(3)]
    headers = {"X-Customer-Token": service.keys.token(ANNA)}
    body = {"purposes": {"personalization": False}}

    withdrawals = [
        service.put(f"/v1/customers/{ANNA}/consents", body, service.keys.browser.text, **headers)
        for _ in range(4)
    ]

    assert statuses(browser) == [200, 429, 429]
    assert statuses(withdrawals) == [200, 200, 200, 429]


def test_a_secret_key_keeps_to_the_limit_that_it_was_made_with(
    stores: Stores, shop: ShopName
) -> None:
    """`recsvc keys create --limit`; it comes back with the key."""
    service = limited_service(stores, shop)
    made = stores.api_keys.create(KeyKind.SECRET, shop, ALL_SCOPES, limit=2)

    replies = [service.get(POPULAR, made.text) for _ in range(3)]

    assert statuses(replies) == [200, 200, 429]
    assert [key.limit for key in stores.api_keys.list(shop)] == [None, None, 2]


def test_a_limited_secret_key_is_heard_when_it_withdraws_restricts_or_erases(
    stores: Stores, shop: ShopName
) -> None:
    """However much was asked with it for others."""
    service = limited_service(stores, shop)
    key = stores.api_keys.create(KeyKind.SECRET, shop, ALL_SCOPES, limit=1).text
    listed = [service.get(POPULAR, key) for _ in range(2)]
    headers = {"Authorization": f"Bearer {key}"}

    withdrawn = service.put(f"/v1/customers/{ANNA}/consents", {"purposes": {"email": False}}, key)
    restriction = {"restricted": True}
    restricted = service.send("PATCH", f"/v1/customers/{ANNA}/profile", restriction, key)
    erased = service.client.delete(f"/v1/customers/{ANNA}", headers=headers)

    assert statuses(listed) == [200, 429]
    assert statuses([withdrawn, restricted, erased]) == [200, 200, 200]


def test_a_limited_key_that_may_set_no_flag_keeps_to_its_limit(
    stores: Stores, shop: ShopName
) -> None:
    """Its changes of a profile are attributes alone: nobody's no."""
    service = limited_service(stores, shop)
    key = stores.api_keys.create(KeyKind.SECRET, shop, frozenset([Scope.EVENTS]), limit=1).text
    path, told = f"/v1/customers/{ANNA}/profile", {"attributes": {"tier": "gold"}}

    assert statuses([service.send("PATCH", path, told, key) for _ in range(2)]) == [200, 429]


def test_a_key_of_an_earlier_release_has_no_limit(stores: Stores, shop: ShopName) -> None:
    """Its record says nothing of one."""
    service = limited_service(stores, shop)
    text = service.keys.secret.text
    name = redis_keys.api_keys(shop)
    record = stores.connections.writes.hget(name, key_sha256(text)).replace(b',"limit":null', b"")
    stores.connections.writes.hset(name, key_sha256(text), record)
    stores.api_keys.create(KeyKind.PUBLISHABLE, shop, frozenset())

    assert b"limit" not in record
    assert set(statuses([service.get(POPULAR, text) for _ in range(10)])) == {200}
