"""Events over HTTP: each row is answered, each id counts once, a browser says little."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from recsvc.domain.api_keys import Scope
from recsvc.domain.values.ids import ShopName
from recsvc.domain.values.timestamps import parse_rfc3339
from tests.contract.grocery import ANNA, BERT, ITEMS, Service
from tests.contract.logged import counts, logged, recent

VIEW = {"message_id": "m-1", "type": "view", "item_id": ITEMS[0]}
FULL = {
    "message_id": "m-2",
    "type": "purchase",
    "timestamp": "2026-01-02T03:04:05.000006+01:00",
    "customer_id": ANNA,
    "session_id": "s",
    "item_id": ITEMS[1],
    "offer_id": "o",
    "quantity": 2,
    "price": 1.5,
    "order_id": "order/1",
    "recommendation_id": "r",
    "decision_id": "d",
    "claim_id": "c",
    "delivery_id": "e",
    "channel": "web",
}


def post(
    service: Service,
    *events: object,
    key: str = "",
    token: str | None = None,
    denied: bool = False,
) -> TestResponse:
    headers = {"Authorization": f"Bearer {key or service.keys.secret.text}"}
    if token is not None:
        headers["X-Customer-Token"] = token
    if denied:
        headers["Sec-GPC"] = "1"
    return service.client.post("/v1/events", json={"events": list(events)}, headers=headers)


def browse(service: Service, *events: object, token: str | None = None) -> TestResponse:
    return post(service, *events, key=service.keys.browser.text, token=token)


def results(reply: TestResponse) -> list[dict[str, Any]]:
    assert reply.status_code == 200, reply.data
    assert reply.json is not None
    listed: list[dict[str, Any]] = reply.json["results"]
    return listed


def statuses(reply: TestResponse) -> list[int]:
    return [result["status"] for result in results(reply)]


def test_every_row_is_answered_in_its_place(service: Service) -> None:
    """New, known, reused, unreadable: none of them stops another."""
    reply = post(
        service,
        VIEW,
        {"type": "view"},
        VIEW,
        {**VIEW, "item_id": "other"},
        "no event",
        {**VIEW, "message_id": "m-3"},
    )

    assert results(reply) == [
        {"status": 201},
        {"status": 422, "code": "bad_event", "errors": results(reply)[1]["errors"]},
        {"status": 200, "duplicate": True},
        {"status": 409, "code": "message_id_reused"},
        {"status": 422, "code": "bad_event"},
        {"status": 201},
    ]
    assert len(logged(service)) == 2


def test_an_event_sent_again_is_a_duplicate(service: Service) -> None:
    """However its numbers, its time and its nothings are spelt; it changes nothing more."""
    first = post(service, FULL)
    again = post(
        service,
        {**FULL, "quantity": 2.0, "timestamp": "2026-01-02T02:04:05.000006Z"},
        {**VIEW, "price": None},
        VIEW,
    )

    assert statuses(first) == [201]
    assert statuses(again) == [200, 201, 200]
    assert counts(service) == {ITEMS[0]: 1.0}


def test_the_log_holds_an_event_as_it_was_sent(service: Service) -> None:
    """Times in UTC, and when it arrived; its customer's hash beside it."""
    service.consent(ANNA)
    post(service, FULL, {"message_id": "m-3", "type": "offer_shown", "offer_id": "o"})

    full, bare = logged(service)

    received = full.event.pop("received_at")
    assert parse_rfc3339(received)
    assert full.event == {**FULL, "timestamp": "2026-01-02T02:04:05.000006Z", "quantity": 2.0}
    assert full.customer == service.stores.hasher(service.shop).key_of(ANNA).hex()
    assert set(bare.event) == {"message_id", "type", "offer_id", "timestamp", "received_at"}
    assert bare.event["timestamp"] == bare.event["received_at"]
    assert bare.customer is None


