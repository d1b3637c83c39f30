"""What offers are told of orders, money and items bought since the training, over HTTP.

Anna has three orders of 10.00 in all; the model has never seen Zoe, who may be learned from.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid_utils

from recsvc.domain.customers.recent_events import MAX_EVENTS
from recsvc.domain.customers.recent_purchases import MAX_LINES
from recsvc.domain.values.ids import CustomerId
from recsvc.stores.client import keys as redis_keys
from tests.contract.grocery import ANNA, EVERYTHING, ITEMS, ZOE, Service
from tests.contract.offers.test_offer_decisions import answer, claim, considered, offered, put

NOON = (datetime.now(UTC) - timedelta(days=30)).replace(hour=12, minute=0, second=0, microsecond=0)
LAST_TRAINED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=20_100)


@pytest.fixture
def market(service: Service) -> Service:
    """Anna and Zoe permit everything; an offer for each number of orders."""
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
    """Return the numbers of orders that the customer is known to have."""
    found = offered(service, customer)
    return [offer for offer in found if offer.startswith("has-")]


def is_for(service: Service, customer: CustomerId, **eligibility: object) -> bool:
    put(service, "asked", eligibility=eligibility)
    found = considered(service, customer)["asked"]
    assert (found["verdict"] == "refused") is (found["step"] == "eligibility")
    return bool(found["verdict"] != "refused")


def test_no_number_of_views_makes_a_customer_new_again(market: Service) -> None:
    """For claims and decisions: a purchase is remembered beside the recent events."""
    put(market, "welcome", eligibility={"new_customers_only": True})
    statuses = [claim(market, "welcome", ZOE).status_code]
    send(market, bought(ZOE, order_id="A-1"))
    statuses.append(claim(market, "welcome", ZOE).status_code)
    send(market, *views(ZOE))
    statuses.append(claim(market, "welcome", ZOE).status_code)

    assert statuses == [201, 409, 409]
    assert "welcome" not in offered(market, ZOE)


def test_no_number_of_views_takes_an_order_or_an_item_back(market: Service) -> None:
    """Nor what was paid."""
    send(market, bought(price=5.0, order_id="A-1"))
    told = {"not_bought": {"items": [ITEMS[7]]}}, {"min_spent": 15}
    before = orders(market), [is_for(market, ANNA, **each) for each in told]
    send(market, *views(ANNA))

    assert before == (["has-4"], [False, True])
    assert (orders(market), [is_for(market, ANNA, **each) for each in told]) == before


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
def test_orders_are_counted_as_the_trainer_counts_them(
    market: Service, lines: Sequence[tuple[str | None, float]], expected: str
) -> None:
    """By order_id where it is given, for a day; without one, what was bought on a day."""
    send(
        market,
        *(bought(at=NOON + timedelta(hours=hours), order_id=order) for order, hours in lines),
    )

    assert orders(market) == [expected]


def test_an_order_that_the_model_knows_is_counted_once(market: Service) -> None:
    """A model dates an order by its first line: later lines of it are in the model as well."""
    lines = (bought(at=LAST_TRAINED + timedelta(hours=h), order_id="A", price=9.0) for h in (0, 3))
    send(market, *lines)

    assert orders(market) == ["has-3"]
    assert is_for(market, ANNA, max_spent=10)


def test_lines_that_the_model_may_know_are_in_doubt(market: Service) -> None:
    """Until the day is over that its data ends with; from then on they are surely not in it."""
    unsold = {"not_bought": {"items": [ITEMS[6]]}}
    midnight = LAST_TRAINED.replace(hour=0, minute=0) + timedelta(days=1)
    first, doubted = (LAST_TRAINED + timedelta(minutes=minutes) for minutes in (10, 60))
    send(market, bought(at=first, order_id="A"))
    known = is_for(market, ANNA, **unsold)
    send(market, bought(at=midnight, order_id="A", price=9.0))
    surely = is_for(market, ANNA, **unsold)
    spent = is_for(market, ANNA, min_spent=19)
    send(market, bought(at=doubted, order_id="A", price=9.0))

    assert (known, surely, spent) == (True, True, True)
    assert not is_for(market, ANNA, **unsold)
    assert is_for(market, ANNA, max_spent=19)
    assert orders(market) == ["has-3"]


def test_what_was_paid_since_the_training_is_spent(market: Service) -> None:
    """Price times quantity, one where none was said; a line without a price adds nothing."""
    send(market, bought(price=2.0, quantity=3), bought(price=0.5), bought())

    assert is_for(market, ANNA, min_spent=16.5, max_spent=16.5)


@pytest.mark.parametrize(("dear", "cheap"), [(6, 8), (8, 6)])
def test_an_offer_on_what_more_was_paid_for_is_nearer(
    service: Service, dear: int, cheap: int
) -> None:
    """What was paid outweighs what the catalogue says that it costs."""
    service.consent(ZOE)
    for row in (dear, cheap):
        service.item(ITEMS[row], price=3.0)
        put(service, f"on-{row}", items=[ITEMS[row]])
    send(service, bought(ZOE, item=ITEMS[dear], price=9.0), bought(ZOE, item=ITEMS[cheap], price=1))

    assert offered(service, ZOE) == [f"on-{dear}", f"on-{cheap}"]


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
def test_who_counts_as_new_has_spent_nothing_yet(
    market: Service, paid: Sequence[float | None], most: float, expected: bool
) -> None:
    """Of who has bought something at prices that nobody knows, nobody knows what they spent."""
    if paid:
        send(market, *(bought(ZOE, price=price) for price in paid))

    assert is_for(market, ZOE, max_spent=most) is expected


@pytest.mark.parametrize("training", [True, False])
def test_what_nobody_knows_of_a_customer_is_not_met(market: Service, training: bool) -> None:
    """Whom the model does not know and may not learn from may have bought anything."""
    market.consent(ZOE, {"training": training})
    conditions: Sequence[dict[str, object]] = [
        {"max_orders": 0},
        {"new_customers_only": True},
        {"max_spent": 0},
        {"not_bought": {"items": [ITEMS[7]]}},
        {"not_bought": {"categories": ["drinks"]}},
    ]

    assert [is_for(market, ZOE, **each) for each in conditions] == [training] * len(conditions)


def test_without_a_model_nobody_knows_what_was_not_bought(bare_service: Service) -> None:
    bare_service.consent(ANNA)
    bare_service.item("milk")

    assert not is_for(bare_service, ANNA, not_bought={"items": ["milk"]})


def test_who_bought_more_than_is_kept_may_have_bought_anything(market: Service) -> None:
    """The oldest lines go first; what is left still counts, but nobody knows how much it was."""
    item = ITEMS[6]
    unsold = {"not_bought": {"items": [item]}}
    send(market, bought(at=NOON - timedelta(hours=1), item=item, order_id="first"))
    send(market, *(bought(order_id="second") for _ in range(MAX_LINES - 2)))
    before = orders(market), is_for(market, ANNA, **unsold)
    send(market, *(bought(order_id="third") for _ in range(2)))

    assert before == (["has-5"], False)
    assert orders(market) == []
    assert not is_for(market, ANNA, **unsold)
    assert is_for(market, ANNA, bought={"items": [ITEMS[7]]})


def test_what_is_sensitive_is_not_kept(market: Service) -> None:
    """Nor any order of it."""
    market.item(ITEMS[4], sensitive=True)
    send(market, bought(item=ITEMS[4], price=3.0))

    assert orders(market) == ["has-3"]
    assert kept(market, ANNA) == []


@pytest.mark.parametrize("denied", [{"personalization": False}, dict.fromkeys(EVERYTHING, False)])
def test_nothing_is_kept_of_who_does_not_permit_it(
    market: Service, denied: dict[str, bool]
) -> None:
    """And what was kept before is used once it is permitted again."""
    send(market, bought(order_id="A"))
    market.consent(ANNA, denied)
    send(market, bought(order_id="B"))
    withdrawn = answer(market)
    market.consent(ANNA)

    assert not withdrawn["personalized"]
    assert orders(market) == ["has-4"]


def test_what_is_kept_names_neither_customer_nor_order(market: Service) -> None:
    """An order is a mark, and as long as any."""
    send(market, bought(order_id="an-order-of-anna", price=1.5, quantity=2))

    (entry,) = kept(market, ANNA)
    seconds, mark, paid, item = entry.decode().split()
    assert (int(seconds), paid, item) == (NOON.timestamp(), "3.0", ITEMS[7])
    assert len(mark) == 16
    assert not {ANNA, "an-order-of-anna"} & {*entry.decode().split()}


def test_unreadable_purchases_offer_nothing_personal(market: Service) -> None:
    """As with caps: nobody knows then what was bought. A line that is none is passed over."""
    name, store = purchases_of(market, ANNA), market.stores.connections.writes
    send(market, bought(order_id="A"))
    store.lpush(name, b"?", b"1 - nan milk", b"\xff - - milk", b"- - - milk")
    garbage = orders(market)
    store.set(name, "?")
    found = answer(market)

    assert garbage == ["has-4"]
    assert (found["personalized"], found["fallback"]) == (False, "store_unavailable")


def purchases_of(service: Service, customer: CustomerId) -> str:
    return redis_keys.purchases(service.shop, service.stores.hasher(service.shop).key_of(customer))


def kept(service: Service, customer: CustomerId) -> list[bytes]:
    name = purchases_of(service, customer)
    found: list[bytes] = service.stores.connections.writes.lrange(name, 0, -1)
    return found
