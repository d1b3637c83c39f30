"""Rate limits by key, customer and address; a limited client does not affect the others."""

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


def store_reads(service: Service) -> int:
    return int(service.stores.connections.writes.info("stats")["total_reads_processed"])


def refused_so_far(by: str) -> float:
    return REGISTRY.get_sample_value("recsvc_rate_limited_total", {"by": by}) or 0.0


def test_a_publishable_key_is_limited_and_secret_ones_are_not(
    stores: Stores, shop: ShopName
) -> None:
    """A publishable key above its limit gets a 429 with Retry-After; a secret key does not."""
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


def test_all_rate_limit_refusals_are_equal(stores: Stores, shop: ShopName) -> None:
    """Every 429 has the same body, so it reveals nothing about other clients."""
    service = limited_service(stores, shop, limit_per_key=1)

    bodies = {service.as_browser(POPULAR).data for _ in range(4)}

    assert len(bodies) == 2


def test_a_customer_is_limited_across_tokens(stores: Stores, shop: ShopName) -> None:
    """The customer's limit applies across tokens; another customer is not affected."""
    service = limited_service(stores, shop, limit_per_customer=2)
    lists = f"/v1/customers/{ANNA}/recommendations"

    anna = [service.as_browser(lists, ANNA) for _ in range(3)]
    bert = service.as_browser(f"/v1/customers/{BERT}/recommendations", BERT)

    assert statuses([*anna, bert]) == [200, 200, 429, 200]


def test_events_and_bodies_that_name_the_customer_count_as_well(
    stores: Stores, shop: ShopName
) -> None:
    """A request whose body names the customer counts once towards the customer's limit."""
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
    """The limit uses the peer's address; X-Forwarded-For of an untrusted peer is ignored."""
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
    """Behind a trusted proxy each forwarded client address has its own limit."""
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
    """Above the limit an unknown key gets 429 without a Redis read; known keys still work."""
    service = limited_service(stores, shop, limit_per_address=3)
    known = service.get(POPULAR)
    unknown = f"{kind}_{shop}_{UNKNOWN}"
    refused = [service.get(POPULAR, unknown) for _ in range(5)]
    reads_before = store_reads(service)
    more = [service.get(POPULAR, unknown) for _ in range(50)]
    reads = store_reads(service) - reads_before

    assert statuses([known, *refused]) == [200, 401, 401, 401, 429, 429]
    assert set(statuses(more)) == {429}
    assert reads < 25  # 50 reads without the limit; the thread for trending counts adds a few
    assert service.get(POPULAR).status_code == 200


def new_key(service: Service, kind: KeyKind) -> dict[str, str]:
    """Return the headers of a key unknown to the worker, with a token for a publishable key."""
    created = service.stores.api_keys.create(kind, service.shop, ALL_SCOPES)
    headers = {"Authorization": f"Bearer {created.text}"}
    if created.signing_secret is not None:
        token = mint(ANNA, created.key.key_id, created.signing_secret, datetime.now(UTC))
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
def test_a_withdrawal_with_a_new_key_is_accepted_in_a_flood_of_unknown_keys(
    stores: Stores, shop: ShopName, kind: KeyKind, method: str, path: str, body: object
) -> None:
    """Withdrawals, objections and erasures with a new key bypass the limit on key look-ups."""
    service = limited_service(stores, shop, limit_per_address=2)
    target, unknown = f"/v1/customers/{ANNA}{path}", f"{kind}_{shop}_{UNKNOWN}"
    flood = [service.send(method, target, body, unknown) for _ in range(4)]
    listed = service.get(POPULAR, unknown)
    watched = service.get("/metrics", unknown)
    headers = new_key(service, kind)
    accepted = service.client.open(target, method=method, json=body, headers=headers)

    assert statuses(flood) == [401] * 4
    assert statuses([listed, watched, accepted]) == [429, 429, 200]


def test_a_withdrawal_bypasses_key_and_address_limits(stores: Stores, shop: ShopName) -> None:
    """Consent changes are limited per customer only, not per key or address."""
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


def test_a_secret_key_has_the_limit_that_it_was_created_with(
    stores: Stores, shop: ShopName
) -> None:
    """A secret key created with `--limit` gets 429 above it, and the key list shows the limit."""
    service = limited_service(stores, shop)
    created = stores.api_keys.create(KeyKind.SECRET, shop, ALL_SCOPES, limit=2)

    replies = [service.get(POPULAR, created.text) for _ in range(3)]

    assert statuses(replies) == [200, 200, 429]
    assert [key.limit for key in stores.api_keys.list(shop)] == [None, None, 2]


def test_a_limited_secret_key_can_withdraw_restrict_and_erase(
    stores: Stores, shop: ShopName
) -> None:
    """Withdrawals, restrictions and erasures bypass the limit of a secret key."""
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


def test_attribute_changes_do_not_bypass_the_limit_of_a_key(stores: Stores, shop: ShopName) -> None:
    """Profile changes with a key that cannot set flags count towards the key's limit."""
    service = limited_service(stores, shop)
    key = stores.api_keys.create(KeyKind.SECRET, shop, frozenset([Scope.EVENTS]), limit=1).text
    path, change = f"/v1/customers/{ANNA}/profile", {"attributes": {"tier": "gold"}}

    assert statuses([service.send("PATCH", path, change, key) for _ in range(2)]) == [200, 429]


def test_a_key_of_an_earlier_release_has_no_limit(stores: Stores, shop: ShopName) -> None:
    """A key record without a `limit` field is unlimited."""
    service = limited_service(stores, shop)
    text = service.keys.secret.text
    name = redis_keys.api_keys(shop)
    record = stores.connections.writes.hget(name, key_sha256(text)).replace(b',"limit":null', b"")
    stores.connections.writes.hset(name, key_sha256(text), record)
    stores.api_keys.create(KeyKind.PUBLISHABLE, shop, frozenset())

    assert b"limit" not in record
    assert set(statuses([service.get(POPULAR, text) for _ in range(10)])) == {200}