@pytest.mark.parametrize("consents", [None, {"analytics": False, "personalization": False}])
def test_without_consent_only_counts_move(
    service: Service, consents: dict[str, bool] | None
) -> None:
    """No row in the log, no history, and the answer is the same as with it."""
    if consents is not None:
        service.consent(ANNA, consents)

    reply = post(service, {**VIEW, "customer_id": ANNA})

    assert statuses(reply) == [201]
    assert logged(service) == []
    assert recent(service, ANNA) == []
    assert counts(service) == {ITEMS[0]: 1.0}


def test_each_purpose_opens_one_door(service: Service) -> None:
    """`analytics` the log, `personalization` the history."""
    service.consent(ANNA, {"analytics": True})
    service.consent(BERT, {"personalization": True})

    post(service, {**VIEW, "customer_id": ANNA}, {**VIEW, "message_id": "b", "customer_id": BERT})

    assert [row.event["customer_id"] for row in logged(service)] == [ANNA]
    assert recent(service, ANNA) == []
    assert [entry.split(b" ")[1] for entry in recent(service, BERT)] == [ITEMS[0].encode()]


def test_a_withdrawal_counts_from_the_next_event_on(service: Service) -> None:
    """The consent is read with each event."""
    service.consent(ANNA)
    post(service, {**VIEW, "customer_id": ANNA})
    service.consent(ANNA, {"personalization": False, "analytics": False})
    post(service, {**VIEW, "message_id": "later", "customer_id": ANNA})

    assert len(logged(service)) == len(recent(service, ANNA)) == 1


def test_privacy_control_denies_for_its_request(service: Service) -> None:
    """`Sec-GPC: 1` leaves counts alone of a consenting customer's events; sent again, nothing."""
    service.consent(ANNA)
    event = {**VIEW, "customer_id": ANNA}

    denied = post(service, event, {**VIEW, "message_id": "n"}, denied=True)

    assert statuses(denied) == [201, 201]
    assert statuses(post(service, event)) == [200]
    assert [row.event["message_id"] for row in logged(service)] == ["n"]
    assert recent(service, ANNA) == []
    assert counts(service) == {ITEMS[0]: 2.0}


def test_a_sensitive_item_is_in_no_history(service: Service) -> None:
    """It is counted and logged; nobody is remembered by it."""
    service.consent(ANNA)
    service.item(ITEMS[0], sensitive=True)

    post(service, {**VIEW, "customer_id": ANNA})

    assert recent(service, ANNA) == []
    assert len(logged(service)) == 1


def test_what_became_sensitive_is_due_no_more(service: Service) -> None:
    """What was bought of it some time ago would lead the list."""
    service.consent("dora")
    sent = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    post(service, {**VIEW, "type": "purchase", "customer_id": "dora", "timestamp": sent})
    before = reasons_of(service, "dora")
    service.item(ITEMS[0], sensitive=True)

    assert "buy_again_due" in before
    assert "buy_again_due" not in reasons_of(service, "dora")


def reasons_of(service: Service, customer: str) -> list[str]:
    answer = service.get(f"/v1/customers/{customer}/recommendations").json
    assert answer is not None
    return [item["reason"]["code"] for item in answer["items"]]


def test_a_refusal_does_not_outgrow_what_was_sent(service: Service) -> None:
    """Of many unknown fields it names a few."""
    (result,) = results(post(service, {**VIEW, **{f"x{number}": 1 for number in range(100, 400)}}))

    assert [each["field"] for each in result["errors"]] == ["x100", "x101", "x102"]


