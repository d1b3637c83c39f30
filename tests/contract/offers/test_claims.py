"""Claims over HTTP: held, confirmed, given back; refused with the reason that the key may know."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid_utils
from werkzeug.test import TestResponse

from recsvc.domain.offers.decision_ids import DecisionId, DecisionIdSigner
from recsvc.domain.offers.decision_record import DecisionRecord
from recsvc.domain.values.ids import CustomerId, OfferId
from tests.contract.grocery import ANNA, BERT, EVERYTHING, Service

OFFER = {"title": "A deal", "kind": "free_shipping"}
GENERIC = {"offers": True}


def put(service: Service, offer_id: str = "deal", **fields: object) -> None:
    reply = service.send("PUT", f"/v1/offers/{offer_id}", OFFER | fields)
    assert reply.status_code == 200, reply.data


def state(service: Service, offer_id: str = "deal") -> dict[str, int]:
    reply = service.get(f"/v1/offers/{offer_id}").json
    assert reply is not None
    found: dict[str, int] = reply["state"]
    return found


def claim(
    service: Service,
    customer: CustomerId = ANNA,
    offer_id: str = "deal",
    body: object = None,
    browser: CustomerId | None = None,
    **headers: str,
) -> TestResponse:
    """Claim with the secret key, or as the browser of a customer."""
    shown = {name.replace("_", "-"): value for name, value in headers.items()}
    key = service.keys.secret.text
    if browser is not None:
        key = service.keys.browser.text
        shown["X-Customer-Token"] = service.keys.token(browser)
    shown |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    path = f"/v1/customers/{customer}/offers/{offer_id}/claim"
    return service.client.post(path, data=json.dumps(body or {}), headers=shown)


def held(service: Service, *words: Any, **named: Any) -> dict[str, str]:
    reply = claim(service, *words, **named)
    assert reply.status_code == 201, reply.data
    assert reply.json is not None
    return dict(reply.json)


def code_of(reply: TestResponse) -> tuple[int, str]:
    assert reply.json is not None
    return reply.status_code, reply.json["code"]


def send(service: Service, **event: object) -> dict[str, Any]:
    event = {"message_id": str(uuid_utils.uuid7()), "offer_id": "deal", **event}
    reply = service.send("POST", "/v1/events", {"events": [event]})
    assert reply.json is not None, reply.data
    result: dict[str, Any] = reply.json["results"][0]
    return result


def decision(service: Service, customer: CustomerId | None, offer: str = "deal") -> str:
    key = None if customer is None else service.stores.hasher(service.shop).key_of(customer)
    signer = DecisionIdSigner(service.stores.secret, service.shop)
    return signer.sign(uuid_utils.uuid7().bytes, key, signer.tag(OfferId(offer)))


def test_a_claim_is_held_for_its_minutes(service: Service) -> None:
    """With a code where there are codes."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    answer = held(service)

    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert answer.keys() == {"claim_id", "expires_at", "code"}
    assert answer["code"] == "ONE"
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert state(service)["taken"] == 1


def test_a_claim_is_private(service: Service) -> None:
    """Nobody between us and the caller may keep it; without codes there is no code."""
    service.consent(ANNA)
    put(service)
    reply = claim(service)

    assert reply.headers["Cache-Control"] == "private, no-store"
    assert reply.json is not None
    assert reply.json.keys() == {"claim_id", "expires_at"}


@pytest.mark.parametrize(
    ("fields", "granted", "told", "to_browser"),
    [
        ({}, {"offers": False}, "no_consent", "not_available"),
        ({}, {"personalization": True}, "no_consent", "not_available"),
        ({"codes": ["A"]}, GENERIC, "no_consent", "not_available"),
        ({"eligibility": {"min_orders": 1}}, GENERIC, "no_consent", "not_available"),
        ({"eligibility": {"min_orders": 999}}, EVERYTHING, "not_eligible", "not_available"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, GENERIC, "outside_window", "not_available"),
        ({"starts_at": "2090-01-01T00:00:00Z"}, GENERIC, "outside_window", "not_available"),
        ({"channels": ["app"]}, GENERIC, "wrong_channel", "not_available"),
        ({"codes": []}, GENERIC, None, None),
        ({}, GENERIC, None, None),
    ],
    ids=str,
)
def test_a_refusal_says_why_to_those_who_may_know(
    service: Service,
    fields: dict[str, object],
    granted: dict[str, bool],
    told: str | None,
    to_browser: str | None,
) -> None:
    """A browser learns nothing of whom an offer is for; nothing is taken."""
    put(service, **fields)
    service.consent(ANNA, granted)
    body = {"channel": "web"}

    for browser, expected in ((None, told), (ANNA, to_browser)):
        reply = claim(service, body=body, browser=browser)
        assert reply.json is not None
        assert reply.json.get("code") == expected
        assert reply.status_code == (201 if expected is None else 409)
    assert state(service)["taken"] == (2 if told is None else 0)


