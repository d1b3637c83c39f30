"""Next-best offers over HTTP: eligibility, ranking, reasons, caps and confidentiality.

Anna spent most on item-03, then item-00 and item-01; Bert on item-10.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uuid_utils
from werkzeug.test import TestResponse

from recsvc.domain.api_keys import Scope
from recsvc.domain.offers.decision_ids import MAX_DECISION_ID_LENGTH
from recsvc.domain.values.ids import CustomerId, OfferId
from recsvc.stores.client import keys as redis_keys
from recsvc.stores.request_read import RequestRead
from tests.contract.grocery import ANNA, BERT, EVERYTHING, ZOE, Service, without

OFFER = {"title": "A deal", "kind": "free_shipping"}
PERSONAL = {"personalization": True, "offers": True}
NOW = datetime.now(UTC)
PAST, FUTURE = ((NOW + timedelta(hours=hours)).isoformat() for hours in (-1, 1))


def put(service: Service, offer_id: str, **fields: object) -> None:
    reply = service.send("PUT", f"/v1/offers/{offer_id}", OFFER | fields)
    assert reply.status_code == 200, reply.data


def ask(service: Service, customer: CustomerId = ANNA, query: str = "") -> TestResponse:
    return service.get(f"/v1/customers/{customer}/offers{query}")


def answer(service: Service, customer: CustomerId = ANNA, query: str = "") -> dict[str, Any]:
    reply = ask(service, customer, query)
    assert reply.status_code == 200, reply.data
    assert reply.json is not None
    return dict(reply.json)


def offered(service: Service, customer: CustomerId = ANNA, query: str = "") -> list[str]:
    return [each["offer_id"] for each in answer(service, customer, query)["offers"]]


def considered(service: Service, customer: CustomerId = ANNA, query: str = "") -> dict[str, Any]:
    """Return the explanation by offer id."""
    reported = answer(service, customer, f"?explain=true{query}")["considered"]
    return {each["offer_id"]: each for each in reported}


def send(service: Service, **event: object) -> None:
    event = {"message_id": str(uuid_utils.uuid7()), **event}
    reply = service.send("POST", "/v1/events", {"events": [event]})
    assert reply.json is not None
    assert reply.json["results"][0]["status"] in (201, 200), reply.data


def claim(service: Service, offer_id: str, customer: CustomerId = ANNA) -> TestResponse:
    return service.send("POST", f"/v1/customers/{customer}/offers/{offer_id}/claim", {})


@pytest.fixture
def market(service: Service) -> Service:
    """Anna and Bert permit everything; there is an offer for each and one for all."""
    service.consent(ANNA)
    service.consent(BERT)
    service.item("item-03", title="Oat milk", category="drinks > milk", categories=["vegan"])
    put(service, "annas", items=["item-03"])
    put(service, "berts", items=["item-10"])
    put(service, "for_all", value=1.0)
    return service


def test_an_offer_on_purchased_items_comes_first(market: Service) -> None:
    """The reason of the first offer names the purchased item."""
    annas, berts = answer(market, ANNA), answer(market, BERT)

    assert annas["personalized"]
    assert annas["fallback"] is None
    assert annas["offers"][0] == {
        "offer_id": "annas",
        "title": "A deal",
        "kind": "free_shipping",
        "reason": {
            "code": "because_you_buy",
            "text": "Because you often buy Oat milk",
            "item_id": "item-03",
        },
        "has_code": False,
    }
    assert berts["offers"][0]["offer_id"] == "berts"


def test_a_decision_is_not_cacheable(market: Service) -> None:
    """Offers of a customer are `private, no-store`."""
    assert ask(market).headers["Cache-Control"] == "private, no-store"


def test_a_decision_makes_one_redis_read(market: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the worker has the offers, a decision makes one round trip to Redis."""
    offered(market)
    reads: list[object] = []
    read = RequestRead.read
    monkeypatch.setattr(
        RequestRead,
        "read",
        lambda *words, **named: reads.append(words) or read(*words, **named),  # type: ignore[func-returns-value]
    )
    offered(market)

    assert len(reads) == 1


