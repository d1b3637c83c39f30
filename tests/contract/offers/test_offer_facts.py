"""Orders, spend and items since the training, as decisions on offers see them, over HTTP.

Anna has three orders of 10.00 in total. Zoe permits training but is not in the model.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid_utils

from recsvc.domain.customers.purchase_history import decode
from recsvc.domain.customers.recent_events import MAX_EVENTS
from recsvc.domain.values.ids import CustomerId
from recsvc.stores.client import keys as redis_keys
from tests.contract.grocery import ANNA, EVERYTHING, ITEMS, LAST_DAY, ZOE, Service
from tests.contract.offers.test_offer_decisions import answer, claim, considered, offered, put

NOON = (datetime.now(UTC) - timedelta(days=30)).replace(hour=12, minute=0, second=0, microsecond=0)
LAST_TRAINED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=LAST_DAY)


@pytest.fixture
def market(service: Service) -> Service:
    """Anna and Zoe permit everything; there is an offer for each number of orders."""
    service.consent(ANNA)
    service.consent(ZOE)
    for orders in range(8):
        put(service, f"has-{orders}", eligibility={"min_orders": orders, "max_orders": orders})
    return service


def send(service: Service, *events: dict[str, Any]) -> None:
    sent = [{"message_id": str(uuid_utils.uuid7()), **event} for event in events]
    reply = service.send("POST", "/v1/events", {"events": sent})
    assert reply.json is not None
    assert {each["status"] for each in reply.json["results"]} == {201}


def bought(
    customer: CustomerId = ANNA, at: datetime = NOON, item: str = ITEMS[7], **more: object
) -> dict[str, Any]:
    return {
        "type": "purchase",
        "customer_id": customer,
        "item_id": item,
        "timestamp": at.isoformat(),
        **more,
    }


def views(customer: CustomerId, count: int = MAX_EVENTS + 5) -> Iterator[dict[str, Any]]:
    for _ in range(count):
        yield {"type": "view", "customer_id": customer, "item_id": ITEMS[2]}


def orders(service: Service, customer: CustomerId = ANNA) -> Sequence[str]:
    """Return the customer's number of orders, as offers show it."""
    found = offered(service, customer)
    return [offer for offer in found if offer.startswith("has-")]


def is_for(service: Service, customer: CustomerId, **eligibility: object) -> bool:
    put(service, "asked", eligibility=eligibility)
    found = considered(service, customer)["asked"]
    assert (found["verdict"] == "refused") is (found["step"] == "eligibility")
    return bool(found["verdict"] != "refused")


def test_no_number_of_views_makes_a_customer_new_again(market: Service) -> None:
    """Many views do not displace a purchase, neither for claims nor for decisions."""
    put(market, "welcome", eligibility={"new_customers_only": True})
    statuses = [claim(market, "welcome", ZOE).status_code]
    send(market, bought(ZOE, order_id="A-1"))
    statuses.append(claim(market, "welcome", ZOE).status_code)
    send(market, *views(ZOE))
    statuses.append(claim(market, "welcome", ZOE).status_code)

    assert statuses == [201, 409, 409]
    assert "welcome" not in offered(market, ZOE)


def test_no_number_of_views_displaces_an_order(market: Service) -> None:
    """Many views displace neither orders, items nor spend."""
    send(market, bought(price=5.0, order_id="A-1"))
    reported = {"not_bought": {"items": [ITEMS[7]]}}, {"min_spent": 15}
    before = orders(market), [is_for(market, ANNA, **each) for each in reported]
    send(market, *views(ANNA))

    assert before == (["has-4"], [False, True])
    assert (orders(market), [is_for(market, ANNA, **each) for each in reported]) == before


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([("A", 0), ("B", 0), ("C", 0)], "has-6"),
        ([("A", 0), ("A", 3), ("A", 9)], "has-4"),
        ([("A", 0), ("A", 23.99)], "has-4"),
        ([("A", 0), ("A", 24)], "has-5"),
        ([("A", 0), ("B", 1), ("A", 3)], "has-5"),
        ([(None, 0), (None, 5)], "has-4"),
        ([(None, 0), ("A", 0), (None, 24)], "has-6"),
    ],
)
def test_orders_are_counted_as_in_training(
    market: Service, lines: Sequence[tuple[str | None, float]], expected: str
) -> None:
    """Lines of one day with the same order_id, or without any, are one order."""
    send(
        market,
        *(bought(at=NOON + timedelta(hours=hours), order_id=order) for order, hours in lines),
    )

    assert orders(market) == [expected]


