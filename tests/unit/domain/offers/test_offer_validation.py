"""Reading offers as a shop sends them, and the refusals of invalid ones."""

from dataclasses import replace
from typing import Any

import pytest

from recsvc.domain.errors import BadRequest
from recsvc.domain.offers.eligibility import Bought
from recsvc.domain.offers.field_rules import MAX_ITEMS
from recsvc.domain.offers.offer import Kind, Offer, PeriodCap
from recsvc.domain.offers.offer_validation import offer_as_sent, read_offer
from recsvc.domain.values.ids import OfferId, id_fault

MINIMAL = {"title": "Ten off coffee", "kind": "percent_off", "value": 10}


def read(**sent: Any) -> Offer:
    return read_offer(OfferId("ten"), {**MINIMAL, **sent})


def refusal(**sent: Any) -> dict[str, str]:
    """Return the faults by field."""
    with pytest.raises(BadRequest) as refused:
        read(**sent)
    assert refused.value.code == "bad_offer"
    return {error.field: error.detail for error in refused.value.errors}


def test_an_offer_is_read_whole() -> None:
    """Every field that a shop may send is in the offer that is read."""
    made = read(
        items=["milk", "milk", "tea"],
        channels=["web"],
        starts_at="2026-11-01T00:00:00+01:00",
        ends_at="2026-12-01T00:00:00Z",
        priority=2,
        weight=1.5,
        margin=3,
        caps={"per_customer": {"limit": 2, "period_days": 30}, "total_redeemed": 100},
        codes=["A1", "A2"],
        eligibility={
            "min_orders": 1,
            "attributes": {"tier": ["gold", 1], "app": True},
            "bought": {"items": ["milk"]},
        },
        exclusive_group="coffee",
    )

    assert made.items == ("milk", "tea")
    assert made.starts_at_us == 1_793_487_600_000_000
    assert made.caps.per_customer == PeriodCap(2, 30)
    assert made.eligibility.attributes == {"tier": ("gold", 1), "app": (True,)}
    assert made.eligibility.bought == Bought(items=(made.items[0],))
    assert not made.is_generic
    assert not made.is_for_all_items


def test_a_returned_offer_can_be_sent_again() -> None:
    """A returned offer reads back as the same offer without codes; an answer only counts codes."""
    made = read(
        categories=["Tea"],
        codes=["A1"],
        ends_at="2026-12-01T00:00:00Z",
        caps={"per_customer": {"limit": 2}},
        eligibility={"attributes": {"tier": "gold"}, "not_bought": {"categories": ["Tea"]}},
    )
    sent = offer_as_sent(made)

    assert sent.pop("codes_total") == 1
    assert sent["ends_at"] == "2026-12-01T00:00:00.000000Z"
    assert read_offer(OfferId("ten"), sent) == replace(made, codes=())


@pytest.mark.parametrize("offer_id", ["a:b", "{shop}:x", "*", "two words", "Ü"])
def test_an_offer_may_have_any_id(offer_id: str) -> None:
    """Characters that Redis or a shell interprets are valid in an id."""
    assert id_fault(offer_id) is None
    assert read_offer(OfferId(offer_id), MINIMAL).offer_id == offer_id