@pytest.mark.parametrize(
    ("fields", "step"),
    [
        ({"starts_at": FUTURE}, "window"),
        ({"ends_at": PAST}, "window"),
        ({"channels": ["app"]}, "channel"),
        ({"eligibility": {"min_orders": 99}}, "eligibility"),
        ({"eligibility": {"segments": ["vip"]}}, "eligibility"),
        ({"eligibility": {"not_bought": {"items": ["item-00"]}}}, "eligibility"),
        ({"eligibility": {"not_bought": {"categories": ["drinks"]}}}, "eligibility"),
        ({"eligibility": {"not_bought": {"categories": ["drinks>milk"]}}}, "eligibility"),
        ({"eligibility": {"not_bought": {"categories": ["vegan"]}}}, "eligibility"),
        (
            {"eligibility": {"bought": {"categories": ["milk", "drinks > milk > oat"]}}},
            "eligibility",
        ),
        ({"eligibility": {"new_customers_only": True}}, "eligibility"),
    ],
)
def test_each_step_refuses_and_is_named(
    market: Service, fields: dict[str, object], step: str
) -> None:
    """With `explain`, a secret key sees the step that refused an offer."""
    put(market, "refused", **fields)

    found = considered(market, query="&channel=web")["refused"]
    assert (found["verdict"], found["step"]) == ("refused", step)
    assert "refused" not in offered(market, query="?channel=web")


@pytest.mark.parametrize("category", ["drinks", " drinks>milk ", "vegan"])
def test_a_category_covers_its_children(market: Service, category: str) -> None:
    """An offer and a condition on a parent or a further category reach the item."""
    bought = {"bought": {"categories": [category]}}
    put(market, "covering", categories=[category], eligibility=bought, priority=2)

    assert answer(market, ANNA)["offers"][0]["offer_id"] == "covering"
    assert "covering" not in {each["offer_id"] for each in answer(market, BERT)["offers"]}


def test_an_unmet_condition_is_named(market: Service) -> None:
    """With `explain`, a secret key sees the condition that is not met."""
    put(market, "refused", eligibility={"attributes": {"tier": ["gold"]}})

    assert considered(market)["refused"]["condition"] == "attributes.tier"


def test_a_profile_counts_at_once(market: Service) -> None:
    """A segment makes the customer eligible from the next request on."""
    put(market, "vips", eligibility={"segments": ["vip"]})
    before = offered(market)
    market.put(f"/v1/customers/{ANNA}/profile", {"segments": ["vip"]})

    assert "vips" not in before
    assert "vips" in offered(market)


def test_purchases_since_the_training_count(market: Service) -> None:
    """New purchases count for orders, `bought` and affinity."""
    put(market, "loyal", eligibility={"min_orders": 4, "bought": {"items": ["item-07"]}})
    before = offered(market)
    send(market, type="purchase", customer_id=ANNA, item_id="item-07", price=2.0)

    assert "loyal" not in before
    assert "loyal" in offered(market)


def test_a_customer_outside_the_model_is_new_only_with_training_consent(market: Service) -> None:
    """Without consent to training, the number of orders is unknown."""
    put(market, "welcome", eligibility={"new_customers_only": True})
    market.consent(ZOE)
    new = offered(market, ZOE)
    market.consent(ZOE, {"training": False})

    assert "welcome" in new
    assert "welcome" not in offered(market, ZOE)


def test_a_customer_is_new_until_the_first_purchase(market: Service) -> None:
    """After the first purchase, decisions and claims no longer treat the customer as new."""
    put(market, "welcome", eligibility={"new_customers_only": True})
    market.consent(ZOE)
    before = offered(market, ZOE), claim(market, "welcome", ZOE).status_code
    send(market, type="purchase", customer_id=ZOE, item_id="item-07", price=2.0)
    after = considered(market, ZOE)["welcome"], claim(market, "welcome", ZOE)

    assert "welcome" in before[0]
    assert before[1] == 201
    assert (after[0]["step"], after[0]["condition"]) == ("eligibility", "new_customers_only")
    assert after[1].json is not None
    assert (after[1].status_code, after[1].json["code"]) == (409, "not_eligible")
    assert claim(market, "welcome", ANNA).status_code == 409