def test_an_order_in_the_model_is_counted_once(market: Service) -> None:
    """A model dates an order by its first line: later lines of it are in the model as well."""
    lines = (bought(at=LAST_TRAINED + timedelta(hours=h), order_id="A", price=9.0) for h in (0, 3))
    send(market, *lines)

    assert orders(market) == ["has-3"]
    assert is_for(market, ANNA, max_spent=10)


def test_lines_that_may_be_in_the_model_are_uncertain(market: Service) -> None:
    """Lines up to the end of the model's last day are uncertain; later ones are new."""
    unsold = {"not_bought": {"items": [ITEMS[6]]}}
    midnight = LAST_TRAINED.replace(hour=0, minute=0) + timedelta(days=1)
    first, uncertain = (LAST_TRAINED + timedelta(minutes=minutes) for minutes in (10, 60))
    send(market, bought(at=first, order_id="A"))
    known = is_for(market, ANNA, **unsold)
    send(market, bought(at=midnight, order_id="A", price=9.0))
    certain = is_for(market, ANNA, **unsold)
    spent = is_for(market, ANNA, min_spent=19)
    send(market, bought(at=uncertain, order_id="A", price=9.0))

    assert (known, certain, spent) == (True, True, True)
    assert not is_for(market, ANNA, **unsold)
    assert is_for(market, ANNA, max_spent=19)
    assert orders(market) == ["has-3"]


def test_spend_includes_prices_since_the_training(market: Service) -> None:
    """Spend adds price × quantity (default 1); a line without a price adds 0."""
    send(market, bought(price=2.0, quantity=3), bought(price=0.5), bought())

    assert is_for(market, ANNA, min_spent=16.5, max_spent=16.5)


@pytest.mark.parametrize(("expensive", "cheap"), [(6, 8), (8, 6)])
def test_affinity_uses_the_price_paid(service: Service, expensive: int, cheap: int) -> None:
    """The price paid counts before the price in the catalogue."""
    service.consent(ZOE)
    for row in (expensive, cheap):
        service.item(ITEMS[row], price=3.0)
        put(service, f"on-{row}", items=[ITEMS[row]])
    send(
        service,
        bought(ZOE, item=ITEMS[expensive], price=9.0),
        bought(ZOE, item=ITEMS[cheap], price=1),
    )

    assert offered(service, ZOE) == [f"on-{expensive}", f"on-{cheap}"]


@pytest.mark.parametrize(
    ("paid", "most", "expected"),
    [
        ([], 0, True),
        ([5.0], 5, True),
        ([5.0, None], 5, True),
        ([5.0], 4, False),
        ([None], 9, False),
    ],
)
def test_a_new_customer_has_spent_nothing(
    market: Service, paid: Sequence[float | None], most: float, expected: bool
) -> None:
    """A customer with purchases at unknown prices has an unknown spend."""
    if paid:
        send(market, *(bought(ZOE, price=price) for price in paid))

    assert is_for(market, ZOE, max_spent=most) is expected


@pytest.mark.parametrize("training", [True, False])
def test_unknown_facts_meet_no_condition(market: Service, training: bool) -> None:
    """A customer outside the model, without training consent, may have bought anything."""
    market.consent(ZOE, {"training": training})
    conditions: Sequence[dict[str, object]] = [
        {"max_orders": 0},
        {"new_customers_only": True},
        {"max_spent": 0},
        {"not_bought": {"items": [ITEMS[7]]}},
        {"not_bought": {"categories": ["drinks"]}},
    ]

    assert [is_for(market, ZOE, **each) for each in conditions] == [training] * len(conditions)


def test_without_a_model_not_bought_is_never_met(bare_service: Service) -> None:
    """Without a model, the purchases of a customer are incomplete."""
    bare_service.consent(ANNA)
    bare_service.item("milk")

    assert not is_for(bare_service, ANNA, not_bought={"items": ["milk"]})


