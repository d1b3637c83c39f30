"""Writing, reading and listing offers over HTTP."""

import pytest

from recsvc.domain.api_keys import Scope
from recsvc.domain.offers.offer import Kind, Offer
from recsvc.domain.offers.stored_offer import NewOffer
from recsvc.domain.values.ids import OfferId
from tests.contract.grocery import Service

OFFER = {"title": "A deal", "kind": "free_shipping"}
FULL = {
    "title": "10 % off",
    "description": "On everything from a cow",
    "url": "https://shop.example/deal",
    "image_url": "https://shop.example/deal.webp",
    "kind": "percent_off",
    "value": 10.0,
    "items": ["item-00", "item-01"],
    "channels": ["web", "app"],
    "starts_at": "2026-01-01T00:00:00.000000Z",
    "ends_at": "2036-01-01T00:00:00.000000Z",
    "priority": 3,
    "weight": 2.0,
    "margin": 1.5,
    "caps": {
        "per_customer": {"limit": 2, "period_days": 30},
        "per_customer_shown": {"limit": 5},
        "total_shown": 1000,
        "total_redeemed": 100,
    },
    "eligibility": {
        "min_orders": 2,
        "segments": ["vip"],
        "attributes": {"tier": ["gold"]},
        "bought": {"items": ["item-02"]},
        "birthday_month": True,
    },
    "exclusive_group": "cows",
    "fallback": True,
}
COUNTS = {"shown": 0, "accepted": 0, "taken": 0, "redeemed": 0}


def put(service: Service, offer_id: str, **fields: object) -> None:
    reply = service.send("PUT", f"/v1/offers/{offer_id}", OFFER | fields)
    assert reply.status_code == 200, reply.data


def test_an_offer_reads_back_as_written(service: Service) -> None:
    """An answer has every field but the codes, and can be written again."""
    put(service, "deal", **FULL, codes=["A", "B"])
    got = service.get("/v1/offers/deal").json
    assert got is not None
    revision = got["state"].pop("revision")

    eligibility = got.pop("eligibility")
    expected = {"offer_id": "deal", **FULL, "state": {**COUNTS, "codes_left": 2}}
    assert eligibility.items() >= FULL["eligibility"].items()  # type: ignore[attr-defined]
    assert got == {name: value for name, value in expected.items() if name != "eligibility"}
    put(service, **got, eligibility=eligibility)
    again = service.get("/v1/offers/deal").json
    assert again is not None
    assert again["state"] == {**COUNTS, "codes_left": 2, "revision": revision + 1}