def test_a_dismissed_offer_is_not_offered_again(market: Service) -> None:
    """A dismissed offer is absent from the next answer."""
    send(market, type="offer_dismissed", customer_id=ANNA, offer_id="annas")

    assert considered(market)["annas"]["step"] == "dismissed"
    assert "annas" not in offered(market)


def test_an_offer_at_the_claim_cap_is_not_offered(market: Service) -> None:
    """An offer at its cap per customer is absent from the next answer."""
    put(market, "annas", items=["item-03"], caps={"per_customer": {"limit": 1}})
    before = offered(market)
    assert claim(market, "annas").status_code == 201

    assert "annas" in before
    assert considered(market)["annas"]["step"] == "redeemed"


def test_an_offer_at_the_impression_cap_is_not_offered(market: Service) -> None:
    """A decision uses up no cap; an `offer_shown` event does."""
    put(market, "annas", items=["item-03"], caps={"per_customer_shown": {"limit": 1}})
    for _ in range(3):
        last = answer(market)
    send(
        market,
        type="offer_shown",
        customer_id=ANNA,
        offer_id="annas",
        decision_id=last["decision_id"],
    )

    assert "annas" in [each["offer_id"] for each in last["offers"]]
    assert considered(market)["annas"]["step"] == "shown"


@pytest.mark.parametrize(
    ("fields", "step"),
    [({"caps": {"total_redeemed": 1}}, "total_redeemed"), ({"codes": ["A-1"]}, "codes")],
)
def test_an_exhausted_offer_is_offered_to_no_customer(
    market: Service, fields: dict[str, object], step: str
) -> None:
    """An offer is absent after its last claim, and offered again after a release."""
    put(market, "scarce", **fields)
    before = offered(market, BERT)
    held = claim(market, "scarce").json
    assert held is not None
    reported = considered(market, BERT)["scarce"]
    market.send("POST", f"/v1/claims/{held['claim_id']}/release", {})

    assert "scarce" in before
    assert reported["step"] == step
    assert "scarce" in offered(market, BERT)


def test_the_total_of_impressions_is_capped(market: Service) -> None:
    """Impressions from personal and generic decisions count towards the total."""
    put(market, "scarce", caps={"total_shown": 1})
    market.consent(ZOE, {"personalization": False})
    for_zoe = answer(market, ZOE)
    send(
        market,
        type="offer_shown",
        customer_id=ZOE,
        offer_id="scarce",
        decision_id=for_zoe["decision_id"],
    )

    assert "scarce" in [each["offer_id"] for each in for_zoe["offers"]]
    assert considered(market)["scarce"]["step"] == "total_shown"


@pytest.mark.parametrize("customer", [ANNA, ZOE])
def test_a_decision_counts_only_its_own_offers(market: Service, customer: CustomerId) -> None:
    """An impression of an offer that the decision does not contain is not counted."""
    made = answer(market, customer, "?n=1")
    (shown,) = [each["offer_id"] for each in made["offers"]]
    for kind in ("offer_shown", "offer_accepted"):
        for offer_id in ("annas", "berts", "for_all"):
            reported = {"customer_id": customer, "decision_id": made["decision_id"]}
            send(market, type=kind, offer_id=offer_id, **reported)

    counted = {
        offer_id: (state["shown"], state["accepted"])
        for offer_id in ("annas", "berts", "for_all")
        for state in [market.get(f"/v1/offers/{offer_id}").json["state"]]
    }
    assert counted == {"annas": (0, 0), "berts": (0, 0), "for_all": (0, 0)} | {shown: (1, 1)}


