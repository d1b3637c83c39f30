"""Without consent a customer's offers are everybody's, whatever is known of them."""

import json
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent import Purpose
from recsvc.domain.ids import CustomerId, ShopName
from recsvc.domain.recent import RecentKind, encode
from recsvc.stores import redis_keys
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.wiring import stores_at
from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, publish_grocery, without

STRANGER = CustomerId("nobody-has-met")
OFFERS: dict[str, dict[str, object]] = {
    "deal": {"items": ["item-03"]},
    "drinks": {"categories": ["drinks"], "value": 2.0, "channels": ["web"]},
    "vips": {"eligibility": {"segments": ["vip"]}},
    "codes": {"codes": ["C-1", "C-2"]},
    "first": {"priority": 3, "caps": {"per_customer": {"limit": 1}}},
    "once": {"caps": {"per_customer_shown": {"limit": 1}}},
}

customers = st.sampled_from([ANNA, BERT, ZOE])
denied = st.sampled_from([Purpose.PERSONALIZATION, Purpose.OFFERS])
histories = st.lists(st.tuples(st.sampled_from(list(Purpose)), st.booleans()), max_size=4)
events = st.builds(
    encode, st.sampled_from(RecentKind), st.integers(0, 2**31), st.sampled_from(ITEMS)
)
caps = st.dictionaries(
    st.builds(
        "{}:{}".format, st.sampled_from(["taken", "shown", "dismissed"]), st.sampled_from([*OFFERS])
    ),
    st.sampled_from(["1 7", "2 7 8", "1 claim,5,0", "?", ""]),
    max_size=4,
)
profiles = st.sampled_from([b"", b'{"segments":["vip"]}', b"?"])
queries = st.sampled_from(["", "?n=2", "?channel=web", "?channel=app", "?explain=true"])


@pytest.fixture(scope="module")
def private_shop(valkey: EmbeddedValkey, settings: Settings) -> Iterator[Service]:
    stores = stores_at(settings, valkey.url)
    shop = ShopName(f"private-{uuid4().hex[:12]}")
    publish_grocery(stores, shop)
    service = Service(stores, shop)
    service.item("item-03", category="drinks")
    for offer_id, fields in OFFERS.items():
        body = {"title": offer_id, "kind": "gift", **fields}
        assert service.send("PUT", f"/v1/offers/{offer_id}", body).status_code == 200
    yield service
    stores.connections.close()


def remember(
    service: Service,
    customer: CustomerId,
    recent: list[bytes],
    spent: dict[str, str],
    profile: bytes,
) -> None:
    """Put this in place of all that is kept of the customer."""
    store = service.stores
    key, redis = store.hasher(service.shop).key_of(customer), store.connections.writes
    names = (redis_keys.recent, redis_keys.caps, redis_keys.profile)
    recents, hashed, told = (name(service.shop, key) for name in names)
    redis.delete(recents, hashed, told)
    if recent:
        redis.rpush(recents, *recent)
    if spent:
        redis.hset(hashed, mapping=spent)  # type: ignore[arg-type]
    if profile:
        redis.set(told, profile)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    customer=customers,
    purpose=denied,
    history=histories,
    recent=st.lists(events, max_size=20),
    spent=caps,
    profile=profiles,
    query=queries,
)
def test_only_the_labels_differ(
    private_shop: Service,
    customer: CustomerId,
    purpose: Purpose,
    history: list[tuple[Purpose, bool]],
    recent: list[bytes],
    spent: dict[str, str],
    profile: bytes,
    query: str,
) -> None:
    """Byte for byte, apart from `decision_id` and, for secret keys, `fallback`."""
    remember(private_shop, customer, recent, spent, profile)
    for named, granted in [*history, (purpose, False)]:
        private_shop.consent(customer, {named: granted})
    path = "/v1/customers/{}/offers{}"

    own = private_shop.get(path.format(customer, query)).data
    strangers = private_shop.get(path.format(STRANGER, query)).data
    assert len(own) - len(_fallback(own)) == len(strangers) - len(_fallback(strangers))
    assert without(own, "decision_id", "fallback") == without(strangers, "decision_id", "fallback")


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(customer=customers, recent=st.lists(events, max_size=20), spent=caps, profile=profiles)
def test_a_browser_sees_no_difference_at_all(
    private_shop: Service,
    customer: CustomerId,
    recent: list[bytes],
    spent: dict[str, str],
    profile: bytes,
) -> None:
    """Not even why: only the id of the decision is another each time."""
    remember(private_shop, customer, recent, spent, profile)
    private_shop.consent(customer, {Purpose.OFFERS: False})
    path = "/v1/customers/{}/offers"

    own = private_shop.as_browser(path.format(customer), customer).data
    strangers = private_shop.as_browser(path.format(STRANGER), STRANGER).data
    assert without(own, "decision_id") == without(strangers, "decision_id")
    assert len(own) == len(strangers)


def _fallback(answer: bytes) -> str:
    return str(json.loads(answer)["fallback"])
