"""The candidate lists of each slate, in the order in which they fill an answer.

The functions are generators: a list is computed only if the lists before it did not fill the
answer.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import assert_never

from recsvc.domain.catalogue.category_paths import lineage
from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import AnonymousSlate, CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.values.ids import ItemId
from recsvc.model.kernels.kernels import BOUGHT
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.neighbour_votes import votes
from recsvc.model.ranking.purchase_ranking import raised_by_purchases, ranked_by_history
from recsvc.model.ranking.recent_interest import RecentInterest, reranked
from recsvc.model.registry.candidates import Candidates
from recsvc.usecases.recommend.personal_context import PersonalContext

Lists = Iterable[Candidates]


@dataclass(frozen=True, slots=True)
class CustomerSlateRule:
    """`adds_items`: items that are not on the customer's list may follow it (top-up, recent votes).

    `shows_bought`: items that the customer has bought may be in the answer.
    """

    adds_items: bool
    shows_bought: bool


_FOR_YOU = CustomerSlateRule(adds_items=True, shows_bought=True)
_DISCOVER = CustomerSlateRule(adds_items=True, shows_bought=False)
_BUY_AGAIN = CustomerSlateRule(adds_items=False, shows_bought=True)


def rule_of(slate: CustomerSlate) -> CustomerSlateRule:
    match slate:
        case CustomerSlate.FOR_YOU:
            return _FOR_YOU
        case CustomerSlate.DISCOVER:
            return _DISCOVER
        case CustomerSlate.BUY_AGAIN:
            return _BUY_AGAIN
        case _:
            assert_never(slate)


def anonymous_lists(
    live_items: LiveItems, slate: AnonymousSlate, query: ListQuery
) -> Iterator[Candidates]:
    match slate:
        case AnonymousSlate.POPULAR:
            return popular_lists(live_items, query)
        case AnonymousSlate.TRENDING:
            return _trending_lists(live_items, query)
        case _:
            assert_never(slate)


def popular_lists(live_items: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    """Yield the context item's neighbours if there is one, popular items, all other items."""
    yield from _context_neighbours(live_items, query)
    yield from _remaining_items(live_items, query)


