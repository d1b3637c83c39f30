"""Every condition of an eligibility admits some customers and refuses others."""

import runpy
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest

from recsvc.domain.customers.profile import Profile
from recsvc.domain.offers import eligibility as declared
from recsvc.domain.offers.eligibility import ANY_CUSTOMER, Bought, Eligibility
from recsvc.domain.values.ids import ItemId
from recsvc.model.offers import eligibility as compiled
from recsvc.model.offers.decision import decide
from recsvc.model.offers.explanation import explain
from recsvc.model.offers.inputs import CustomerFacts, DecisionRequest, OfferCounters
from recsvc.model.offers.performance import performance_of
from tests.offer_builders import NOON_US, buyer, columns, offer, offered

JANUARY, FEBRUARY = Profile(birth_month=1), Profile(birth_month=2)
JOINED_LAST_YEAR = Profile(customer_since="2025-01-31")
JOINED_THIS_YEAR = Profile(customer_since="2026-01-01")
ITEM = Bought(items=(ItemId("i1"),))

# By condition: a value, facts of a customer who meets it and of one who does not, and its name in
# an explanation.
EXAMPLES: Mapping[str, tuple[object, dict[str, Any], dict[str, Any], str]] = {
    "min_orders": (2, {"orders": 2}, {"orders": 1}, "orders"),
    "max_orders": (2, {"orders": 2}, {"orders": 3}, "orders"),
    "min_days_since_last_order": (
        30,
        {"days_since_last_order": 30.0},
        {"days_since_last_order": 29.9},
        "days_since_last_order",
    ),
    "max_days_since_last_order": (
        30,
        {"days_since_last_order": 30.0},
        {"days_since_last_order": 30.1},
        "days_since_last_order",
    ),
    "min_spent": (100, {"spent": 100.0}, {"spent": 99.99}, "spent"),
    "max_spent": (100, {"spent": 100.0}, {"spent": 100.01}, "spent"),
    "segments": (
        ("vip", "staff"),
        {"profile": Profile(segments=("staff",))},
        {"profile": Profile(segments=("other",))},
        "segments",
    ),
    "attributes": (
        {"tier": ("gold", "blue")},
        {"profile": Profile(attributes={"tier": "blue"})},
        {"profile": Profile(attributes={"tier": "grey"})},
        "attributes.tier",
    ),
    "bought": (ITEM, {"bought": {1: 5.0}}, {"bought": {2: 5.0}}, "bought"),
    "not_bought": (
        ITEM,
        {"bought": {2: 5.0}, "knows_bought": True},
        {"bought": {1: 5.0}, "knows_bought": True},
        "not_bought",
    ),
    "new_customers_only": (True, {"orders": 0}, {"orders": 1}, "new_customers_only"),
    "birthday_month": (True, {"profile": JANUARY}, {"profile": FEBRUARY}, "birthday_month"),
    "anniversary_month": (
        True,
        {"profile": JOINED_LAST_YEAR},
        {"profile": JOINED_THIS_YEAR},  # the first year is not over
        "anniversary_month",
    ),
}


@pytest.mark.parametrize("condition", [each.name for each in fields(Eligibility)])
def test_every_condition_admits_one_customer_and_refuses_another(condition: str) -> None:
    """Each field of `Eligibility` is decisive: one customer gets the offer, another does not.

    A new field fails here until it has an example.
    """
    value, meets, fails, name = EXAMPLES[condition]
    conditions = Eligibility(**{condition: value})
    made = [offer("o", eligibility=conditions)]

    assert conditions != ANY_CUSTOMER
    assert offered(made, buyer(**meets)) == ["o"]
    assert offered(made, buyer(**fails)) == []
    assert unmet_condition(conditions, buyer(**fails)) == name


@pytest.mark.parametrize("condition", [each.name for each in fields(Eligibility)])
def test_a_customer_without_facts_meets_no_condition(condition: str) -> None:
    """An unknown fact refuses the offer under every condition."""
    conditions = Eligibility(**{condition: EXAMPLES[condition][0]})

    assert offered([offer("o", eligibility=conditions)], CustomerFacts()) == []


