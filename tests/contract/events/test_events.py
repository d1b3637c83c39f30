"""POST /v1/events: one result per event, each id counts once, and limits for browsers."""

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


def test_each_event_has_its_own_result(service: Service) -> None:
    """New, duplicate, reused and invalid events get results in order, and none stops another."""
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
        {
            "status": 422,
            "code": "bad_event",
            "errors": [
                {
                    "field": "events[4]",
                    "detail": '"no event" is not an object, as '
                    '{"message_id": "…", "type": "view", "item_id": "…"}',
                }
            ],
        },
        {"status": 201},
    ]
    assert len(logged(service)) == 2


def test_an_event_sent_again_is_a_duplicate(service: Service) -> None:
    """An event with equal content is a duplicate, however numbers, times and nulls are written."""
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


def test_the_log_has_the_event_as_sent(service: Service) -> None:
    """The log has the event with UTC times, its arrival and the customer's hash."""
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
def test_without_consent_only_counts_change(
    service: Service, consents: dict[str, bool] | None
) -> None:
    """Without consent an event is neither logged nor listed, and the response is the same."""
    if consents is not None:
        service.consent(ANNA, consents)

    reply = post(service, {**VIEW, "customer_id": ANNA})

    assert statuses(reply) == [201]
    assert logged(service) == []
    assert recent(service, ANNA) == []
    assert counts(service) == {ITEMS[0]: 1.0}


def test_each_purpose_permits_one_use(service: Service) -> None:
    """`analytics` permits the log, `personalization` the customer's list."""
    service.consent(ANNA, {"analytics": True})
    service.consent(BERT, {"personalization": True})

    post(service, {**VIEW, "customer_id": ANNA}, {**VIEW, "message_id": "b", "customer_id": BERT})

    assert [row.event["customer_id"] for row in logged(service)] == [ANNA]
    assert recent(service, ANNA) == []
    assert [entry.split(b" ")[1] for entry in recent(service, BERT)] == [ITEMS[0].encode()]


def test_a_withdrawal_applies_to_the_next_event(service: Service) -> None:
    """The consent is read for each event."""
    service.consent(ANNA)
    post(service, {**VIEW, "customer_id": ANNA})
    service.consent(ANNA, {"personalization": False, "analytics": False})
    post(service, {**VIEW, "message_id": "later", "customer_id": ANNA})

    assert len(logged(service)) == len(recent(service, ANNA)) == 1


def test_sec_gpc_denies_for_its_request(service: Service) -> None:
    """With `Sec-GPC: 1` an event only counts despite consent; sent again, it is a duplicate."""
    service.consent(ANNA)
    event = {**VIEW, "customer_id": ANNA}

    denied = post(service, event, {**VIEW, "message_id": "n"}, denied=True)

    assert statuses(denied) == [201, 201]
    assert statuses(post(service, event)) == [200]
    assert [row.event["message_id"] for row in logged(service)] == ["n"]
    assert recent(service, ANNA) == []
    assert counts(service) == {ITEMS[0]: 2.0}


def test_a_sensitive_item_is_not_listed(service: Service) -> None:
    """An event on a sensitive item is logged and not added to the customer's list."""
    service.consent(ANNA)
    service.item(ITEMS[0], sensitive=True)

    post(service, {**VIEW, "customer_id": ANNA})

    assert recent(service, ANNA) == []
    assert len(logged(service)) == 1


def test_an_item_that_became_sensitive_is_not_due(service: Service) -> None:
    """A purchased item that becomes sensitive is no longer recommended as due for repurchase."""
    service.consent("dora")
    sent = (datetime.now(UTC) - timedelta(days=60)).isoformat()
    post(service, {**VIEW, "type": "purchase", "customer_id": "dora", "timestamp": sent})
    before = reasons_of(service, "dora")
    service.item(ITEMS[0], sensitive=True)

    assert "buy_again_due" in before
    assert "buy_again_due" not in reasons_of(service, "dora")


def reasons_of(service: Service, customer: str) -> list[str]:
    answer = service.get(f"/v1/customers/{customer}/recommendations?slate=buy_again").json
    assert answer is not None
    return [item["reason"]["code"] for item in answer["items"]]


def test_an_error_names_few_unknown_fields(service: Service) -> None:
    """An error of many unknown fields names the first three, so that it stays short."""
    (result,) = results(post(service, {**VIEW, **{f"x{number}": 1 for number in range(100, 400)}}))

    assert [each["field"] for each in result["errors"]] == ["x100", "x101", "x102"]


def test_an_anonymous_session_is_not_logged(service: Service) -> None:
    """A session without a customer is dropped: it would identify a person without consent."""
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
        ({**VIEW, "item_id": "a/.."}, "item_id"),
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
def test_an_invalid_field_is_named(
    grocery_service: Service, event: dict[str, object], field: str
) -> None:
    """An invalid field gives 422 with its name, value and rule."""
    (result,) = results(post(grocery_service, event))

    assert (result["status"], result["code"]) == (422, "bad_event")
    assert [error["field"] for error in result["errors"]] == [field]
    assert len(result["errors"][0]["detail"]) > 10


