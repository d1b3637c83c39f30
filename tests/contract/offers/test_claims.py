"""Claims over HTTP: make, redeem, release, and the refusals that each key may see."""

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
    """Claim with the secret key, or with the publishable key as the browser of a customer."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    key = service.keys.secret.text
    if browser is not None:
        key = service.keys.browser.text
        sent["X-Customer-Token"] = service.keys.token(browser)
    sent |= {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    path = f"/v1/customers/{customer}/offers/{offer_id}/claim"
    return service.client.post(path, data=json.dumps(body or {}), headers=sent)


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


def test_a_claim_is_held_for_15_minutes(service: Service) -> None:
    """A claim returns its end and, if the offer has codes, a code."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    answer = held(service)

    left = datetime.fromisoformat(answer["expires_at"]) - datetime.now(UTC)
    assert answer.keys() == {"claim_id", "expires_at", "code"}
    assert answer["code"] == "ONE"
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    assert state(service)["taken"] == 1


def test_a_claim_is_private(service: Service) -> None:
    """The answer to a claim is not cacheable, and has no code if the offer has none."""
    service.consent(ANNA)
    put(service)
    reply = claim(service)

    assert reply.headers["Cache-Control"] == "private, no-store"
    assert reply.json is not None
    assert reply.json.keys() == {"claim_id", "expires_at"}