def test_a_condition_without_a_compiler_stops_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that is declared but not compiled raises on import, before any decision."""
    rule = declared.CONDITIONS["min_orders"]
    monkeypatch.setattr(declared, "CONDITIONS", {**declared.CONDITIONS, "min_age": rule})

    with pytest.raises(TypeError, match="min_age"):
        runpy.run_path(str(compiled.__file__))


def test_a_compiler_without_a_condition_stops_the_service() -> None:
    """The two tables name the same conditions."""
    with pytest.raises(TypeError, match="min_age"):
        compiled.require_compilers(["min_orders"], ["min_orders", "min_age"])


@pytest.mark.parametrize(
    "groups",
    [
        [],
        [compiled.TokenGroup("segments", ())],
        [compiled.TokenGroup("segments", (), negated=True)],
        [compiled.TokenGroup("segments", (("age", 18),), negated=True)],
    ],
)
def test_a_condition_without_a_decidable_token_refuses_every_customer(
    monkeypatch: pytest.MonkeyPatch, groups: list[compiled.TokenGroup]
) -> None:
    """An incomplete compiler keeps the offer from every customer, also with a negated group."""
    incomplete = {**compiled.COMPILERS, "segments": lambda *_: groups}
    monkeypatch.setattr(compiled, "COMPILERS", incomplete)
    made = [offer("o", eligibility=Eligibility(segments=("vip",)))]

    assert offered(made, buyer(profile=Profile(segments=("vip",)))) == []


PURCHASES = {"items": (ItemId("i1"),), "categories": ("c1",)}


@pytest.mark.parametrize("member", [each.name for each in fields(Bought)])
def test_every_member_of_purchases_is_decisive(member: str) -> None:
    """Each field of `Bought` admits one customer and refuses another, in both conditions.

    A new field fails here until it has an example.
    """
    bought = Bought(**{member: PURCHASES[member]})
    needs = offer("needs", eligibility=Eligibility(bought=bought))
    forbids = offer("forbids", eligibility=Eligibility(not_bought=bought))

    assert offered([needs, forbids], buyer({1: 5.0}, knows_bought=True)) == ["needs"]
    assert offered([needs, forbids], buyer({2: 5.0}, knows_bought=True)) == ["forbids"]


def test_the_members_of_purchases_and_their_tokens_agree() -> None:
    """A field of `Bought` without tokens raises on import: `not_bought` would ignore it."""
    assert {each.name for each in fields(Bought)} == compiled.PURCHASE_TOKENS.keys()


@pytest.mark.parametrize(
    ("attributes", "value", "is_met"),
    [
        ({"size": (1,)}, 1.0, True),
        ({"size": (1,)}, "1", False),
        ({"size": (1,)}, True, False),
        ({"size": (True,)}, 1, False),
        ({"size": (1, "M")}, "M", True),
    ],
)
def test_attributes_are_compared_as_json_values(
    attributes: dict[str, tuple[Any, ...]], value: Any, *, is_met: bool
) -> None:
    """1 equals 1.0, but neither "1" nor true."""
    made = [offer("o", eligibility=Eligibility(attributes=attributes))]

    assert offered(made, buyer(profile=Profile(attributes={"size": value}))) == ["o"] * is_met


def test_every_attribute_must_match() -> None:
    """A customer who matches one of two attributes does not get the offer."""
    both = offer("o", eligibility=Eligibility(attributes={"tier": ("gold",), "app": (True,)}))
    facts = buyer(profile=Profile(attributes={"tier": "gold", "app": False}))

    assert offered([both], facts) == []


@pytest.mark.parametrize(
    ("bought", "is_met"),
    [
        (Bought(items=offer("", 1, 7).items), True),
        (Bought(items=offer("", 7).items), False),
        (Bought(categories=("c1",)), True),
        (Bought(categories=("parent",)), True),
        (Bought(categories=("c2", "unknown")), False),
        (Bought(offer("", 7).items, ("c1",)), True),
        (Bought(items=offer("", 99).items), False),  # neither model nor catalogue has the item
    ],
)
def test_bought_needs_any_one_and_not_bought_needs_none(bought: Bought, *, is_met: bool) -> None:
    """Items and categories count alike; the customer has bought item 1, of c1 in parent."""
    needs = offer("needs", 1, eligibility=Eligibility(bought=bought))
    forbids = offer("forbids", 1, eligibility=Eligibility(not_bought=bought))

    facts = buyer({1: 5.0}, knows_bought=True)

    assert offered([needs, forbids], facts) == ["needs" if is_met else "forbids"]


def test_incomplete_purchases_never_meet_not_bought() -> None:
    """A customer whose purchases are only partly known may have bought the item."""
    needs = offer("needs", 1, eligibility=Eligibility(bought=Bought(items=offer("", 1).items)))
    forbids = offer("forbids", 1, eligibility=Eligibility(not_bought=Bought(("i7",), ())))

    assert offered([needs, forbids], buyer({1: 5.0}, knows_bought=False)) == ["needs"]


def test_an_explanation_names_the_first_unmet_condition() -> None:
    """Limits come before groups."""
    both = Eligibility(min_orders=2, segments=("vip",))

    assert unmet_condition(both, buyer(orders=1)) == "orders"


def unmet_condition(conditions: Eligibility, facts: CustomerFacts) -> str | None:
    """Return the condition that the explanation of a refused offer names."""
    made, request = columns(offer("o", eligibility=conditions)), DecisionRequest(NOON_US)
    decision = decide(made, performance_of(made, OfferCounters()), facts, request)
    (considered,) = explain(made, decision, facts, request)
    return considered.condition
