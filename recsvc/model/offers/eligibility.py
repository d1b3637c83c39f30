"""Eligibility as arrays: one customer's facts are checked against all offers at once.

`COMPILERS` has one entry per condition of `domain/offers/eligibility.py`. A condition is either a
limit on one of the customer's numbers, or groups of tokens (segments, attribute values, items
bought …). The customer's own tokens decide which groups are met. An incomplete table raises on
import. A group without tokens, or with a token that no customer ever has, is met by no customer,
also if it is negated.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from recsvc.domain.offers.eligibility import ANY_CUSTOMER, CONDITIONS, Bought
from recsvc.domain.offers.offer import Offer
from recsvc.domain.values.ids import ItemId
from recsvc.domain.values.timestamps import datetime_at
from recsvc.model.artifact.format import Array
from recsvc.model.offers import kernels
from recsvc.model.offers.coverage import CoveredItems
from recsvc.model.offers.inputs import CustomerFacts

LIMITED_FACTS = ("orders", "days_since_last_order", "spent")

Token = tuple[object, ...]
_NEW, _BIRTHDAY, _ANNIVERSARY = ("new",), ("birthday",), ("anniversary",)
_INCOMPLETE_PURCHASES: Token = ("incomplete purchases",)  # the customer may have bought more
# The kinds of token that `EligibilityTable._tokens` gives to customers. Every customer would meet a
# negated group of any other kind.
_TOKEN_KINDS = {
    *("segment", "attribute", "item", "category"),
    *(token[0] for token in (_NEW, _BIRTHDAY, _ANNIVERSARY, _INCOMPLETE_PURCHASES)),
}


@dataclass(frozen=True, slots=True)
class TokenGroup:
    """Tokens of which a customer must have any one or, if `negated`, none."""

    name: str
    tokens: tuple[Token, ...]
    negated: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """An inclusive limit on the number `fact` of a customer."""

    fact: str
    is_minimum: bool


Compiler = Callable[[str, Any, CoveredItems], Iterable[TokenGroup]]


@dataclass(frozen=True, slots=True, eq=False)
class EligibilityTable:
    minima: Array  # (limits, offers) −inf: no limit
    maxima: Array  # (limits, offers) inf: no limit
    unlimited: Array  # (limits, offers) bool
    has_limits: bool
    names: Sequence[str]  # (groups,) condition of each
    offer_rows: Array  # (groups,) the offer of each
    negated: Array  # (groups,) bool
    groups: Mapping[Token, Array]  # rows of the groups that contain a token
    items: frozenset[int]  # rows that any token contains
    item_sets: Array  # (items,) code of the set of categories
    category_tokens: Mapping[int, Sequence[Token]]  # by set: the named categories in it

    def unmet(self, facts: CustomerFacts, now_us: int) -> Array:
        """Mark the offers that the customer is not eligible for. (offers,) bool"""
        unmet: Array = np.zeros(self.minima.shape[1], dtype=bool)
        if self.has_limits:
            unmet = kernels.limits_unmet.run(self.minima, self.maxima, _limited_values(facts))
        if len(self.offer_rows):
            unmet[self.offer_rows[self._groups_unmet(facts, now_us)]] = True
        return unmet

    def first_unmet(self, facts: CustomerFacts, now_us: int) -> dict[int, str]:
        """Return the first unmet condition by offer row."""
        found: dict[int, str] = {}
        limit, offer = self._limits_unmet(facts).nonzero()
        for place, row in zip(limit.tolist(), offer.tolist(), strict=True):
            found.setdefault(row, LIMITED_FACTS[place])
        for group in self._groups_unmet(facts, now_us).nonzero()[0].tolist():
            found.setdefault(int(self.offer_rows[group]), self.names[group])
        return found

    def _limits_unmet(self, facts: CustomerFacts) -> Array:
        """Mark the limits that are not met. An unknown value meets none. (limits, offers) bool"""
        values = _limited_values(facts)[:, None]
        met = (self.minima <= values) & (values <= self.maxima)
        unmet: Array = ~(met | self.unlimited)
        return unmet

    def _groups_unmet(self, facts: CustomerFacts, now_us: int) -> Array:
        """Mark the groups that are not met. (groups,) bool"""
        matched = np.zeros(len(self.offer_rows), dtype=bool)
        for token in self._tokens(facts, now_us):
            matched[self.groups[token]] = True
        unmet: Array = matched == self.negated
        return unmet

    def _tokens(self, facts: CustomerFacts, now_us: int) -> set[Token]:
        """Return the customer's tokens that any offer refers to."""
        own: set[Token] = {("segment", segment) for segment in facts.profile.segments}
        own.update(map(_attribute_token, facts.profile.attributes.items()))
        own.update(_occasion_tokens(facts, now_us))
        if not facts.knows_bought:
            own.add(_INCOMPLETE_PURCHASES)
        if self.items:
            own.update(("item", row) for row in self.items.intersection(facts.bought.rows.tolist()))
        if self.category_tokens:
            rows = facts.bought.rows
            known = (rows >= 0) & (rows < len(self.item_sets))
            sets = self.item_sets[rows[known]].tolist()
            for held in self.category_tokens.keys() & sets:
                own.update(self.category_tokens[held])
        return own & self.groups.keys()


