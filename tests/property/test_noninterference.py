"""Without consent a customer's answer is the anonymous one, whatever is known of them."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recsvc.config import Settings
from recsvc.domain.consent import Purpose
from recsvc.domain.ids import CustomerId, ShopName
from recsvc.domain.recent import RecentKind, encode
from recsvc.domain.slates import CustomerSlate
from recsvc.stores import redis_keys
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.wiring import stores_at
from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, item_ids, publish_grocery

LABELS = re.compile(rb'"(recommendation_id|fallback)":("[^"]*"|null),')

customers = st.sampled_from([ANNA, BERT, ZOE])
slates = st.sampled_from(list(CustomerSlate))
sizes = st.integers(min_value=1, max_value=100)
histories = st.lists(st.tuples(st.sampled_from(list(Purpose)), st.booleans()), max_size=4)
filters = st.sampled_from(
    [
        "",
        "&category=fruit",
        "&brand=elm&brand=oak&max_price=6",
        "&min_price=2.5",
        "&exclude=item-00&exclude=item-07",
        "&context_item=item-00",
        "&context_item=item-03&category=nuts",
        "&diversity=0.7&fields=title,price",
    ]
)
events = st.builds(
    encode,
    st.sampled_from(RecentKind),
    st.integers(0, 2**34),
    st.sampled_from([*ITEMS, "new", "?"]),
)
recents = st.lists(events | st.binary(max_size=40), max_size=25) | st.just(None)
few_examples = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def private_shop(valkey: EmbeddedValkey, settings: Settings) -> Iterator[Service]:
    stores = stores_at(settings, valkey.url)
    shop = ShopName(f"private-{uuid4().hex[:12]}")
    publish_grocery(stores, shop)
    service = Service(stores, shop)
    for number, item in enumerate(ITEMS[:11]):
        category, brand = ("nuts", "oak") if number % 2 else ("fruit", "elm")
        service.item(item, category=category, brand=brand, price=number, sensitive=number == 3)
    service.item(ITEMS[2], in_stock=False)
    service.item("new", category="fruit")
    yield service
    stores.connections.close()


def write(
    service: Service,
    customer: CustomerId,
    history: list[tuple[Purpose, bool]],
    recent: list[bytes] | None,
) -> None:
    """Write each word in its turn; personalization ends without a yes. None: not even a list."""
    remember(service, customer, recent)
    for purpose, granted in [*history, (Purpose.PERSONALIZATION, False)]:
        service.consent(customer, {purpose: granted})


def remember(service: Service, customer: CustomerId, recent: list[bytes] | None) -> None:
    """Put entries, readable or not, in the place of a customer's recent events."""
    store = service.stores
    name = redis_keys.recent(service.shop, store.hasher(service.shop).key_of(customer))
    store.connections.writes.delete(name)
    if recent is None:
        store.connections.writes.set(name, b"v1 item-00")
    elif recent:
        store.connections.writes.rpush(name, *recent)


@few_examples
@given(
    customer=customers,
    slate=slates,
    n=sizes,
    history=histories,
    recent=recents,
    filtered=filters,
)
@example(
    customer=ANNA,
    slate=CustomerSlate.FOR_YOU,
    n=10,
    history=[],
    recent=[encode(RecentKind.PURCHASE, 2**31, ITEMS[0])],
    filtered="",
)
def test_to_a_secret_key_only_the_labels_differ(
    private_shop: Service,
    customer: CustomerId,
    slate: CustomerSlate,
    n: int,
    history: list[tuple[Purpose, bool]],
    recent: list[bytes] | None,
    filtered: str,
) -> None:
    """Byte for byte, apart from `recommendation_id` and `fallback`, through any filter."""
    write(private_shop, customer, history, recent)

    own = private_shop.get(
        f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}{filtered}"
    )
    anonymous = private_shop.get(f"/v1/recommendations?slate=popular&n={n}{filtered}")

    assert LABELS.sub(b"", own.data) == LABELS.sub(b"", anonymous.data)


@few_examples
@given(customer=customers, slate=slates, n=sizes, history=histories, recent=recents)
def test_to_a_browser_only_the_id_differs(
    private_shop: Service,
    customer: CustomerId,
    slate: CustomerSlate,
    n: int,
    history: list[tuple[Purpose, bool]],
    recent: list[bytes] | None,
) -> None:
    """The fallback is null in both, and the headers say nothing either."""
    write(private_shop, customer, history, recent)
    path = f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}"

    own = private_shop.as_browser(path, customer)
    stranger = private_shop.as_browser(path.replace(customer, "stranger"), CustomerId("stranger"))
    anonymous = private_shop.as_browser(f"/v1/recommendations?slate=popular&n={n}")

    bodies = [_without_id(reply.data) for reply in (own, stranger, anonymous)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert _without_request_id(own.headers) == _without_request_id(stranger.headers)


@few_examples
@given(customer=customers, slate=slates, n=sizes, recent=recents)
def test_privacy_control_makes_a_consenting_customer_anybody(
    private_shop: Service,
    customer: CustomerId,
    slate: CustomerSlate,
    n: int,
    recent: list[bytes] | None,
) -> None:
    """`Sec-GPC: 1` hides a yes as well as a no."""
    remember(private_shop, customer, recent)
    private_shop.consent(customer)
    path = f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}"

    own = private_shop.get(path, **{"Sec-GPC": "1"})
    anonymous = private_shop.get(f"/v1/recommendations?n={n}")

    assert LABELS.sub(b"", own.data) == LABELS.sub(b"", anonymous.data)


@few_examples
@given(customer=customers, slate=slates, recent=recents)
def test_no_history_breaks_a_consenting_customers_request(
    private_shop: Service, customer: CustomerId, slate: CustomerSlate, recent: list[bytes] | None
) -> None:
    """Whatever stands in the store, the answer is a list, and none of it twice."""
    private_shop.consent(customer)
    remember(private_shop, customer, recent)
    reply = private_shop.get(f"/v1/customers/{customer}/recommendations?slate={slate}")
    shown = item_ids(reply)

    assert reply.status_code == 200
    assert len(shown) == len(set(shown))


def _without_id(body: bytes) -> bytes:
    return re.sub(rb'"recommendation_id":"[^"]*",', b"", body)


def _without_request_id(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name != "X-Request-Id"}  # type: ignore[call-overload]