@pytest.mark.parametrize(
    ("sent", "field", "words"),
    [
        ({"tittle": "x"}, "tittle", "unknown; the fields are title"),
        ({"title": None}, "title", "missing"),
        ({"kind": "discount"}, "kind", "one of percent_off, amount_off"),
        ({"value": -1}, "value", "from 0"),
        ({"value": 101}, "value", "more than the price"),
        ({"value": None}, "value", "needs its value"),
        ({"weight": 0}, "weight", "above 0"),
        ({"priority": 1.5}, "priority", "whole number"),
        ({"starts_at": "2026-11-01"}, "starts_at", "with an offset"),
        ({"starts_at": "2026-11-01T00:00:00"}, "starts_at", "with an offset"),
        ({"items": []}, "items", "a list of 1 to 20,000"),
        ({"items": ["a", "b/.."]}, "items[1]", "an id"),
        ({"items": ["x"] * (MAX_ITEMS + 1)}, "items", "20,001 items; at most 20,000"),
        ({"items": ["x"], "all": True}, "all", "items restrict"),
        ({"all": False}, "all", "no items, categories or brands"),
        ({"codes": ["A", "B", "A"]}, "codes[2]", '"A": duplicate of codes[0]'),
        ({"codes": [7]}, "codes[0]", "7 is not a text"),
        ({"caps": {"total_redeemed": -5}}, "caps.total_redeemed", "from 1"),
        ({"caps": {"per_customer": {"period_days": 3}}}, "caps.per_customer.limit", "missing"),
        ({"caps": {"per_customer": 2}}, "caps.per_customer", '{"limit": 2, "period_days": 30}'),
        ({"all": {"yes": [True, None]}}, "all", '{"yes": [true, null]} is not true or false'),
        ({"title": " \u00a0 "}, "title", "not all blank"),
        ({"caps": {"weekly": 2}}, "caps.weekly", "per_customer_shown"),
        ({"eligibility": {"segments": "vip"}}, "eligibility.segments", "a list"),
        ({"eligibility": {"code": "x > 1"}}, "eligibility.code", "unknown"),
        ({"eligibility": {"attributes": {"a": {}}}}, "eligibility.attributes.a", "a text"),
        ({"fallback": "true"}, "fallback", "true or false"),
        ({"offer_id": "eleven"}, "offer_id", "not the id in the path"),
    ],
)
def test_a_refusal_names_the_field_and_its_rule(
    sent: dict[str, Any], field: str, words: str
) -> None:
    """The refusal of an invalid field states the rule that it breaks."""
    assert words in refusal(**sent)[field]


@pytest.mark.parametrize(
    ("eligibility", "field"),
    [
        ({"min_orders": 5, "max_orders": 4}, "min_orders"),
        (
            {"min_days_since_last_order": 9, "max_days_since_last_order": 8.5},
            "min_days_since_last_order",
        ),
        ({"min_spent": 2, "max_spent": 1}, "min_spent"),
        ({"new_customers_only": True, "min_orders": 1}, "min_orders"),
        ({"new_customers_only": True, "bought": {"items": ["a"]}}, "bought"),
        ({"bought": {"items": ["a"]}, "not_bought": {"items": ["a", "b"]}}, "not_bought"),
    ],
)
def test_conditions_that_exclude_every_customer_are_refused(
    eligibility: dict[str, Any], field: str
) -> None:
    """An eligibility that no customer can meet is an error, named at one of its fields."""
    assert f"eligibility.{field}" in refusal(eligibility=eligibility)


def test_an_end_at_or_before_the_start_is_refused() -> None:
    """Start and end are compared as instants, also in different time zones."""
    found = refusal(starts_at="2026-11-01T01:00:00+01:00", ends_at="2026-11-01T00:00:00Z")

    assert "is not after starts_at" in found["ends_at"]


def test_every_fault_is_reported_at_once() -> None:
    """One refusal lists the faults of all fields."""
    assert set(refusal(value=-1, weight=0, caps={"total_shown": 0, "x": 1})) == {
        "value",
        "weight",
        "caps.total_shown",
        "caps.x",
    }


def test_a_refusal_is_smaller_than_its_request() -> None:
    """A refusal names only a few of many invalid items and codes."""
    items = refusal(items=["/"] * 5000)
    codes = refusal(codes=[str(number) for number in range(1000)] * 2)

    assert len(items) == 3
    assert list(codes) == ["codes[1000]", "codes[1001]", "codes[1002]"]


def test_kinds_without_a_value_need_none() -> None:
    """Only kinds that reduce the price need a value."""
    made = read_offer(OfferId("o"), {"title": "Hello", "kind": "content"})

    assert made.kind is Kind.CONTENT
    assert made.is_for_all_items
    assert made.is_generic