def test_a_session_without_a_customer_is_not_kept(service: Service) -> None:
    """It would be the trace of a person who was asked nothing."""
    post(service, {**VIEW, "session_id": "secret-session"})

    assert "session_id" not in logged(service)[0].event


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "view", "item_id": "a"}, "message_id"),
        ({**VIEW, "message_id": ""}, "message_id"),
        ({**VIEW, "message_id": "é" * 65}, "message_id"),
        ({**VIEW, "message_id": "a\nb"}, "message_id"),
        ({**VIEW, "message_id": 5}, "message_id"),
        ({"message_id": "a", "item_id": "a"}, "type"),
        ({**VIEW, "type": "look"}, "type"),
        ({**VIEW, "type": ["view"]}, "type"),
        ({"message_id": "a", "type": "purchase"}, "item_id"),
        ({**VIEW, "item_id": None}, "item_id"),
        ({**VIEW, "item_id": "a/b"}, "item_id"),
        ({**VIEW, "type": "offer_accepted"}, "offer_id"),
        ({**VIEW, "customer_id": ".."}, "customer_id"),
        ({**VIEW, "timestamp": "2026-01-01"}, "timestamp"),
        ({**VIEW, "timestamp": "1969-12-31T23:59:59Z"}, "timestamp"),
        ({**VIEW, "timestamp": "2999-01-01T00:00:00Z"}, "timestamp"),
        ({**VIEW, "timestamp": 1763777777}, "timestamp"),
        ({**VIEW, "quantity": 0}, "quantity"),
        ({**VIEW, "quantity": 1e7}, "quantity"),
        ({**VIEW, "quantity": True}, "quantity"),
        ({**VIEW, "price": -0.01}, "price"),
        ({**VIEW, "price": "1"}, "price"),
        ({**VIEW, "session_id": "x" * 129}, "session_id"),
        ({**VIEW, "channel": ""}, "channel"),
        ({**VIEW, "colour": "red"}, "colour"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_field_is_named(
    grocery_service: Service, event: dict[str, object], field: str
) -> None:
    """422 with the field, the value and what would be right; the row is not taken in."""
    (result,) = results(post(grocery_service, event))

    assert (result["status"], result["code"]) == (422, "bad_event")
    assert [error["field"] for error in result["errors"]] == [field]
    assert len(result["errors"][0]["detail"]) > 10


@pytest.mark.parametrize(
    "body",
    [{}, {"events": {}}, {"events": [VIEW] * 501}, {"events": [], "more": 1}, [VIEW]],
    ids=["none", "no list", "too many", "unknown", "bare list"],
)
def test_a_body_that_is_no_batch_is_refused_whole(grocery_service: Service, body: object) -> None:
    """400 naming what is wrong."""
    headers = {"Authorization": f"Bearer {grocery_service.keys.secret.text}"}
    reply = grocery_service.client.post("/v1/events", json=body, headers=headers)

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, "bad_body")


def test_a_batch_may_be_large(service: Service) -> None:
    """500 events, more than 64 KiB; not more than 1 MiB."""
    batch = [{**VIEW, "message_id": f"{n:0128d}", "session_id": "s" * 128} for n in range(500)]
    headers = {
        "Authorization": f"Bearer {service.keys.secret.text}",
        "Content-Type": "application/json",
    }
    large = service.client.post("/v1/events", data=b" " * (1 << 20) + b"{}", headers=headers)

    assert statuses(post(service, *batch)) == [201] * 500
    assert statuses(post(service, *batch)) == [200] * 500
    assert large.status_code == 413
    assert statuses(post(service)) == []


@pytest.mark.parametrize(
    "event",
    [
        {**VIEW, "type": "purchase"},
        {"message_id": "m", "type": "offer_redeemed", "offer_id": "o"},
        {**VIEW, "price": 1},
    ],
    ids=["purchase", "offer_redeemed", "price"],
)
def test_a_browser_neither_buys_nor_redeems_nor_names_prices(
    service: Service, event: dict[str, object]
) -> None:
    """403 for that row alone; not even its id is taken."""
    reply = browse(service, event, {**VIEW, "message_id": "fine"})

    assert statuses(reply) == [403, 201]
    assert results(reply)[0]["code"] == "secret_key_needed"
    assert statuses(post(service, event)) == [201]


@pytest.mark.parametrize("token", [None, BERT], ids=["no token", "another's token"])
def test_a_browser_speaks_for_no_other_customer(service: Service, token: Any) -> None:
    """The whole batch is the same 403 as on every route, whether the customer is known or not."""
    signed = None if token is None else service.keys.token(token)

    replies = [
        browse(service, VIEW, {**VIEW, "message_id": "x", "customer_id": customer}, token=signed)
        for customer in (ANNA, "nobody")
    ]
    unreadable = browse(service, {"customer_id": ANNA}, token=signed)

    assert [reply.status_code for reply in (*replies, unreadable)] == [403] * 3
    assert replies[0].data == replies[1].data == unreadable.data
    assert replies[0].json is not None
    assert replies[0].json["code"] == "not_this_customer"
    assert logged(service) == []