@pytest.mark.parametrize("offer_id", ["a:b", "{a}", "*", "a b", "ü", "{a}:*"])
def test_an_offer_may_have_any_id(service: Service, offer_id: str) -> None:
    """Characters that Redis interprets are ordinary characters of an id."""
    put(service, "other")
    put(service, offer_id)

    got = service.get(f"/v1/offers/{offer_id}").json
    assert got is not None
    assert got["offer_id"] == offer_id
    service.send("DELETE", f"/v1/offers/{offer_id}", {})
    assert service.get(f"/v1/offers/{offer_id}").status_code == 404
    assert service.get("/v1/offers/other").status_code == 200


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"value": -1}, "value"),
        ({"caps": {"total_redeemed": -1}}, "caps.total_redeemed"),
        ({"caps": {"per_customer": {"limit": 1001}}}, "caps.per_customer.limit"),
        ({"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2029-01-01T00:00:00Z"}, "ends_at"),
        ({"items": [f"i{number}" for number in range(20_001)]}, "items"),
        ({"codes": ["A", "B", "A"]}, "codes[2]"),
        ({"kind": "coupon"}, "kind"),
        ({"title": None}, "title"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_invalid_field_is_named(service: Service, fields: dict[str, object], named: str) -> None:
    """A 400 names the field; the offer is not written."""
    reply = service.send("PUT", "/v1/offers/deal", OFFER | fields)

    assert reply.json is not None
    assert (reply.status_code, reply.json["code"]) == (400, "bad_offer")
    assert [error["field"] for error in reply.json["errors"]] == [named]
    assert service.get("/v1/offers/deal").status_code == 404


@pytest.mark.parametrize(
    ("field", "moment"),
    [("ends_at", "9999-12-31T23:59:59-23:59"), ("starts_at", "0001-01-01T00:00:00+14:00")],
)
def test_a_time_out_of_range_is_refused(service: Service, field: str, moment: str) -> None:
    """An invalid time is refused by field and rule, alone and as a line."""
    reply = service.send("PUT", "/v1/offers/deal", OFFER | {field: moment})
    lines = service.send("POST", "/v1/offers", [{"offer_id": "deal", **OFFER, field: moment}])

    assert reply.json is not None
    assert lines.json is not None
    (result,) = lines.json["results"]
    assert (reply.status_code, result["status"]) == (400, 422)
    assert reply.json["errors"] == result["errors"]
    assert [error["field"] for error in result["errors"]] == [field]
    assert "from 1970 to 9999 in UTC" in result["errors"][0]["detail"]
    assert service.get("/v1/offers").json == {"offers": [], "next_cursor": None}


def test_a_stored_time_out_of_range_is_readable(service: Service) -> None:
    """A stored offer that ends after the year 9999 is listed, shown and decided on."""
    beyond_us = 253_402_387_140_000_000
    offer = Offer(
        OfferId("deal"), "A deal", Kind.GIFT, starts_at_us=-beyond_us, ends_at_us=beyond_us
    )
    service.stores.offers.put_many(service.shop, [NewOffer(offer, None)])
    paths = ("/v1/offers", "/v1/offers/deal", "/v1/customers/anna/offers?explain=true")

    answers = [service.get(path) for path in paths]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert all(b'"ends_at":"9999-12-31T23:59:59.999999Z"' in answer.data for answer in answers)


def test_a_body_over_the_limit_is_refused(service: Service) -> None:
    """A body of a million items is refused before it is read."""
    items = [str(number) for number in range(1_000_000)]
    reply = service.send("PUT", "/v1/offers/deal", OFFER | {"items": items})

    assert reply.status_code == 413


def test_unknown_names_are_accepted_with_a_warning(service: Service) -> None:
    """The catalogue may lag behind, or a name may be misspelt."""
    service.item("milk", category="dairy", brand="Cow")
    fields = {
        "items": ["milk", "item-00", "mlik"],
        "categories": ["dairy", "diary"],
        "brands": ["Cow", "Caw"],
        "eligibility": {"bought": {"items": ["braed"]}},
    }
    reply = service.send("PUT", "/v1/offers/deal", OFFER | fields)

    assert reply.status_code == 200
    assert reply.json is not None
    reported = {each["field"]: each["detail"] for each in reply.json["warnings"]}
    assert reported == {
        "items": '1 of 3 unknown to catalogue and model: "mlik"',
        "categories": '1 of 2 unknown to catalogue and model: "diary"',
        "brands": '1 of 2 unknown to catalogue and model: "Caw"',
        "eligibility.bought.items": '1 of 1 unknown to catalogue and model: "braed"',
    }


def test_lines_are_answered_in_their_order(service: Service) -> None:
    """Each line has its own result; an invalid line does not affect others."""
    lines = [
        {"offer_id": "a", **OFFER},
        {"offer_id": "b", **OFFER, "value": -1},
        {"offer_id": "c", **OFFER, "items": ["nowhere"]},
        {**OFFER},
    ]
    reply = service.send("POST", "/v1/offers", lines)

    assert reply.json is not None
    results = reply.json["results"]
    assert [each["status"] for each in results] == [201, 422, 201, 422]
    assert [each.get("code") for each in results] == [None, "bad_offer", None, "bad_id"]
    assert "warnings" in results[2]
    listed = service.get("/v1/offers").json
    assert listed is not None
    assert [each["offer_id"] for each in listed["offers"]] == ["a", "c"]


@pytest.mark.parametrize(
    ("offer_id", "reported"),
    [(5, "5 is not a string"), (None, "null is not a string"), (True, "true is not a string")],
)
def test_an_id_that_is_no_string_is_reported(
    service: Service, offer_id: object, reported: str
) -> None:
    """The refusal shows the id as JSON."""
    reply = service.send("POST", "/v1/offers", [{"offer_id": offer_id, **OFFER}])

    assert reply.json is not None
    (result,) = reply.json["results"]
    assert (result["status"], result["code"]) == (422, "bad_id")
    assert result["errors"][0]["detail"].startswith(reported)


def test_offers_are_listed_in_pages(service: Service) -> None:
    """Pages of any size list every offer once, by id."""
    ids = sorted(f"offer {number}" for number in range(7))
    for offer_id in ids:
        put(service, offer_id)
    found: list[str] = []
    cursor = ""
    for _ in range(4):
        page = service.get(f"/v1/offers?limit=2{cursor}").json
        assert page is not None
        found += [each["offer_id"] for each in page["offers"]]
        cursor = f"&cursor={page['next_cursor']}"

    assert found == ids
    assert cursor == "&cursor=None"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=%FF", "cursor=x", "page=2"])
def test_an_invalid_page_parameter_is_refused(service: Service, query: str) -> None:
    """A 400 names the parameter."""
    reply = service.get(f"/v1/offers?{query}")

    assert reply.json is not None
    assert reply.status_code == 400
    assert reply.json["errors"][0]["field"] == query.split("=")[0]


def test_offers_need_the_scope(service: Service) -> None:
    """A key of another scope, or a publishable key, neither reads nor writes offers."""
    other = service.secret_key(Scope.CATALOGUE)
    own = service.secret_key(Scope.OFFERS)

    assert service.send("PUT", "/v1/offers/deal", OFFER, key=own).status_code == 200
    for key in (other, service.keys.browser.text):
        assert service.send("PUT", "/v1/offers/deal", OFFER, key=key).status_code == 403
        assert service.get("/v1/offers/deal", key=key).status_code == 403
        assert service.send("DELETE", "/v1/offers/deal", {}, key=key).status_code == 403
    assert service.get("/v1/offers/deal").status_code == 200
