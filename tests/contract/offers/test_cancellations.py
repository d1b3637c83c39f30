"""Cancelled redemptions over HTTP: redemption, cap and code are given back, once."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.grocery import ANNA, BERT, Service
from tests.contract.offers.test_claims import (
    claim,
    code_of,
    held,
    put,
    release,
    send,
    state,
)

DONE, AGAIN = {"status": 201}, {"status": 200, "duplicate": True}
NO_CLAIM = {"status": 409, "code": "no_such_claim"}
ONCE = {"per_customer": {"limit": 1}, "total_redeemed": 1}
CANCELLED = "offer_redemption_cancelled"


def redeemed(service: Service, **event: object) -> dict[str, str]:
    """Claim and redeem the offer for Anna; return the claim."""
    made = held(service)
    sent = send(
        service, type="offer_redeemed", claim_id=made["claim_id"], customer_id=ANNA, **event
    )
    assert sent == DONE
    return made


@pytest.mark.parametrize("names_the_claim", [True, False])
def test_a_cancelled_redemption_gives_back_redemption_and_cap(
    service: Service, names_the_claim: bool
) -> None:
    """After the event the customer may claim again, and the offer counts no redemption."""
    service.consent(ANNA)
    put(service, caps=ONCE)
    made = redeemed(service)
    assert code_of(claim(service)) == (409, "cap_reached")
    named = {"claim_id": made["claim_id"], "offer_id": None} if names_the_claim else {}

    assert send(service, type=CANCELLED, customer_id=ANNA, **named) == DONE

    assert state(service) == state(service) | {"taken": 0, "redeemed": 0}
    assert held(service)["claim_id"] != made["claim_id"]


def test_a_claim_id_alone_names_the_redemption(service: Service) -> None:
    """The event needs no offer and no customer beside the claim."""
    service.consent(ANNA)
    put(service, caps=ONCE)
    made = redeemed(service)

    assert send(service, type=CANCELLED, claim_id=made["claim_id"], offer_id=None) == DONE
    assert state(service)["taken"] == 0


@pytest.mark.parametrize("named", ["claim", "customer"])
def test_a_repeated_cancellation_gives_back_once(service: Service, named: str) -> None:
    """A replay, and the same statement under another id, free no second redemption of a claim."""
    service.consent(ANNA)
    put(service, caps={"total_redeemed": 5})
    first = redeemed(service)
    redeemed(service)
    event = {"type": CANCELLED, "customer_id": ANNA, "message_id": "undo"}
    event |= {"claim_id": first["claim_id"]} if named == "claim" else {}

    assert [send(service, **event), send(service, **event)] == [DONE, AGAIN]
    assert state(service) == state(service) | {"taken": 1, "redeemed": 1}


def test_concurrent_cancellations_give_back_once(service: Service) -> None:
    """Of many cancellations and releases of one claim at once, one takes effect."""
    service.consent(ANNA)
    put(service, caps={"total_redeemed": 5})
    made = redeemed(service)
    redeemed(service)

    def cancel(number: int) -> int:
        if number % 2:
            return release(service, made["claim_id"]).status_code
        sent = send(service, type=CANCELLED, claim_id=made["claim_id"], message_id=f"u{number}")
        return int(sent["status"])

    with ThreadPoolExecutor(8) as pool:
        statuses = set(pool.map(cancel, range(16)))

    assert statuses == {200, 201}
    assert state(service) == state(service) | {"taken": 1, "redeemed": 1}


def test_a_cancelled_claim_is_not_redeemed_again(service: Service) -> None:
    """A replayed redemption changes nothing; a new one is told that the claim was cancelled."""
    service.consent(ANNA)
    put(service, caps=ONCE)
    made = redeemed(service, message_id="order-1")
    event = {"type": "offer_redeemed", "claim_id": made["claim_id"], "customer_id": ANNA}
    send(service, type=CANCELLED, claim_id=made["claim_id"])

    assert send(service, **event, message_id="order-1") == AGAIN
    assert send(service, **event) == {"status": 409, "code": "redemption_cancelled"}
    assert state(service) == state(service) | {"taken": 0, "redeemed": 0}


def test_a_cancellation_may_arrive_before_its_redemption(service: Service) -> None:
    """A held claim that is cancelled gives back its hold, and stays cancelled."""
    service.consent(ANNA)
    put(service, codes=["ONE"])
    made = held(service)

    assert send(service, type=CANCELLED, claim_id=made["claim_id"]) == DONE
    late = send(service, type="offer_redeemed", claim_id=made["claim_id"])
    assert late == {"status": 409, "code": "redemption_cancelled"}
    assert state(service) == state(service) | {"taken": 0, "redeemed": 0, "codes_left": 1}


@pytest.mark.parametrize(("reuses", "left"), [(True, 1), (False, 0)])
def test_a_code_returns_where_the_offer_says_so(service: Service, reuses: bool, left: int) -> None:
    """The code of a cancelled redemption is used up unless the offer reuses codes."""
    service.consent(ANNA)
    put(service, codes=["ONE"], reuse_codes=reuses)
    made = redeemed(service)

    assert release(service, made["claim_id"]).status_code == 200
    assert state(service) == state(service) | {"taken": 0, "redeemed": 0, "codes_left": left}
    if reuses:
        assert held(service)["code"] == "ONE"
    else:
        assert code_of(claim(service)) == (409, "nothing_left")


def test_a_secret_key_releases_a_redeemed_claim(service: Service) -> None:
    """Release by a secret key undoes the redemption, and repeats its answer."""
    service.consent(ANNA)
    put(service, caps=ONCE)
    claim_id = redeemed(service)["claim_id"]

    replies = [release(service, claim_id) for _ in range(2)]

    assert [reply.status_code for reply in replies] == [200, 200]
    assert [reply.json for reply in replies] == [{"claim_id": claim_id, "state": "released"}] * 2
    assert state(service) == state(service) | {"taken": 0, "redeemed": 0}


def test_an_exhausted_offer_is_offered_again(service: Service) -> None:
    """A decision after the cancellation contains the offer that was used up before."""
    service.consent(ANNA)
    put(service, caps={"total_redeemed": 1})
    made = redeemed(service)
    path = f"/v1/customers/{BERT}/offers"
    service.consent(BERT)
    before = service.get(path).json

    send(service, type=CANCELLED, claim_id=made["claim_id"])
    after = service.get(path).json

    assert before is not None
    assert after is not None
    assert [each["offer_id"] for each in before["offers"]] == []
    assert [each["offer_id"] for each in after["offers"]] == ["deal"]


@pytest.mark.parametrize(
    "fields",
    [
        {"claim_id": "never"},
        {"customer_id": BERT},
        {"customer_id": ANNA, "offer_id": "other"},
        {"customer_id": ANNA, "timestamp": "2026-01-01T00:00:00Z"},
        {"claim_id": "own", "customer_id": BERT},
        {"claim_id": "own", "offer_id": "other"},
    ],
    ids=str,
)
def test_a_cancellation_without_a_redemption_is_reported(
    service: Service, fields: dict[str, object]
) -> None:
    """An unknown claim, another customer's or offer's, or one of later is a 409."""
    service.consent(ANNA)
    put(service)
    put(service, "other")
    made = redeemed(service)
    if fields.get("claim_id") == "own":
        fields = fields | {"claim_id": made["claim_id"]}

    assert send(service, type=CANCELLED, **fields) == NO_CLAIM
    assert state(service)["redeemed"] == 1


@pytest.mark.parametrize(
    ("fields", "missing"),
    [
        ({}, ["claim_id"]),
        ({"customer_id": "anna"}, ["offer_id"]),
        ({"offer_id": "deal"}, ["customer_id"]),
    ],
    ids=str,
)
def test_a_cancellation_names_its_redemption(
    service: Service, fields: dict[str, str], missing: list[str]
) -> None:
    """Without claim, or customer and offer, the event is refused with the missing fields."""
    event = {"offer_id": None, "type": CANCELLED, **fields}

    result = send(service, **event)

    assert result["status"] == 422
    assert [error["field"] for error in result["errors"]] == missing


def test_a_browser_cancels_no_redemption(service: Service) -> None:
    """The event requires a secret key."""
    event = {"message_id": "u", "type": CANCELLED, "claim_id": "c"}
    key = service.keys.browser.text
    reply = service.send("POST", "/v1/events", {"events": [event]}, key=key)

    assert reply.json is not None
    assert reply.json["results"][0]["status"] == 403