def test_a_browser_learns_nothing_of_offers_that_are_not_there(service: Service) -> None:
    """The answer is byte for byte that of one that is not for it; a secret key is told."""
    service.consent(ANNA)
    put(service, eligibility={"min_orders": 999})

    there, missing = (claim(service, offer_id=each, browser=ANNA) for each in ("deal", "none"))

    assert (there.status_code, there.data) == (missing.status_code, missing.data)
    assert code_of(claim(service, offer_id="none")) == (404, "no_such_offer")


def test_history_changes_nothing_without_consent(service: Service) -> None:
    """Who has used up the cap and then withdrew is answered as one who never came."""
    put(service, caps={"per_customer": {"limit": 1}})
    service.consent(ANNA)
    held(service)
    service.consent(ANNA, {"offers": False})

    answers = {claim(service, who, browser=who).data for who in (ANNA, BERT)}

    assert len(answers) == 1


def test_global_privacy_control_denies(service: Service) -> None:
    """For that request, whatever was granted."""
    service.consent(ANNA)
    put(service)

    assert code_of(claim(service, Sec_GPC="1")) == (409, "no_consent")
    assert claim(service).status_code == 201


@pytest.mark.parametrize("browser", [None, ANNA])
def test_caps_and_budgets_are_told_to_everybody(
    service: Service, browser: CustomerId | None
) -> None:
    """The customer's own, and what is left for all."""
    for who in (ANNA, BERT):
        service.consent(who)
    put(service, caps={"per_customer": {"limit": 1}, "total_redeemed": 2})

    held(service)
    assert code_of(claim(service, browser=browser)) == (409, "cap_reached")
    held(service, BERT)
    put(service, caps={"total_redeemed": 2})
    assert code_of(claim(service, browser=browser)) == (409, "nothing_left")


def test_the_same_key_is_answered_the_same(service: Service) -> None:
    """Also when nothing is left by then; another request with it is refused."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    first = claim(service, Idempotency_Key="k-1")
    again = claim(service, Idempotency_Key="k-1")
    other = claim(service, body={"channel": "app"}, Idempotency_Key="k-1")

    assert first.status_code == again.status_code == 201
    assert first.data == again.data
    assert code_of(other) == (422, "idempotency_key_reused")
    assert code_of(claim(service, Idempotency_Key="k-2")) == (409, "nothing_left")
    assert state(service)["taken"] == 1


def test_a_withdrawal_is_in_force_for_repeated_claims_too(service: Service) -> None:
    """No code is told again to who no longer permits it; permitted anew, it is the same."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    first = claim(service, Idempotency_Key="k-1")
    service.consent(ANNA, {"offers": False})
    refused = claim(service, Idempotency_Key="k-1")
    with_signal = claim(service, Idempotency_Key="k-1", Sec_GPC="1")
    service.consent(ANNA)

    assert code_of(refused) == code_of(with_signal) == (409, "no_consent")
    assert claim(service, Idempotency_Key="k-1").data == first.data


def test_a_key_does_not_bring_back_what_was_given_back(service: Service) -> None:
    """Its code may be another customer's by then; what was redeemed is told again."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    first = held(service, Idempotency_Key="k-1")
    release(service, first["claim_id"])

    for browser in (None, ANNA):
        again = claim(service, browser=browser, Idempotency_Key="k-1")
        assert code_of(again) == (409, "claim_ended")
    assert state(service)["taken"] == 0
    second = held(service, Idempotency_Key="k-2")
    send(service, type="offer_redeemed", claim_id=second["claim_id"], customer_id=ANNA)
    assert held(service, Idempotency_Key="k-2") == second


def test_a_key_is_its_customers_own(service: Service) -> None:
    """Two customers may choose the same."""
    for who in (ANNA, BERT):
        service.consent(who)
    put(service)
    answers = [held(service, who, Idempotency_Key="same")["claim_id"] for who in (ANNA, BERT)]

    assert len(set(answers)) == 2


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_a_key_that_is_none_is_refused(service: Service, key: str) -> None:
    """Before anything is taken."""
    service.consent(ANNA)
    put(service)

    assert code_of(claim(service, Idempotency_Key=key)) == (400, "bad_idempotency_key")
    assert state(service)["taken"] == 0


def test_a_browser_claims_for_its_customer_alone(service: Service) -> None:
    """Every other customer is the same 403."""
    service.consent(ANNA)
    put(service)

    assert claim(service, browser=ANNA).status_code == 201
    assert code_of(claim(service, browser=BERT)) == (403, "not_this_customer")


def release(service: Service, claim_id: str, browser: CustomerId | None = None) -> TestResponse:
    headers = {"Content-Type": "application/json"}
    key = service.keys.secret.text
    if browser is not None:
        key = service.keys.browser.text
        headers["X-Customer-Token"] = service.keys.token(browser)
    headers["Authorization"] = f"Bearer {key}"
    return service.client.post(f"/v1/claims/{claim_id}/release", data="{}", headers=headers)


def test_a_claim_is_released_by_its_customer_alone(service: Service) -> None:
    """To others it is none; released again it is answered the same."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    claim_id = held(service)["claim_id"]

    assert code_of(release(service, claim_id, BERT)) == (404, "no_such_claim")
    assert code_of(release(service, "never")) == (404, "no_such_claim")
    for browser in (ANNA, None):
        reply = release(service, claim_id, browser)
        assert (reply.status_code, reply.json) == (
            200,
            {"claim_id": claim_id, "state": "released"},
        )
    assert state(service) == state(service) | {"taken": 0, "codes_left": 1}