def test_purchases_beyond_the_stored_orders_are_incomplete(market: Service) -> None:
    """The oldest orders are summed up, then dropped: then totals are unknown, but items count."""
    item = ITEMS[6]
    unsold = {"not_bought": {"items": [ITEMS[8]]}}
    send(market, bought(at=NOON - timedelta(hours=1), item=item, order_id="first", price=2.0))
    send(market, *(bought(order_id=f"then-{number}", price=1.0) for number in range(30)))
    totals = {"min_orders": 34, "max_orders": 34, "min_spent": 42, "max_spent": 42}
    before = is_for(market, ANNA, **totals), is_for(market, ANNA, **unsold)
    send(market, *(bought(order_id=f"later-{number}", price=1.0) for number in range(60)))

    assert before == (True, True)
    assert not is_for(market, ANNA, min_orders=0)
    assert not is_for(market, ANNA, **unsold)
    assert is_for(market, ANNA, bought={"items": [item]})


def test_a_sensitive_purchase_is_not_stored(market: Service) -> None:
    """A purchase of a sensitive item stores neither the item nor its order."""
    market.item(ITEMS[4], sensitive=True)
    send(market, bought(item=ITEMS[4], price=3.0))

    assert orders(market) == ["has-3"]
    assert stored(market, ANNA) == b""


@pytest.mark.parametrize("denied", [{"personalization": False}, dict.fromkeys(EVERYTHING, False)])
def test_a_purchase_is_stored_only_with_consent(market: Service, denied: dict[str, bool]) -> None:
    """Without consent no purchase is stored; earlier ones count after a new grant."""
    send(market, bought(order_id="A"))
    market.consent(ANNA, denied)
    send(market, bought(order_id="B"))
    withdrawn = answer(market)
    market.consent(ANNA)

    assert not withdrawn["personalized"]
    assert orders(market) == ["has-4"]


def test_stored_purchases_contain_no_customer_and_no_order_id(market: Service) -> None:
    """An order is stored as a keyed hash of fixed length."""
    send(market, bought(order_id="an-order-of-anna", price=1.5, quantity=2))

    history = decode(stored(market, ANNA))
    (part,), (item,) = history.parts, history.items
    assert (part.minute * 60, part.lines[0].paid, item.item_id) == (NOON.timestamp(), 3.0, ITEMS[7])
    assert len(part.order) == 8
    assert b"anna" not in stored(market, ANNA)


@pytest.mark.parametrize("kind", ["list", "text"])
def test_after_unreadable_purchases_nothing_is_certain(market: Service, kind: str) -> None:
    """A list of an older release or a damaged text: decisions are personal, totals are unknown."""
    name, store = purchases_of(market, ANNA), market.stores.connections.writes
    if kind == "list":
        store.lpush(name, f"{int(NOON.timestamp())} - 2.5 {ITEMS[7]}")
    else:
        store.set(name, "?")
    found, counted = answer(market), orders(market)

    assert (found["personalized"], found["fallback"], counted) == (True, None, [])


def test_the_list_of_an_older_release_becomes_a_history(market: Service) -> None:
    """The next purchase takes over the readable lines of the list."""
    name, store = purchases_of(market, ANNA), market.stores.connections.writes
    at = int(NOON.timestamp())
    store.lpush(name, b"?", b"- - - milk", f"{at} 9f86d081884c7d65 2.5 {ITEMS[7]}")
    send(market, bought(order_id="B", price=4.0))

    assert orders(market) == ["has-5"]
    assert is_for(market, ANNA, min_spent=16.5, max_spent=16.5)


def test_a_refund_takes_away_its_order(market: Service) -> None:
    """A refunded order counts neither as an order nor as spend, and its items are not bought."""
    send(market, bought(order_id="A", price=5.0), bought(order_id="B", price=2.0, item=ITEMS[8]))
    refund = {"type": "refund", "customer_id": ANNA, "order_id": "A"}
    send(market, refund)

    assert orders(market) == ["has-4"]
    assert is_for(market, ANNA, min_spent=12, max_spent=12)
    assert is_for(market, ANNA, not_bought={"items": [ITEMS[7]]})
    assert not is_for(market, ANNA, not_bought={"items": [ITEMS[8]]})


def purchases_of(service: Service, customer: CustomerId) -> str:
    return redis_keys.purchases(service.shop, service.stores.hasher(service.shop).key_of(customer))


def stored(service: Service, customer: CustomerId) -> bytes:
    return service.stores.connections.writes.get(purchases_of(service, customer)) or b""
