"""Eligibilities for property tests, and their specification: one entry for each condition."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from recsvc.domain.offers.eligibility import ANY_CUSTOMER, Bought, Eligibility
from recsvc.domain.values.ids import ItemId
from recsvc.model.offers.inputs import CustomerFacts

FEW = st.integers(0, 3)
ITEMS = st.lists(st.integers(0, 13).map(lambda row: ItemId(f"i{row}")), max_size=4).map(tuple)
BOUGHT = st.builds(Bought, ITEMS, st.just(()))
DAYS = st.none() | st.floats(0, 50)
ATTRIBUTE_VALUES = st.sampled_from(["gold", "blue", 1, True])
KNOWN_ITEMS = {f"i{row}" for row in range(12)}

# The values of each condition. A new condition needs a strategy, and its rule below.
CONDITIONS: Mapping[str, st.SearchStrategy[Any]] = {
    "min_orders": st.none() | FEW,
    "max_orders": st.none() | FEW,
    "min_days_since_last_order": DAYS,
    "max_days_since_last_order": DAYS,
    "min_spent": st.none() | st.floats(0, 50),
    "max_spent": st.none() | st.floats(0, 50),
    "segments": st.lists(st.sampled_from(["vip", "new"]), max_size=1).map(tuple),
    "attributes": st.dictionaries(
        st.sampled_from(["tier", "app"]),
        st.lists(ATTRIBUTE_VALUES, min_size=1, max_size=2).map(tuple),
        max_size=1,
    ),
    "bought": BOUGHT,
    "not_bought": BOUGHT,
    "new_customers_only": st.booleans(),
    "birthday_month": st.booleans(),
    "anniversary_month": st.booleans(),
}


@st.composite
def eligibilities(draw: st.DrawFn) -> Eligibility:
    """Draw a few conditions: a customer hardly ever meets all of them."""
    names = draw(st.lists(st.sampled_from(sorted(CONDITIONS)), max_size=4, unique=True))
    return Eligibility(**{name: draw(CONDITIONS[name]) for name in names})


def _at_least(fact: float | None, limit: float) -> bool:
    return fact is not None and fact >= limit


def _at_most(fact: float | None, limit: float) -> bool:
    return fact is not None and fact <= limit


def _items(facts: CustomerFacts) -> set[str]:
    return {f"i{row}" for row in facts.bought.rows.tolist()} & KNOWN_ITEMS


def _has_attributes(facts: CustomerFacts, asked: Mapping[str, tuple[object, ...]]) -> bool:
    own = facts.profile.attributes
    return all(
        name in own and any(_is_same(own[name], value) for value in values)
        for name, values in asked.items()
    )


def _is_same(one: object, other: object) -> bool:
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _is_anniversary(facts: CustomerFacts, now: datetime) -> bool:
    since = facts.profile.customer_since
    if since is None:
        return False
    day = datetime.fromisoformat(since)
    return day.month == now.month and day.year < now.year


# The rule of each condition in plain Python: facts, the condition's value, the time.
RULES: Mapping[str, Callable[[CustomerFacts, Any, datetime], bool]] = {
    "min_orders": lambda facts, limit, _: _at_least(facts.orders, limit),
    "max_orders": lambda facts, limit, _: _at_most(facts.orders, limit),
    "min_days_since_last_order": lambda facts, limit, _: _at_least(
        facts.days_since_last_order, limit
    ),
    "max_days_since_last_order": lambda facts, limit, _: _at_most(
        facts.days_since_last_order, limit
    ),
    "min_spent": lambda facts, limit, _: _at_least(facts.spent, limit),
    "max_spent": lambda facts, limit, _: _at_most(facts.spent, limit),
    "segments": lambda facts, names, _: bool({*names} & {*facts.profile.segments}),
    "attributes": lambda facts, asked, _: _has_attributes(facts, asked),
    "bought": lambda facts, asked, _: bool({*asked.items} & _items(facts)),
    "not_bought": lambda facts, asked, _: facts.knows_bought and not {*asked.items} & _items(facts),
    "new_customers_only": lambda facts, _, __: facts.orders == 0,
    "birthday_month": lambda facts, _, now: facts.profile.birth_month == now.month,
    "anniversary_month": lambda facts, _, now: _is_anniversary(facts, now),
}


def is_eligible(eligibility: Eligibility, facts: CustomerFacts, now_us: int) -> bool:
    """Check every condition that is set."""
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    return all(
        rule(facts, getattr(eligibility, name), now)
        for name, rule in RULES.items()
        if getattr(eligibility, name) != getattr(ANY_CUSTOMER, name)
    )