def test_a_browser_reads_one_code_however_often_it_gives_back(service: Service) -> None:
    """The next claim gets it again; the customer's export tells it."""
    service.consent(ANNA)
    put(service, codes=["ONE", "TWO", "THREE"])
    codes = set()
    for _ in range(3):
        answer = held(service, browser=ANNA)
        codes.add(answer["code"])
        release(service, answer["claim_id"], ANNA)

    assert codes == {"ONE"}
    export = service.get(f"/v1/customers/{ANNA}/export").json
    assert export is not None
    assert export["offer_caps"][0]["codes"]["deal"]["codes"] == ["ONE"]


def bodiless(service: Service, path: str, **headers: str) -> TestResponse:
    """Send a POST with a Content-Length of 0, or none, and no Content-Type unless one is named."""
    shown = {name.replace("_", "-"): text for name, text in headers.items()}
    shown["Authorization"] = f"Bearer {service.keys.secret.text}"
    return service.client.post(path, headers=shown)


def test_nothing_has_to_be_said_to_claim_and_release(service: Service) -> None:
    """No body at all is the same request as `{}`."""
    service.consent(ANNA)
    put(service)
    path = f"/v1/customers/{ANNA}/offers/deal/claim"
    claimed = bodiless(service, path, Idempotency_Key="k")

    assert claimed.status_code == 201
    assert claim(service, body={}, Idempotency_Key="k").json == claimed.json
    assert claimed.json is not None
    released = bodiless(service, f"/v1/claims/{claimed.json['claim_id']}/release")
    assert (released.status_code, released.json) == (
        200,
        {"claim_id": claimed.json["claim_id"], "state": "released"},
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
        {"Content_Encoding": "gzip"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["customers/anna/offers/deal/claim", "claims/x/release"])
def test_a_body_of_another_kind_is_refused_also_where_none_is_needed(
    service: Service, path: str, headers: dict[str, str]
) -> None:
    """Even an empty one: whoever sends it means something else."""
    assert bodiless(service, f"/v1/{path}", **headers).status_code == 415


def test_where_something_must_be_said_no_body_is_refused(service: Service) -> None:
    """As before: 415."""
    assert bodiless(service, "/v1/events").status_code == 415


def test_the_document_says_where_a_body_may_be_missing(service: Service) -> None:
    """There alone."""
    document = service.get("/openapi.json").json
    assert document is not None
    optional = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if operation.get("requestBody", {}).get("required") is False
    }

    assert optional == {"post_claim", "post_release"}


def test_a_publishable_key_alone_releases_nothing(service: Service) -> None:
    """Without a token it is nobody's."""
    reply = service.send("POST", "/v1/claims/x/release", {}, key=service.keys.browser.text)

    assert code_of(reply) == (403, "not_this_customer")


def test_a_redemption_confirms_once(service: Service) -> None:
    """However often, and under whatever message id, it is told."""
    service.consent(ANNA)
    put(service, caps={"total_redeemed": 1})
    claim_id = held(service)["claim_id"]
    event = {"type": "offer_redeemed", "claim_id": claim_id, "customer_id": ANNA}

    results = [send(service, **event), send(service, **event, message_id="m")]
    results.append(send(service, **event, message_id="m"))

    assert results == [{"status": 201}, {"status": 201}, {"status": 200, "duplicate": True}]
    assert state(service) == state(service) | {"taken": 1, "redeemed": 1}
    assert code_of(release(service, claim_id)) == (409, "already_redeemed")


def test_a_redemption_of_another_claim_is_told(service: Service) -> None:
    """Another customer's, another offer's, or none."""
    service.consent(ANNA)
    put(service)
    claim_id = held(service)["claim_id"]
    told = {"type": "offer_redeemed", "claim_id": claim_id}

    results = [
        send(service, **told, customer_id=BERT),
        send(service, **{**told, "offer_id": "other"}),
        send(service, **{**told, "claim_id": "never"}),
    ]

    assert results == [{"status": 409, "code": "no_such_claim"}] * 3
    assert send(service, type="offer_redeemed") == {"status": 201}  # one that was held nowhere
    assert state(service)["redeemed"] == 0