def test_an_id_of_100_offers_is_accepted_everywhere(market: Service) -> None:
    """Events, claims and paths accept the longest id; one more character is refused."""
    for number in range(100):
        put(market, f"deal-{number}", caps={"total_shown": 5})
    made = answer(market, query="?n=100")
    name, shown = made["decision_id"], made["offers"][-1]["offer_id"]
    send(market, type="offer_shown", customer_id=ANNA, offer_id=shown, decision_id=name)
    path = f"/v1/customers/{ANNA}/offers/{shown}/claim"
    taken = market.send("POST", path, {"decision_id": name})
    market.services.decisions.flush()

    assert len(made["offers"]) == 100
    assert len(name) == 299
    assert taken.status_code == 201
    assert market.get(f"/v1/offers/{shown}").json["state"]["shown"] == 1
    record = market.get(f"/v1/decisions/{name}").json
    assert record is not None
    assert len(record["decision"]["offered"]) == 100
    long = "x" * (MAX_DECISION_ID_LENGTH + 1)
    assert market.get(f"/v1/decisions/{long}").status_code == 400
    assert market.send("POST", path, {"decision_id": long}).status_code == 400


def test_the_document_states_the_maximum_length_of_an_id(market: Service) -> None:
    """Path, event and claim have the same maximum length in the document."""
    reported = market.get("/openapi.json").json
    assert reported is not None
    path, *_ = reported["paths"]["/v1/decisions/{decision_id}"]["get"]["parameters"]
    schemas = reported["components"]["schemas"]
    bodies = [schemas[name]["properties"]["decision_id"] for name in ("EventBody", "ClaimBody")]

    assert path["schema"]["maxLength"] == MAX_DECISION_ID_LENGTH
    assert [each["anyOf"][0]["maxLength"] for each in bodies] == [MAX_DECISION_ID_LENGTH] * 2


def test_one_of_a_group_is_offered_and_a_fallback_last(market: Service) -> None:
    """One offer per exclusive group is offered, and a fallback only alone."""
    put(market, "annas", items=["item-03"], exclusive_group="one")
    put(market, "for_all", exclusive_group="one")
    put(market, "last", fallback=True)
    reported = considered(market)

    assert reported["for_all"]["step"] == "exclusive_group"
    assert reported["last"]["step"] == "fallback"
    assert offered(market) == ["annas", "berts"]


def test_a_change_and_a_deletion_apply_at_once(market: Service) -> None:
    """A replaced or deleted offer affects the next request."""
    put(market, "annas", items=["item-03"], ends_at=PAST)
    changed = offered(market)
    market.send("DELETE", "/v1/offers/berts", {})

    assert "annas" not in changed
    assert offered(market) == ["for_all"]


def test_a_withdrawal_applies_at_once(market: Service) -> None:
    """After a withdrawal of either purpose, the answer is generic, by priority, value and id."""
    for purpose in PERSONAL:
        market.consent(ANNA)
        personal = answer(market)
        market.consent(ANNA, {purpose: False})
        generic = answer(market)

        assert personal["personalized"]
        assert (generic["personalized"], generic["fallback"]) == (False, "no_consent")
        assert [each["offer_id"] for each in generic["offers"]] == ["for_all", "annas", "berts"]


@pytest.mark.parametrize("flag", ["minor", "restricted", "objects_to_marketing"])
def test_flags_end_personal_offers(market: Service, flag: str) -> None:
    """A flag that forbids personalization makes the next answer generic."""
    market.put(f"/v1/customers/{ANNA}/profile", {flag: True})

    assert not answer(market)["personalized"]


def test_privacy_control_denies_for_its_request(market: Service) -> None:
    """`Sec-GPC: 1` makes only its own answer generic."""
    reply = market.get(f"/v1/customers/{ANNA}/offers", **{"Sec-GPC": "1"}).json

    assert reply is not None
    assert not reply["personalized"]
    assert answer(market)["personalized"]