def _trending_lists(live_items: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    """Yield items trending in recent events, items trending at training time, all other items."""
    yield from _context_neighbours(live_items, query)
    yield live_items.trending()
    yield live_items.model.trending()
    yield from _remaining_items(live_items, query)


def category_lists(live_items: LiveItems, rows: Sequence[int]) -> Iterator[Candidates]:
    """Yield the best items of the category of an item, then of its parents, the nearest first."""
    for row in rows:
        category = live_items.category_of(row)
        if category is not None:
            yield from map(live_items.best_of, lineage(category))


def neighbour_lists(
    live_items: LiveItems, slates: Sequence[ItemSlate], rows: Sequence[int]
) -> Iterator[Candidates]:
    """Yield the neighbours of some items, one list per slate.

    Every item votes, because the trainer judges the sum over a whole basket.
    """
    for slate in slates:
        yield votes(live_items.model, slate, rows, most_voters=len(rows))


def history_list(
    live_items: LiveItems, personal: PersonalContext, slate: CustomerSlate
) -> Candidates | None:
    """Rank items by the purchase history; None without a purchase in it."""
    if not len(personal.history.rows):
        return None
    rule = rule_of(slate)
    return ranked_by_history(
        live_items,
        personal.history,
        personal.now_seconds,
        shows_bought=rule.shows_bought,
        adds_items=rule.adds_items,
    )


def own_list(
    live_items: LiveItems, personal: PersonalContext, slate: CustomerSlate
) -> Candidates | None:
    """Return the list of the model with later purchases, else the one of the history, if any."""
    own = live_items.model.customer_slate(personal.admitted, slate)
    if own is None:
        return history_list(live_items, personal, slate)
    return with_new_purchases(live_items, personal, slate, own)


def with_new_purchases(
    live_items: LiveItems, personal: PersonalContext, slate: CustomerSlate, own: Candidates
) -> Candidates:
    """Add to the model's list what the purchases since the end of its data say."""
    share = live_items.model.purchases_share
    if not share or not len(personal.new_purchases.rows):
        return own
    rule = rule_of(slate)
    return raised_by_purchases(
        live_items,
        own,
        personal.new_purchases,
        personal.now_seconds,
        share,
        shows_bought=rule.shows_bought,
        adds_items=rule.adds_items,
    )


def customer_lists(
    live_items: LiveItems,
    query: ListQuery,
    personal: PersonalContext,
    slate: CustomerSlate,
    own: Candidates,
    seen: set[int],
) -> Iterator[Candidates]:
    """Yield the customer's list, reranked by recent events, then its top-up.

    With a context item, its neighbours that are on the customer's list come first. Items on
    cooldown come last, if the slate shows bought items.
    """
    rule = rule_of(slate)
    on_cooldown = _exclude_on_cooldown(personal.interest, seen)
    knows_bought = personal.interest is not None or len(personal.history.rows) > 0
    if not rule.shows_bought and knows_bought:
        seen.update(_bought(live_items, personal))
    for neighbours in _context_neighbours(live_items, query):
        listed = set(own.items.tolist())
        places = [place for place, row in enumerate(neighbours.items.tolist()) if row in listed]
        yield neighbours.at(places)
    yield _reranked(own, personal.interest, adds_items=rule.adds_items)
    if rule.adds_items:
        if not rule.shows_bought and not knows_bought:
            seen.update(_bought(live_items, personal))  # not read if the list filled the answer
        yield from _top_up_lists(live_items, query, personal)
    if rule.shows_bought and on_cooldown:
        seen -= on_cooldown
        yield own
        if rule.adds_items:
            yield from _remaining_items(live_items, query)


def basket_lists(
    live_items: LiveItems,
    query: ListQuery,
    basket: Sequence[int],
    personal: PersonalContext | None,
    own: Candidates,
    seen: set[int],
) -> Iterator[Candidates]:
    """Yield the basket's neighbours, the customer's list, popular items, items on cooldown.

    Sensitive items of the basket cast no vote.
    """
    interest = None if personal is None else personal.interest
    on_cooldown = _exclude_on_cooldown(interest, seen)
    voters = [row for row in basket if not live_items.is_sensitive(row)]
    yield from neighbour_lists(live_items, [ItemSlate.BOUGHT_TOGETHER, ItemSlate.SIMILAR], voters)
    yield _reranked(own, interest, adds_items=rule_of(CustomerSlate.FOR_YOU).adds_items)
    yield from popular_lists(live_items, query)
    if on_cooldown:
        seen -= on_cooldown
        yield own
        yield from _remaining_items(live_items, query)


def _reranked(own: Candidates, interest: RecentInterest | None, *, adds_items: bool) -> Candidates:
    return own if interest is None else reranked(own, interest, adds_items=adds_items)


def _exclude_on_cooldown(interest: RecentInterest | None, seen: set[int]) -> set[int]:
    """Add items on cooldown to `seen`; return those that were added."""
    on_cooldown = set() if interest is None else set(interest.on_cooldown()) - seen
    seen |= on_cooldown
    return on_cooldown


def _top_up_lists(
    live_items: LiveItems, query: ListQuery, personal: PersonalContext
) -> Iterator[Candidates]:
    yield from _context_neighbours(live_items, query)
    if not query.filters.is_empty:
        sensitive = live_items.sensitive
        yield votes(
            live_items.model,
            ItemSlate.SIMILAR,
            (
                row
                for row in _bought(live_items, personal)
                if not sensitive.item(row) and row not in personal.dismissed
            ),
            reason=ReasonCode.BECAUSE_YOU_BOUGHT,
            item_filter=live_items.item_filter(query.filters),
        )
    yield from _remaining_items(live_items, query)


def _bought(live_items: LiveItems, personal: PersonalContext) -> Iterator[int]:
    """Yield the rows that recent events, history and the customer's own lists show as bought."""
    interest = personal.interest
    recent = () if interest is None else sorted(interest.bought[:, BOUGHT].tolist())
    return chain(recent, personal.history.rows.tolist(), live_items.model.bought(personal.admitted))


def rows_of(live_items: LiveItems, items: Iterable[ItemId]) -> list[int]:
    """Return the rows of the items that the model or the catalogue knows."""
    found = (live_items.row(item) for item in items)
    return [row for row in found if row is not None]


def _context_neighbours(live_items: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    """Yield the neighbours of the context item. Sensitive items have none and are none."""
    if query.context_item is not None:
        sensitive = live_items.sensitive
        rows = [row for row in rows_of(live_items, [query.context_item]) if not sensitive[row]]
        found = votes(live_items.model, ItemSlate.SIMILAR, rows)
        is_hidden = sensitive[found.items]
        yield found.at((~is_hidden).nonzero()[0]) if is_hidden.any() else found


def _remaining_items(live_items: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    yield live_items.popular(query.filters)
    yield live_items.trending_outside_model()
    yield live_items.unranked()