def eligibility_table(offers: Sequence[Offer], items: CoveredItems) -> EligibilityTable:
    """Compile the conditions of all offers."""
    minima = np.full((len(LIMITED_FACTS), len(offers)), -np.inf)
    maxima = np.full((len(LIMITED_FACTS), len(offers)), np.inf)
    groups: list[tuple[int, TokenGroup]] = []
    for name, compiler in COMPILERS.items():
        for row, value in _given(name, offers):
            if isinstance(compiler, Limit):
                limits = minima if compiler.is_minimum else maxima
                limits[LIMITED_FACTS.index(compiler.fact), row] = value
            else:
                groups += [(row, group) for group in _compiled(compiler, name, value, items)]
    unlimited = np.isneginf(minima) & np.isposinf(maxima)
    by_token = _groups_by_token([group for _, group in groups])
    return EligibilityTable(
        minima=minima,
        maxima=maxima,
        unlimited=unlimited,
        has_limits=not unlimited.all(),
        names=[group.name for _, group in groups],
        offer_rows=np.array([row for row, _ in groups], dtype=np.int64),
        negated=np.array([group.negated for _, group in groups], dtype=bool),
        groups=by_token,
        items=_rows_in(by_token, "item"),
        item_sets=items.category_sets,
        category_tokens=_category_tokens_by_set(by_token, items),
    )


def require_compilers(conditions: Iterable[str], compilers: Iterable[str]) -> None:
    """Raise unless every declared condition has a compiler and the reverse."""
    different = {*conditions} ^ {*compilers}
    if different:
        raise TypeError(f"conditions without a compiler, or the reverse: {sorted(different)}")


def _given(name: str, offers: Sequence[Offer]) -> Iterator[tuple[int, Any]]:
    """Yield the row and value of each offer that sets the condition."""
    default = getattr(ANY_CUSTOMER, name)
    for row, offer in enumerate(offers):
        value = getattr(offer.eligibility, name)
        if value is not default and value != default:
            yield row, value


def _compiled(
    compiler: Compiler, name: str, value: object, items: CoveredItems
) -> list[TokenGroup]:
    """Return the groups; an empty result, which every customer would meet, is a group never met."""
    never_met = TokenGroup(name, ())
    groups = [
        group if _is_decidable(group) else never_met for group in compiler(name, value, items)
    ]
    return groups or [never_met]


def _is_decidable(group: TokenGroup) -> bool:
    return bool(group.tokens) and all(token[0] in _TOKEN_KINDS for token in group.tokens)


def _groups_by_token(groups: Sequence[TokenGroup]) -> dict[Token, Array]:
    by_token: dict[Token, list[int]] = {}
    for place, group in enumerate(groups):
        for token in group.tokens:
            by_token.setdefault(token, []).append(place)
    return {token: np.array(places) for token, places in by_token.items()}