def test_a_browser_speaks_for_its_own_customer(service: Service) -> None:
    """And what names nobody stays nobody's, token or not."""
    service.consent(ANNA)
    token = service.keys.token(ANNA)
    nobodys = {**VIEW, "message_id": "n", "item_id": ITEMS[1]}

    reply = browse(service, {**VIEW, "customer_id": ANNA}, nobodys, token=token)

    assert statuses(reply) == [201, 201]
    assert [row.event.get("customer_id") for row in logged(service)] == [ANNA, None]
    assert [entry.split(b" ")[1] for entry in recent(service, ANNA)] == [ITEMS[0].encode()]


def test_a_browser_moves_a_count_once_a_session_item_and_day(service: Service) -> None:
    """Without a session not at all, and only those of items that there are."""
    events = [
        {**VIEW, "message_id": "1"},
        {**VIEW, "message_id": "2", "session_id": "s"},
        {**VIEW, "message_id": "3", "session_id": "s"},
        {**VIEW, "message_id": "4", "session_id": "s", "item_id": ITEMS[1]},
        {**VIEW, "message_id": "5", "session_id": "t", "type": "add_to_cart"},
        {**VIEW, "message_id": "6", "session_id": "t"},
        {**VIEW, "message_id": "7", "session_id": "t", "item_id": "made-up"},
    ]

    assert statuses(browse(service, *events)) == [201] * 7
    assert counts(service) == {ITEMS[0]: 4.0, ITEMS[1]: 1.0}


def test_the_greatest_interest_of_a_session_counts(service: Service) -> None:
    """Whatever came first: a filled cart is one, not a view and a filled cart."""
    cart = {**VIEW, "type": "add_to_cart", "session_id": "s"}
    later = {**cart, "message_id": "2", "session_id": "t"}

    browse(service, {**VIEW, "message_id": "1", "session_id": "s"}, cart)
    browse(service, later, {**VIEW, "message_id": "3", "session_id": "t"})

    assert counts(service) == {ITEMS[0]: 6.0}


def test_a_server_moves_counts_each_time(service: Service) -> None:
    """By the weight of what happened; those of items not told of yet as well."""
    types = ["view", "impression", "add_to_cart", "remove_from_cart", "purchase"]
    events = [
        {"message_id": f"{kind} {item}", "type": kind, "item_id": item}
        for kind in types
        for item in (ITEMS[0], "new")
    ]

    post(service, *events)

    assert counts(service) == {ITEMS[0]: 9.0, "new": 9.0}


def test_old_events_move_no_counts(service: Service) -> None:
    """A shop may tell its whole past; what is popular now stays."""
    post(service, {**VIEW, "timestamp": "2020-01-01T00:00:00Z"})

    assert counts(service) == {}
    assert len(logged(service)) == 1


def test_events_take_their_scope(service: Service) -> None:
    """A secret key of another scope sends none."""
    reply = post(service, VIEW, key=service.secret_key(Scope.RECOMMEND))

    assert reply.status_code == 403
    assert statuses(post(service, VIEW, key=service.secret_key(Scope.EVENTS))) == [201]


def test_a_shop_without_a_model_takes_events(bare_service: Service) -> None:
    """Its first day is the beginning of its counts."""
    bare_service.item("new")

    assert statuses(post(bare_service, VIEW)) == [201]
    assert statuses(
        browse(bare_service, {**VIEW, "message_id": "b", "item_id": "new", "session_id": "s"})
    ) == [201]
    assert counts(bare_service) == {ITEMS[0]: 1.0, "new": 1.0}


def test_message_ids_are_each_shops_own(service: Service) -> None:
    """What one shop has sent is new to another."""
    other = Service(service.stores, ShopName(f"{service.shop}-b"))

    assert statuses(post(service, VIEW)) == [201]
    assert statuses(post(other, VIEW)) == [201]