def test_a_redemption_that_names_no_claim_confirms_the_oldest_hold(service: Service) -> None:
    """Of the customer that it names, once, however often it is sent; what is confirmed stays."""
    service.consent(ANNA)
    put(service)
    first, second = held(service), held(service)
    event = {"type": "offer_redeemed", "customer_id": ANNA, "message_id": "m"}

    results = [send(service, **event), send(service, **event)]

    assert results == [{"status": 201}, {"status": 200, "duplicate": True}]
    assert state(service) == state(service) | {"taken": 2, "redeemed": 1}
    assert code_of(release(service, first["claim_id"])) == (409, "already_redeemed")
    assert release(service, second["claim_id"]).status_code == 200


@pytest.mark.parametrize(
    "told",
    [
        {"customer_id": BERT},
        {"customer_id": ANNA, "offer_id": "other"},
        {"customer_id": ANNA, "timestamp": "2026-01-01T00:00:00Z"},
        {},
    ],
    ids=str,
)
def test_a_redemption_of_which_nothing_was_held_confirms_nothing(
    service: Service, told: dict[str, object]
) -> None:
    """Another customer's, another offer's, one of long before the hold, or nobody's."""
    service.consent(ANNA)
    put(service)
    put(service, "other")
    held(service)

    assert send(service, type="offer_redeemed", **told) == {"status": 201}
    assert state(service)["redeemed"] == 0


def test_what_is_sent_again_confirms_no_later_hold(service: Service) -> None:
    """The first time there was none."""
    service.consent(ANNA)
    put(service)
    event = {"type": "offer_redeemed", "customer_id": ANNA, "message_id": "m"}
    send(service, **event)
    held(service)

    assert send(service, **event) == {"status": 200, "duplicate": True}
    assert state(service)["redeemed"] == 0


def test_only_our_decisions_count_a_showing(service: Service) -> None:
    """Once each, for whom they were made; one of everybody's, once for each event."""
    service.consent(ANNA)
    put(service, caps={"total_shown": 100})
    ours, everybodys = decision(service, ANNA), decision(service, None)
    shown = {"type": "offer_shown"}

    for _ in range(2):
        send(service, **shown, customer_id=ANNA, decision_id=ours)
        send(service, **shown, message_id="seen", decision_id=everybodys)
    send(service, **shown, customer_id=ANNA, decision_id=decision(service, ANNA, "another"))
    send(service, **shown, decision_id=decision(service, None, "another"))
    send(service, **shown, customer_id=BERT, decision_id=ours)
    send(service, **shown, decision_id=ours)
    send(service, **shown, customer_id=ANNA)
    forged = ours[:25] + ("B" if ours[25] == "A" else "A") + ours[26:]  # in the keyed hash
    send(service, **shown, customer_id=ANNA, decision_id=forged)
    send(service, **shown, customer_id=ANNA, decision_id="made up")
    send(service, type="offer_accepted", customer_id=ANNA, decision_id=ours)
    send(service, type="offer_accepted", customer_id=ANNA, decision_id=ours)

    assert state(service) == state(service) | {"shown": 2, "accepted": 1}


@pytest.mark.parametrize("granted", [True, False])
def test_what_was_dismissed_is_remembered_with_consent(service: Service, granted: bool) -> None:
    """Of one who permits it, and of nobody else."""
    service.consent(ANNA, {"offers": True, "personalization": granted})
    put(service)
    send(service, type="offer_dismissed", customer_id=ANNA)

    key = service.stores.hasher(service.shop).key_of(ANNA)
    caps = service.stores.claim_records.caps(service.shop, key)
    assert list(caps.dismissed) == (["deal"] if granted else [])


def test_a_decision_is_told_to_those_who_may_know(service: Service) -> None:
    """As it was kept; one that nobody knows, or that may not be kept, is none."""
    service.consent(ANNA)
    key = service.stores.hasher(service.shop).key_of(ANNA)
    name = DecisionId(decision(service, ANNA))
    service.services.decisions.put(
        service.shop, lambda: DecisionRecord(name, key, 0, b'{"offers":[]}')
    )
    service.services.decisions.flush()

    told = service.get(f"/v1/decisions/{name}")
    assert told.json == {
        "decision_id": name,
        "at": "1970-01-01T00:00:00.000000Z",
        "decision": {"offers": []},
    }
    assert code_of(service.get("/v1/decisions/none")) == (404, "no_such_decision")
    assert service.as_browser(f"/v1/decisions/{name}", ANNA).status_code == 403
    service.consent(ANNA, {"analytics": False})
    assert code_of(service.get(f"/v1/decisions/{name}")) == (404, "no_such_decision")