def _rows_in(tokens: Iterable[Token], kind: str) -> frozenset[int]:
    return frozenset(token[1] for token in tokens if token[0] == kind and isinstance(token[1], int))


def _category_tokens_by_set(tokens: Iterable[Token], items: CoveredItems) -> dict[int, list[Token]]:
    """Return the tokens of the categories that contain each set's items."""
    by_set: dict[int, list[Token]] = {}
    for token in tokens:
        if token[0] == "category":
            for held in items.sets_within(str(token[1])).tolist():
                by_set.setdefault(held, []).append(token)
    return by_set


def _limited_values(facts: CustomerFacts) -> Array:
    """Return the customer's numbers that limits apply to; NaN: unknown. (limits,)"""
    known = [getattr(facts, fact) for fact in LIMITED_FACTS]
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
    """Return the token of an attribute. True differs from 1, and 1 equals 1.0, as in JSON."""
    name, value = named
    return ("attribute", name, isinstance(value, bool), isinstance(value, str), value)


def _segments(name: str, segments: Sequence[str], _items: CoveredItems) -> Iterator[TokenGroup]:
    yield TokenGroup(name, tuple(("segment", segment) for segment in segments))


def _attributes(
    name: str, attributes: Mapping[str, Sequence[object]], _items: CoveredItems
) -> Iterator[TokenGroup]:
    for attribute, values in attributes.items():
        tokens = tuple(_attribute_token((attribute, value)) for value in values)
        yield TokenGroup(f"{name}.{attribute}", tokens)


def _bought(name: str, bought: Bought, items: CoveredItems) -> Iterator[TokenGroup]:
    yield TokenGroup(name, tuple(_purchase_tokens(bought, items)))


def _not_bought(name: str, bought: Bought, items: CoveredItems) -> Iterator[TokenGroup]:
    tokens = (_INCOMPLETE_PURCHASES, *_purchase_tokens(bought, items))
    yield TokenGroup(name, tokens, negated=True)


def _flag(token: Token) -> Compiler:
    return lambda name, _value, _items: [TokenGroup(name, (token,))]


def _item_tokens(named: Sequence[ItemId], items: CoveredItems) -> Iterator[Token]:
    yield from (("item", row) for row in items.rows(named) if row is not None)


def _category_tokens(named: Sequence[str], items: CoveredItems) -> Iterator[Token]:
    yield from (("category", name) for name in named if len(items.sets_within(name)))


def _purchase_tokens(bought: Bought, items: CoveredItems) -> Iterator[Token]:
    for member, tokens_of in PURCHASE_TOKENS.items():
        yield from tokens_of(getattr(bought, member), items)


# A member of `Bought` without tokens would be ignored, and `not_bought` would admit every customer.
PURCHASE_TOKENS: Mapping[str, Callable[[Any, CoveredItems], Iterator[Token]]] = {
    "items": _item_tokens,
    "categories": _category_tokens,
}

# The groups of an offer are explained in this order.
COMPILERS: Mapping[str, Limit | Compiler] = {
    "min_orders": Limit("orders", is_minimum=True),
    "max_orders": Limit("orders", is_minimum=False),
    "min_days_since_last_order": Limit("days_since_last_order", is_minimum=True),
    "max_days_since_last_order": Limit("days_since_last_order", is_minimum=False),
    "min_spent": Limit("spent", is_minimum=True),
    "max_spent": Limit("spent", is_minimum=False),
    "segments": _segments,
    "attributes": _attributes,
    "bought": _bought,
    "not_bought": _not_bought,
    "new_customers_only": _flag(_NEW),
    "birthday_month": _flag(_BIRTHDAY),
    "anniversary_month": _flag(_ANNIVERSARY),
}
require_compilers(CONDITIONS, COMPILERS)
require_compilers((member.name for member in fields(Bought)), PURCHASE_TOKENS)