@pytest.mark.parametrize(
    "body",
    [{}, {"events": {}}, {"events": [VIEW] * 501}, {"events": [], "more": 1}, [VIEW]],
    ids=["none", "no list", "too many", "unknown", "bare list"],
)
def test_an_invalid_batch_is_refused(grocery_service: Service, body: object) -> None:
    """A body that is not a batch of at most 500 events gives 400."""
    headers = {"Authorization": f"Bearer {grocery_service.keys.secret.text}"}
    reply = grocery_service.client.post("/v1/events", json=body, headers=headers)

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, "bad_body")


def test_a_batch_may_have_one_mebibyte(service: Service) -> None:
    """A batch of 500 events above 64 KiB is accepted, one above 1 MiB gives 413."""
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
def test_a_browser_sends_no_purchases_redemptions_or_prices(
    service: Service, event: dict[str, object]
) -> None:
    """A forbidden event of a browser gives 403, and its message id stays unused."""
    reply = browse(service, event, {**VIEW, "message_id": "fine"})

    assert statuses(reply) == [403, 201]
    assert results(reply)[0]["code"] == "secret_key_needed"
    assert statuses(post(service, event)) == [201]


@pytest.mark.parametrize("token", [None, BERT], ids=["no token", "another's token"])
def test_a_browser_sends_no_events_of_other_customers(service: Service, token: Any) -> None:
    """The batch gives the same 403 for known and unknown customers."""
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


def test_a_browser_sends_events_of_its_own_customer(service: Service) -> None:
    """With a token, events of its customer are stored as theirs; others stay anonymous."""
    service.consent(ANNA)
    token = service.keys.token(ANNA)
    anonymous = {**VIEW, "message_id": "n", "item_id": ITEMS[1]}

    reply = browse(service, {**VIEW, "customer_id": ANNA}, anonymous, token=token)

    assert statuses(reply) == [201, 201]
    assert [row.event.get("customer_id") for row in logged(service)] == [ANNA, None]
    assert [entry.split(b" ")[1] for entry in recent(service, ANNA)] == [ITEMS[0].encode()]


def test_a_browser_counts_once_per_session_item_and_day(service: Service) -> None:
    """Browser events count once per session and item, and never without a session or known item."""
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


def test_the_greatest_weight_of_a_session_counts(service: Service) -> None:
    """A view and a cart of one session count as one cart, in either order."""
    cart = {**VIEW, "type": "add_to_cart", "session_id": "s"}
    later = {**cart, "message_id": "2", "session_id": "t"}

    browse(service, {**VIEW, "message_id": "1", "session_id": "s"}, cart)
    browse(service, later, {**VIEW, "message_id": "3", "session_id": "t"})

    assert counts(service) == {ITEMS[0]: 6.0}


def test_a_server_event_counts_each_time(service: Service) -> None:
    """Each event of a server counts with its weight, unknown items included."""
    types = ["view", "impression", "add_to_cart", "remove_from_cart", "purchase"]
    events = [
        {"message_id": f"{kind} {item}", "type": kind, "item_id": item}
        for kind in types
        for item in (ITEMS[0], "new")
    ]

    post(service, *events)

    assert counts(service) == {ITEMS[0]: 9.0, "new": 9.0}


def test_old_events_do_not_count(service: Service) -> None:
    """An event older than the counted days is logged without a change of the counts."""
    post(service, {**VIEW, "timestamp": "2020-01-01T00:00:00Z"})

    assert counts(service) == {}
    assert len(logged(service)) == 1


def test_events_require_their_scope(service: Service) -> None:
    """A secret key without the scope `events` gives 403."""
    reply = post(service, VIEW, key=service.secret_key(Scope.RECOMMEND))

    assert reply.status_code == 403
    assert statuses(post(service, VIEW, key=service.secret_key(Scope.EVENTS))) == [201]


def test_a_shop_without_a_model_stores_events(bare_service: Service) -> None:
    """A shop stores and counts events before it has a model."""
    bare_service.item("new")

    assert statuses(post(bare_service, VIEW)) == [201]
    assert statuses(
        browse(bare_service, {**VIEW, "message_id": "b", "item_id": "new", "session_id": "s"})
    ) == [201]
    assert counts(bare_service) == {ITEMS[0]: 1.0, "new": 1.0}


def test_message_ids_are_per_shop(service: Service) -> None:
    """A message id of one shop is new to another shop."""
    other = Service(service.stores, ShopName(f"{service.shop}-b"))

    assert statuses(post(service, VIEW)) == [201]
    assert statuses(post(other, VIEW)) == [201]