@pytest.mark.parametrize(
    ("fields", "granted", "to_secret", "to_browser"),
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
def test_only_a_secret_key_sees_the_reason_of_a_refusal(
    service: Service,
    fields: dict[str, object],
    granted: dict[str, bool],
    to_secret: str | None,
    to_browser: str | None,
) -> None:
    """A browser gets `not_available` for refusals that disclose conditions; nothing is claimed."""
    put(service, **fields)
    service.consent(ANNA, granted)
    body = {"channel": "web"}

    for browser, expected in ((None, to_secret), (ANNA, to_browser)):
        reply = claim(service, body=body, browser=browser)
        assert reply.json is not None
        assert reply.json.get("code") == expected
        assert reply.status_code == (201 if expected is None else 409)
    assert state(service)["taken"] == (2 if to_secret is None else 0)


def test_a_browser_cannot_tell_an_unknown_offer_from_a_refused_one(service: Service) -> None:
    """For a browser both answers are byte-equal; a secret key gets a 404."""
    service.consent(ANNA)
    put(service, eligibility={"min_orders": 999})

    there, missing = (claim(service, offer_id=each, browser=ANNA) for each in ("deal", "none"))

    assert (there.status_code, there.data) == (missing.status_code, missing.data)
    assert code_of(claim(service, offer_id="none")) == (404, "no_such_offer")


def test_history_changes_nothing_without_consent(service: Service) -> None:
    """After a withdrawal, a customer at the cap gets the same answer as a new customer."""
    put(service, caps={"per_customer": {"limit": 1}})
    service.consent(ANNA)
    held(service)
    service.consent(ANNA, {"offers": False})

    answers = {claim(service, customer, browser=customer).data for customer in (ANNA, BERT)}

    assert len(answers) == 1


def test_global_privacy_control_denies(service: Service) -> None:
    """`Sec-GPC: 1` denies consent for its request, despite a grant."""
    service.consent(ANNA)
    put(service)

    assert code_of(claim(service, Sec_GPC="1")) == (409, "no_consent")
    assert claim(service).status_code == 201


@pytest.mark.parametrize("browser", [None, ANNA])
def test_caps_and_budgets_are_reported_to_every_key(
    service: Service, browser: CustomerId | None
) -> None:
    """Reached caps and exhausted totals are reported to secret and publishable keys."""
    for customer in (ANNA, BERT):
        service.consent(customer)
    put(service, caps={"per_customer": {"limit": 1}, "total_redeemed": 2})

    held(service)
    assert code_of(claim(service, browser=browser)) == (409, "cap_reached")
    held(service, BERT)
    put(service, caps={"total_redeemed": 2})
    assert code_of(claim(service, browser=browser)) == (409, "nothing_left")


def test_a_repeated_idempotency_key_returns_the_same_claim(service: Service) -> None:
    """The claim is returned even if nothing is left; a different request with the key is a 422."""
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


def test_a_withdrawal_applies_to_repeated_claims(service: Service) -> None:
    """After a withdrawal no code is returned again; after a new grant the claim is the same."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    first = claim(service, Idempotency_Key="k-1")
    service.consent(ANNA, {"offers": False})
    refused = claim(service, Idempotency_Key="k-1")
    with_signal = claim(service, Idempotency_Key="k-1", Sec_GPC="1")
    service.consent(ANNA)

    assert code_of(refused) == code_of(with_signal) == (409, "no_consent")
    assert claim(service, Idempotency_Key="k-1").data == first.data


def test_an_idempotency_key_does_not_return_a_released_claim(service: Service) -> None:
    """A released code may be assigned to another customer; a redeemed claim is returned again."""
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


def test_idempotency_keys_are_separate_per_customer(service: Service) -> None:
    """Two customers with the same key get two claims."""
    for customer in (ANNA, BERT):
        service.consent(customer)
    put(service)
    answers = [held(service, each, Idempotency_Key="same")["claim_id"] for each in (ANNA, BERT)]

    assert len(set(answers)) == 2


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256])
def test_an_invalid_idempotency_key_is_refused(service: Service, key: str) -> None:
    """An invalid key is a 400 and claims nothing."""
    service.consent(ANNA)
    put(service)

    assert code_of(claim(service, Idempotency_Key=key)) == (400, "bad_idempotency_key")
    assert state(service)["taken"] == 0


def test_a_browser_claims_only_for_its_customer(service: Service) -> None:
    """A claim for another customer is a 403."""
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


def test_only_its_customer_releases_a_claim(service: Service) -> None:
    """Another customer gets a 404; a second release returns the same answer."""
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


def test_repeated_releases_disclose_one_code(service: Service) -> None:
    """The next claim returns the released code again; the export of the customer contains it."""
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
    """Send a POST without a body, and without Content-Type unless one is given."""
    sent = {name.replace("_", "-"): text for name, text in headers.items()}
    sent["Authorization"] = f"Bearer {service.keys.secret.text}"
    return service.client.post(path, headers=sent)


def test_claim_and_release_need_no_body(service: Service) -> None:
    """A missing body is the same request as `{}`."""
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
def test_another_content_type_is_refused_even_without_a_body(
    service: Service, path: str, headers: dict[str, str]
) -> None:
    """A wrong content type or encoding is a 415, even if the body is optional."""
    assert bodiless(service, f"/v1/{path}", **headers).status_code == 415


def test_a_missing_required_body_is_refused(service: Service) -> None:
    """A route that needs a body answers a missing one with 415."""
    assert bodiless(service, "/v1/events").status_code == 415


def test_the_document_states_which_bodies_are_optional(service: Service) -> None:
    """Only claim and release have an optional body in the document."""
    document = service.get("/openapi.json").json
    assert document is not None
    optional = {
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        if operation.get("requestBody", {}).get("required") is False
    }

    assert optional == {"post_claim", "post_release"}


def test_a_publishable_key_without_token_releases_nothing(service: Service) -> None:
    """A publishable key without a customer token is refused."""
    reply = service.send("POST", "/v1/claims/x/release", {}, key=service.keys.browser.text)

    assert code_of(reply) == (403, "not_this_customer")


def test_a_claim_is_redeemed_once(service: Service) -> None:
    """Repeated redemption events of one claim count once, under any message id."""
    service.consent(ANNA)
    put(service, caps={"total_redeemed": 1})
    claim_id = held(service)["claim_id"]
    event = {"type": "offer_redeemed", "claim_id": claim_id, "customer_id": ANNA}

    results = [send(service, **event), send(service, **event, message_id="m")]
    results.append(send(service, **event, message_id="m"))

    assert results == [{"status": 201}, {"status": 201}, {"status": 200, "duplicate": True}]
    assert state(service) == state(service) | {"taken": 1, "redeemed": 1}
    assert code_of(release(service, claim_id, ANNA)) == (409, "already_redeemed")


def test_a_redemption_with_a_wrong_claim_is_reported(service: Service) -> None:
    """Another customer's claim, another offer's, or an unknown one is a 409."""
    service.consent(ANNA)
    put(service)
    claim_id = held(service)["claim_id"]
    event = {"type": "offer_redeemed", "claim_id": claim_id}

    results = [
        send(service, **event, customer_id=BERT),
        send(service, **{**event, "offer_id": "other"}),
        send(service, **{**event, "claim_id": "never"}),
    ]

    assert results == [{"status": 409, "code": "no_such_claim"}] * 3
    assert send(service, type="offer_redeemed") == {"status": 201}  # matches no claim
    assert state(service)["redeemed"] == 0


def test_a_redemption_without_claim_id_confirms_the_oldest_claim(service: Service) -> None:
    """The oldest open claim of the named customer is redeemed, once per message id."""
    service.consent(ANNA)
    put(service)
    first, second = held(service), held(service)
    event = {"type": "offer_redeemed", "customer_id": ANNA, "message_id": "m"}

    results = [send(service, **event), send(service, **event)]

    assert results == [{"status": 201}, {"status": 200, "duplicate": True}]
    assert state(service) == state(service) | {"taken": 2, "redeemed": 1}
    assert code_of(release(service, first["claim_id"], ANNA)) == (409, "already_redeemed")
    assert release(service, second["claim_id"]).status_code == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"customer_id": BERT},
        {"customer_id": ANNA, "offer_id": "other"},
        {"customer_id": ANNA, "timestamp": "2026-01-01T00:00:00Z"},
        {},
    ],
    ids=str,
)
def test_a_redemption_without_a_matching_claim_confirms_nothing(
    service: Service, fields: dict[str, object]
) -> None:
    """Another customer, another offer, an earlier time or a missing customer matches no claim."""
    service.consent(ANNA)
    put(service)
    put(service, "other")
    held(service)

    assert send(service, type="offer_redeemed", **fields) == {"status": 201}
    assert state(service)["redeemed"] == 0


def test_a_repeated_redemption_confirms_no_later_claim(service: Service) -> None:
    """An event that found no claim does not redeem a claim made after it."""
    service.consent(ANNA)
    put(service)
    event = {"type": "offer_redeemed", "customer_id": ANNA, "message_id": "m"}
    send(service, **event)
    held(service)

    assert send(service, **event) == {"status": 200, "duplicate": True}
    assert state(service)["redeemed"] == 0


def test_only_signed_decisions_count_an_impression(service: Service) -> None:
    """A decision counts once, for its customer; a generic one counts once per event."""
    service.consent(ANNA)
    put(service, caps={"total_shown": 100})
    personal, generic = decision(service, ANNA), decision(service, None)
    shown = {"type": "offer_shown"}

    for _ in range(2):
        send(service, **shown, customer_id=ANNA, decision_id=personal)
        send(service, **shown, message_id="seen", decision_id=generic)
    send(service, **shown, customer_id=ANNA, decision_id=decision(service, ANNA, "another"))
    send(service, **shown, decision_id=decision(service, None, "another"))
    send(service, **shown, customer_id=BERT, decision_id=personal)
    send(service, **shown, decision_id=personal)
    send(service, **shown, customer_id=ANNA)
    forged = (
        personal[:25] + ("B" if personal[25] == "A" else "A") + personal[26:]
    )  # in the keyed hash
    send(service, **shown, customer_id=ANNA, decision_id=forged)
    send(service, **shown, customer_id=ANNA, decision_id="made up")
    send(service, type="offer_accepted", customer_id=ANNA, decision_id=personal)
    send(service, type="offer_accepted", customer_id=ANNA, decision_id=personal)

    assert state(service) == state(service) | {"shown": 2, "accepted": 1}


@pytest.mark.parametrize("granted", [True, False])
def test_a_dismissal_is_stored_only_with_consent(service: Service, granted: bool) -> None:
    """A dismissal is stored for a customer who permits personalization, and for no other."""
    service.consent(ANNA, {"offers": True, "personalization": granted})
    put(service)
    send(service, type="offer_dismissed", customer_id=ANNA)

    key = service.stores.hasher(service.shop).key_of(ANNA)
    caps = service.stores.claim_records.caps(service.shop, key)
    assert list(caps.dismissed) == (["deal"] if granted else [])


def test_a_decision_record_is_returned_to_secret_keys(service: Service) -> None:
    """The stored record is returned; without consent to analytics, or if unknown, it is a 404."""
    service.consent(ANNA)
    key = service.stores.hasher(service.shop).key_of(ANNA)
    name = DecisionId(decision(service, ANNA))
    service.services.decisions.put(
        service.shop, lambda: DecisionRecord(name, key, 0, b'{"offers":[]}')
    )
    service.services.decisions.flush()

    reply = service.get(f"/v1/decisions/{name}")
    assert reply.json == {
        "decision_id": name,
        "at": "1970-01-01T00:00:00.000000Z",
        "decision": {"offers": []},
    }
    assert code_of(service.get("/v1/decisions/none")) == (404, "no_such_decision")
    assert service.as_browser(f"/v1/decisions/{name}", ANNA).status_code == 403
    service.consent(ANNA, {"analytics": False})
    assert code_of(service.get(f"/v1/decisions/{name}")) == (404, "no_such_decision")