def test_generic_offers_have_no_eligibility_and_no_codes(market: Service) -> None:
    """Offers with eligibility or codes are absent from a generic answer."""
    put(market, "coded", codes=["SECRET-1"])
    put(market, "elders", eligibility={"min_orders": 0})
    found = considered(market, ZOE)

    assert {found["coded"]["step"], found["elders"]["step"]} == {"consent"}
    assert offered(market, ZOE) == ["for_all", "annas", "berts"]


def test_an_answer_contains_no_code_and_no_business_data(market: Service) -> None:
    """Codes, margin, weight and caps are absent from the answer."""
    put(market, "coded", codes=["SECRET-1"], margin=77.125, weight=3.25, items=["item-03"])
    reply = ask(market).data

    assert b'"has_code":true' in reply
    assert not [word for word in (b"SECRET", b"77.125", b"3.25", b"margin") if word in reply]


def test_a_sensitive_or_hidden_item_is_no_reason(market: Service) -> None:
    """A reason never names a hidden item; a sensitive item does not even count as bought."""
    put(market, "annas", items=["item-03", "item-09"])
    market.item("item-03", title="Oat milk", hidden=True)
    hidden = answer(market)["offers"]
    market.item("item-03", title="Oat milk", sensitive=True)
    sensitive = answer(market)["offers"]

    reasons = {each["offer_id"]: each["reason"]["code"] for each in hidden}
    assert reasons["annas"] == "suits_you"
    reasons = {each["offer_id"]: each["reason"]["code"] for each in sensitive}
    assert reasons["annas"] == "popular"
    assert b"Oat milk" not in ask(market).data


def test_a_browser_gets_offers_of_its_customer_without_fallback(market: Service) -> None:
    """Another customer is a 403; `fallback` and `considered` are for secret keys."""
    path = f"/v1/customers/{ZOE}/offers"
    own = market.as_browser(path, ZOE).json
    explained = market.as_browser(f"{path}?explain=true", ZOE)

    assert own is not None
    assert own["fallback"] is None
    assert "considered" not in own
    assert explained.status_code == 403
    assert market.as_browser(path, ANNA).status_code == 403
    assert market.as_browser(path).status_code == 403


def test_offers_need_the_scope(market: Service) -> None:
    """A key without the scope `offers` is refused."""
    key = market.secret_key(Scope.RECOMMEND)

    assert market.get(f"/v1/customers/{ANNA}/offers", key).status_code == 403


@pytest.mark.parametrize("query", ["n=0", "n=101", "explain=1", "channel=", "slate=popular"])
def test_an_invalid_parameter_is_named(market: Service, query: str) -> None:
    """A 400 names the invalid query parameter."""
    reply = ask(market, query=f"?{query}")

    assert reply.status_code == 400
    assert query.partition("=")[0] in reply.text


def test_unreadable_caps_make_the_answer_generic(market: Service) -> None:
    """If caps cannot be read, it is unknown which are reached, so the answer is generic."""
    stores, key = market.stores, market.stores.hasher(market.shop).key_of(ANNA)
    name = redis_keys.caps(market.shop, key)
    stores.connections.writes.hset(name, "taken:annas", "?")
    garbage = answer(market)
    stores.connections.writes.delete(name)
    stores.connections.writes.set(name, "?")
    other = answer(market)

    for found in (garbage, other):
        assert (found["personalized"], found["fallback"]) == (False, "store_unavailable")


def test_a_corrupt_key_affects_only_its_offer(market: Service) -> None:
    """If one offer has keys of a wrong type in Redis, the others are offered and listed."""
    keys = market.stores.connections.writes
    for of_offer in (redis_keys.offer_codes, redis_keys.offer_holds):
        name = of_offer(market.shop, OfferId("annas"))
        keys.delete(name)
        keys.set(name, "?")
    put(market, "later")
    listed = market.get("/v1/offers").json
    offered = [each["offer_id"] for each in answer(market)["offers"]]

    assert listed is not None
    assert "for_all" in offered
    assert "annas" not in [each["offer_id"] for each in listed["offers"]]
    assert "later" in [each["offer_id"] for each in listed["offers"]]


