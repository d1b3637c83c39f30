"""Offers as shops send them: what is read, and what a refusal tells."""

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


def read(**said: Any) -> Offer:
    return read_offer(OfferId("ten"), {**MINIMAL, **said})


def refusal(**said: Any) -> dict[str, str]:
    """Return what is wrong, by place."""
    with pytest.raises(BadRequest) as refused:
        read(**said)
    assert refused.value.code == "bad_offer"
    return {error.field: error.detail for error in refused.value.errors}


def test_an_offer_is_read_whole() -> None:
    """Every field that a shop may send arrives where decisions look for it."""
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


def test_what_is_shown_can_be_sent_again() -> None:
    """But for the codes: they are handed out one by one, and an answer only counts them."""
    made = read(
        categories=["Tea"],
        codes=["A1"],
        ends_at="2026-12-01T00:00:00Z",
        caps={"per_customer": {"limit": 2}},
        eligibility={"attributes": {"tier": "gold"}, "not_bought": {"categories": ["Tea"]}},
    )
    said = offer_as_sent(made)

    assert said.pop("codes_total") == 1
    assert said["ends_at"] == "2026-12-01T00:00:00.000000Z"
    assert read_offer(OfferId("ten"), said) == replace(made, codes=())


@pytest.mark.parametrize("offer_id", ["a:b", "{shop}:x", "*", "two words", "Ü"])
def test_an_offer_may_have_any_id(offer_id: str) -> None:
    """What Redis or a shell would read something into is an id as any other."""
    assert id_fault(offer_id) is None
    assert read_offer(OfferId(offer_id), MINIMAL).offer_id == offer_id


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        ({"tittle": "x"}, "tittle", "unknown; the fields are title"),
        ({"title": None}, "title", "missing"),
        ({"kind": "discount"}, "kind", "one of percent_off, amount_off"),
        ({"value": -1}, "value", "from 0"),
        ({"value": 101}, "value", "more than the whole price"),
        ({"value": None}, "value", "how much it takes off"),
        ({"weight": 0}, "weight", "above 0"),
        ({"priority": 1.5}, "priority", "whole number"),
        ({"starts_at": "2026-11-01"}, "starts_at", "with its offset"),
        ({"starts_at": "2026-11-01T00:00:00"}, "starts_at", "with its offset"),
        ({"items": []}, "items", "a list of 1 to 20,000"),
        ({"items": ["a", "b/c"]}, "items[1]", "an id"),
        ({"items": ["x"] * (MAX_ITEMS + 1)}, "items", "20,001 items; there are at most 20,000"),
        ({"items": ["x"], "all": True}, "all", "items narrow it down"),
        ({"all": False}, "all", "neither items, categories nor brands"),
        ({"codes": ["A", "B", "A"]}, "codes", '"A": there twice'),
        ({"codes": [7]}, "codes", "a code is a text"),
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
def test_a_refusal_names_the_place_and_what_would_be_right(
    said: dict[str, Any], place: str, words: str
) -> None:
    """A marketer reads which field is wrong, and how it is said rightly."""
    assert words in refusal(**said)[place]


@pytest.mark.parametrize(
    ("eligibility", "place"),
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
def test_what_nobody_can_meet_is_refused(eligibility: dict[str, Any], place: str) -> None:
    """An offer that can reach no customer is a slip of the pen."""
    assert f"eligibility.{place}" in refusal(eligibility=eligibility)


def test_an_end_at_or_before_the_start_is_refused() -> None:
    """Of whatever zones the two are told in."""
    found = refusal(starts_at="2026-11-01T01:00:00+01:00", ends_at="2026-11-01T00:00:00Z")

    assert "is not after starts_at" in found["ends_at"]


def test_every_fault_is_told_at_once() -> None:
    """Nobody mends one field to hear of the next."""
    assert set(refusal(value=-1, weight=0, caps={"total_shown": 0, "x": 1})) == {
        "value",
        "weight",
        "caps.total_shown",
        "caps.x",
    }


def test_a_refusal_does_not_outgrow_what_was_sent() -> None:
    """Of many wrong items and codes it names a few."""
    items = refusal(items=["/"] * 5000)
    codes = refusal(codes=[str(number) for number in range(1000)] * 2)

    assert len(items) == 3
    assert "997 more" in codes["codes"]


def test_kinds_without_a_value_need_none() -> None:
    """Only what takes something off says how much."""
    made = read_offer(OfferId("o"), {"title": "Hello", "kind": "content"})

    assert made.kind is Kind.CONTENT
    assert made.is_for_all_items
    assert made.is_generic
