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
from recsvc.domain.slates import CustomerSlate
from recsvc.stores.embedded import EmbeddedValkey
from recsvc.wiring import stores_at
from tests.contract.grocery import ANNA, BERT, ITEMS, ZOE, Service, publish_grocery

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


def write(service: Service, customer: CustomerId, history: list[tuple[Purpose, bool]]) -> None:
    """Write each word in its turn; personalization ends without a yes."""
    for purpose, granted in [*history, (Purpose.PERSONALIZATION, False)]:
        service.consent(customer, {purpose: granted})


@few_examples
@given(customer=customers, slate=slates, n=sizes, history=histories, filtered=filters)
@example(customer=ANNA, slate=CustomerSlate.FOR_YOU, n=10, history=[], filtered="")
def test_to_a_secret_key_only_the_labels_differ(
    private_shop: Service,
    customer: CustomerId,
    slate: CustomerSlate,
    n: int,
    history: list[tuple[Purpose, bool]],
    filtered: str,
) -> None:
    """Byte for byte, apart from `recommendation_id` and `fallback`, through any filter."""
    write(private_shop, customer, history)

    own = private_shop.get(
        f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}{filtered}"
    )
    anonymous = private_shop.get(f"/v1/recommendations?slate=popular&n={n}{filtered}")

    assert LABELS.sub(b"", own.data) == LABELS.sub(b"", anonymous.data)


@few_examples
@given(customer=customers, slate=slates, n=sizes, history=histories)
def test_to_a_browser_only_the_id_differs(
    private_shop: Service,
    customer: CustomerId,
    slate: CustomerSlate,
    n: int,
    history: list[tuple[Purpose, bool]],
) -> None:
    """The fallback is null in both, and the headers say nothing either."""
    write(private_shop, customer, history)
    path = f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}"

    own = private_shop.as_browser(path, customer)
    stranger = private_shop.as_browser(path.replace(customer, "stranger"), CustomerId("stranger"))
    anonymous = private_shop.as_browser(f"/v1/recommendations?slate=popular&n={n}")

    bodies = [_without_id(reply.data) for reply in (own, stranger, anonymous)]
    assert bodies[0] == bodies[1] == bodies[2]
    assert _without_request_id(own.headers) == _without_request_id(stranger.headers)


@few_examples
@given(customer=customers, slate=slates, n=sizes)
def test_privacy_control_makes_a_consenting_customer_anybody(
    private_shop: Service, customer: CustomerId, slate: CustomerSlate, n: int
) -> None:
    """`Sec-GPC: 1` hides a yes as well as a no."""
    private_shop.consent(customer)
    path = f"/v1/customers/{customer}/recommendations?slate={slate}&n={n}"

    own = private_shop.get(path, **{"Sec-GPC": "1"})
    anonymous = private_shop.get(f"/v1/recommendations?n={n}")

    assert LABELS.sub(b"", own.data) == LABELS.sub(b"", anonymous.data)


def _without_id(body: bytes) -> bytes:
    return re.sub(rb'"recommendation_id":"[^"]*",', b"", body)


def _without_request_id(headers: object) -> dict[str, str]:
    return {name: value for name, value in dict(headers).items() if name != "X-Request-Id"}  # type: ignore[call-overload]