def test_without_a_model_offers_are_ranked_by_rule(bare_service: Service) -> None:
    """Without a model, eligible offers are ranked by priority, value and id."""
    bare_service.consent(ANNA)
    put(bare_service, "deal", value=1.0)
    put(bare_service, "better", value=2.0)
    found = answer(bare_service)

    assert (found["personalized"], found["fallback"]) == (True, "no_model")
    assert [each["offer_id"] for each in found["offers"]] == ["better", "deal"]


def test_a_decision_record_is_stored(market: Service) -> None:
    """The record has offered and refused offers, consent and model."""
    put(market, "over", ends_at=PAST)
    made = answer(market, query="?placement=home&channel=web")
    market.services.decisions.flush()
    reply = market.get(f"/v1/decisions/{made['decision_id']}").json

    assert reply is not None
    record = reply["decision"]
    assert [each["offer_id"] for each in record["offered"]] == [
        each["offer_id"] for each in made["offers"]
    ]
    assert record["refused"] == {"window": ["over"]}
    assert (record["placement"], record["channel"]) == ("home", "web")
    assert record["model_version"]
    assert set(record["consent"]) == {"personalization", "offers"}


def test_a_claim_checks_the_same_eligibility(market: Service) -> None:
    """A customer can claim exactly the offers that a decision may choose."""
    put(market, "vips", eligibility={"segments": ["vip"]})
    refused = claim(market, "vips")
    market.put(f"/v1/customers/{ANNA}/profile", {"segments": ["vip"]})

    assert refused.status_code == 409
    assert claim(market, "vips").status_code == 201


def test_generic_answers_are_byte_equal(market: Service) -> None:
    """Generic answers are equal, `decision_id` included, except `fallback` for secret keys."""
    market.consent(ANNA, dict.fromkeys(EVERYTHING, False))
    customers = (ANNA, ZOE, CustomerId("unknown"))
    answers = [ask(market, customer).data for customer in customers]
    paths = [f"/v1/customers/{each}/offers" for each in customers]
    in_browsers = [
        market.as_browser(path, each).data for path, each in zip(paths, customers, strict=True)
    ]

    first, *others = [without(each, "fallback") for each in answers]
    assert others == [first, first]
    assert in_browsers[1:] == in_browsers[:2]


def test_a_generic_decision_counts_once_per_event(market: Service) -> None:
    """The id is shared; a repeated event is the same impression."""
    put(market, "scarce", all=True, priority=9, caps={"total_shown": 50})
    named = {answer(market, customer)["decision_id"] for customer in (ZOE, CustomerId("unknown"))}
    (decision_id,) = named
    reported = {"type": "offer_shown", "offer_id": "scarce", "decision_id": decision_id}
    for place, customer in enumerate((ZOE, ZOE, CustomerId("unknown"))):
        for _again in range(2):
            send(market, message_id=f"m{place}", customer_id=customer, **reported)

    assert market.get("/v1/offers/scarce").json["state"]["shown"] == 3


def test_a_browser_counts_a_generic_decision_once_per_customer(market: Service) -> None:
    """A browser can invent events and sessions, but not customers."""
    put(market, "scarce", all=True, priority=9, caps={"total_shown": 50})
    reported = {"type": "offer_shown", "offer_id": "scarce", "session_id": "s"}
    ids = [answer(market, ZOE, f"?n={n}")["decision_id"] for n in (1, 2, 2, 3)]
    named = [
        {"message_id": f"m{place}", "customer_id": ZOE, "decision_id": each, **reported}
        for place, each in enumerate(ids)
    ]
    unnamed = [{"message_id": f"n{place}", "decision_id": ids[0], **reported} for place in range(5)]
    token = {"Authorization": f"Bearer {market.keys.browser.text}"}
    token["X-Customer-Token"] = market.keys.token(ZOE)
    for events in (named, unnamed):
        reply = market.client.post("/v1/events", json={"events": events}, headers=token)
        assert {each["status"] for each in reply.json["results"]} == {201}

    assert market.get("/v1/offers/scarce").json["state"]["shown"] == 1
