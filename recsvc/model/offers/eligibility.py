"""Eligibility as columns: every customer's facts are held against all offers at once.

Limits are two arrays. What a customer must be one of (segments, values of an attribute, items
bought …) is a group of tokens; a customer's tokens mark the groups that they meet.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.offers.offer import Bought, Eligibility, Offer
from recsvc.domain.values.timestamps import datetime_at
from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.coverage import CoveredItems
from recsvc.model.offers.inputs import CustomerFacts

LIMITS = ("orders", "days_since_last_order", "spent")

Token = tuple[object, ...]
_NEW, _BIRTHDAY, _ANNIVERSARY = ("new",), ("birthday",), ("anniversary",)
_UNKNOWN: Token = ("unknown purchases",)  # of who has it, nobody knows what they did not buy


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """Tokens of which a customer has one or, if `negated`, none."""

    name: str
    tokens: tuple[Token, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class EligibilityTable:
    least: Array  # (limits, offers) −inf: none
    most: Array  # (limits, offers) inf: none
    unlimited: Array  # (limits, offers) bool
    names: Sequence[str]  # (groups,)
    holders: Array  # (groups,) offers
    negated: Array  # (groups,) bool
    groups: Mapping[Token, Array]  # group places by token
    items: frozenset[int]  # rows that any token names
    categories: frozenset[int]
    has_limits: bool

    def unmet(self, facts: CustomerFacts, now_us: int) -> Array:
        """Say which offers the customer is not eligible for. (offers,) bool"""
        unmet: Array = np.zeros(self.least.shape[1], dtype=bool)
        if self.has_limits:
            unmet = kernels.limits_unmet.run(self.least, self.most, _values(facts))
        if len(self.holders):
            unmet[self.holders[self._failed(facts, now_us)]] = True
        return unmet

    def first_unmet(self, facts: CustomerFacts, now_us: int) -> dict[int, str]:
        """Name for each offer the first condition that is not met."""
        found: dict[int, str] = {}
        limit, offer = self._beyond(facts).nonzero()
        for place, row in zip(limit.tolist(), offer.tolist(), strict=True):
            found.setdefault(row, LIMITS[place])
        for place in self._failed(facts, now_us).nonzero()[0].tolist():
            found.setdefault(int(self.holders[place]), self.names[place])
        return found

    def _beyond(self, facts: CustomerFacts) -> Array:
        """Mark the limits that are not kept; what is not known keeps none."""
        values = _values(facts)[:, None]
        kept = (self.least <= values) & (values <= self.most)
        beyond: Array = ~(kept | self.unlimited)
        return beyond

    def _failed(self, facts: CustomerFacts, now_us: int) -> Array:
        """Mark the groups that are not met. (groups,) bool"""
        met = np.zeros(len(self.holders), dtype=bool)
        for token in self._tokens(facts, now_us):
            met[self.groups[token]] = True
        failed: Array = met == self.negated
        return failed

    def _tokens(self, facts: CustomerFacts, now_us: int) -> set[Token]:
        """Return the customer's tokens that any offer asks for."""
        own: set[Token] = {("segment", segment) for segment in facts.profile.segments}
        own.update(map(_attribute_token, facts.profile.attributes.items()))
        own.update(_occasion_tokens(facts, now_us))
        if not facts.knows_bought:
            own.add(_UNKNOWN)
        if self.items:
            own.update(("item", row) for row in self.items.intersection(facts.bought.rows.tolist()))
        if self.categories:
            codes = facts.categories.rows.tolist()
            own.update(("category", code) for code in self.categories.intersection(codes))
        return own & self.groups.keys()


def _values(facts: CustomerFacts) -> Array:
    """Return what limits are held against; NaN: unknown. (limits,)"""
    known = (facts.orders, facts.days_since_last_order, facts.spent)
    return np.array([np.nan if value is None else value for value in known], dtype=np.float64)


def _occasion_tokens(facts: CustomerFacts, now_us: int) -> Iterator[Token]:
    now, profile = datetime_at(now_us), facts.profile
    if facts.orders == 0:
        yield _NEW
    if profile.birth_month == now.month:
        yield _BIRTHDAY
    since = profile.customer_since
    if since is not None and int(since[5:7]) == now.month and int(since[:4]) < now.year:
        yield _ANNIVERSARY


def _attribute_token(named: tuple[str, object]) -> Token:
    """Return what is equal where name and value are; true is not 1, and 1 is 1.0."""
    name, value = named
    return ("attribute", name, isinstance(value, bool), isinstance(value, str), value)


def eligibility_table(offers: Sequence[Offer], items: CoveredItems) -> EligibilityTable:
    each = [offer.eligibility for offer in offers]
    groups = [(row, group) for row, asked in enumerate(each) for group in _groups(asked, items)]
    by_token: dict[Token, list[int]] = {}
    for place, (_, group) in enumerate(groups):
        for token in group.tokens:
            by_token.setdefault(token, []).append(place)
    least = _limits(each, "min", -np.inf)
    most = _limits(each, "max", np.inf)
    unlimited = np.isneginf(least) & np.isposinf(most)
    return EligibilityTable(
        least=least,
        most=most,
        unlimited=unlimited,
        names=[group.name for _, group in groups],
        holders=np.array([row for row, _ in groups], dtype=np.int64),
        negated=np.array([group.negated for _, group in groups], dtype=bool),
        groups={token: np.array(places) for token, places in by_token.items()},
        items=_rows_in(by_token, "item"),
        categories=_rows_in(by_token, "category"),
        has_limits=not unlimited.all(),
    )


def _rows_in(tokens: Iterable[Token], kind: str) -> frozenset[int]:
    return frozenset(token[1] for token in tokens if token[0] == kind and isinstance(token[1], int))


def _limits(each: Sequence[Eligibility], end: str, none: float) -> Array:
    rows = [[getattr(asked, f"{end}_{name}") for asked in each] for name in LIMITS]
    return np.array(
        [[none if value is None else value for value in row] for row in rows], dtype=np.float64
    ).reshape(len(LIMITS), len(each))


def _groups(asked: Eligibility, items: CoveredItems) -> Iterator[TokenGroup]:
    if asked.segments:
        yield TokenGroup("segments", tuple(("segment", segment) for segment in asked.segments))
    for name, values in asked.attributes.items():
        tokens = tuple(_attribute_token((name, value)) for value in values)
        yield TokenGroup(f"attributes.{name}", tokens)
    if asked.bought != Bought():
        yield TokenGroup("bought", tuple(_bought(asked.bought, items)))
    if asked.not_bought != Bought():
        yield TokenGroup("not_bought", (_UNKNOWN, *_bought(asked.not_bought, items)), negated=True)
    if asked.new_customers_only:
        yield TokenGroup("new_customers_only", (_NEW,))
    if asked.birthday_month:
        yield TokenGroup("birthday_month", (_BIRTHDAY,))
    if asked.anniversary_month:
        yield TokenGroup("anniversary_month", (_ANNIVERSARY,))


def _bought(bought: Bought, items: CoveredItems) -> Iterable[Token]:
    yield from (("item", row) for row in items.rows(bought.items) if row is not None)
    codes = map(items.category, bought.categories)
    yield from (("category", code) for code in codes if code is not None)
