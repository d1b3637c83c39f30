"""The candidates behind each list, the best first, one list after the other.

They are generators: what tops a list up is computed only where the list needs it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from recsvc.domain.catalogue.list_query import ListQuery
from recsvc.domain.catalogue.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.domain.values.ids import ItemId
from recsvc.model.kernels.kernels import BOUGHT
from recsvc.model.ranking.diversity import POOL, diversified
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.ranking.neighbour_votes import votes
from recsvc.model.ranking.recent_interest import RecentInterest, steered
from recsvc.model.registry.candidates import Candidates, RankedItems, fill
from recsvc.usecases.recommend.personal_context import PersonalContext

Lists = Iterable[Candidates]


def picks_of(assortment: LiveItems, query: ListQuery, lists: Lists, seen: set[int]) -> RankedItems:
    """Choose the query's items from the lists: what may be offered, passes and was not seen.

    The lists, while they are asked for one by one, may add to what counts as seen.
    """
    seen.update(rows_of(assortment, query.exclude))
    if query.context_item is not None:
        seen.update(rows_of(assortment, [query.context_item]))
    n = query.n * POOL if query.diversity else query.n
    picks = fill(n, lists, seen, assortment.sieve(query.filters))
    if query.diversity:
        return diversified(picks, query.n, query.diversity, assortment)
    return picks


def popular(assortment: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    """Yield what goes with the context item, if there is one; what is popular; the rest."""
    yield from _context(assortment, query)
    yield from _rest(assortment, query)


def trending(assortment: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    """Yield what events say is wanted now, then what was when the model was made; the rest."""
    yield from _context(assortment, query)
    yield assortment.wanted()
    yield assortment.model.trending()
    yield from _rest(assortment, query)


def around(
    assortment: LiveItems, slates: Sequence[ItemSlate], seeds: Sequence[int]
) -> Iterator[Candidates]:
    """Yield what goes with the seeds, slate by slate."""
    for slate in slates:
        yield votes(assortment.model, slate, seeds)


def personal(
    assortment: LiveItems,
    query: ListQuery,
    person: PersonalContext,
    slate: CustomerSlate,
    own: Candidates,
    seen: set[int],
) -> Iterator[Candidates]:
    """Yield the customer's list, as recent events steer it, and what tops it up.

    With a context item those of its neighbours come first that are on the list. `buy_again` is
    topped up with nothing; `discover` counts all that was bought as seen before it is. What was
    just bought comes last of all.
    """
    resting = _set_aside(person.interest, seen)
    if slate is CustomerSlate.DISCOVER and person.interest is not None:
        seen.update(_bought(assortment, person))
    for neighbours in _context(assortment, query):
        listed = set(own.items.tolist())
        places = [place for place, row in enumerate(neighbours.items.tolist()) if row in listed]
        yield neighbours.at(places)
    yield _steered(own, person.interest, slate)
    if slate is not CustomerSlate.BUY_AGAIN:
        yield from _topping_up(assortment, query, person, slate, seen)
    if slate is not CustomerSlate.DISCOVER and resting:
        seen -= resting
        yield own
        if slate is not CustomerSlate.BUY_AGAIN:
            yield from _rest(assortment, query)


def completing(
    assortment: LiveItems,
    query: ListQuery,
    basket: Sequence[int],
    person: PersonalContext | None,
    own: Candidates,
    seen: set[int],
) -> Iterator[Candidates]:
    """Yield what goes with a basket, the customer's list, what is popular, what was just bought."""
    interest = None if person is None else person.interest
    resting = _set_aside(interest, seen)
    yield from around(assortment, [ItemSlate.BOUGHT_TOGETHER, ItemSlate.SIMILAR], basket)
    yield _steered(own, interest, CustomerSlate.FOR_YOU)
    yield from popular(assortment, query)
    if resting:
        seen -= resting
        yield own
        yield from _rest(assortment, query)


def _steered(own: Candidates, interest: RecentInterest | None, slate: CustomerSlate) -> Candidates:
    """Let recent events have their say: nothing enters `buy_again` that was never bought."""
    if interest is None:
        return own
    return steered(own, interest, newcomers=slate is not CustomerSlate.BUY_AGAIN)


def _set_aside(interest: RecentInterest | None, seen: set[int]) -> set[int]:
    """Count what was just bought as seen for now; return what was not seen already."""
    resting = set() if interest is None else set(interest.resting()) - seen
    seen |= resting
    return resting


def _topping_up(
    assortment: LiveItems,
    query: ListQuery,
    person: PersonalContext,
    slate: CustomerSlate,
    seen: set[int],
) -> Iterator[Candidates]:
    if slate is CustomerSlate.DISCOVER and person.interest is None:
        seen.update(_bought(assortment, person))
    yield from _context(assortment, query)
    if not query.filters.is_empty:
        sensitive = assortment.sensitive
        yield votes(
            assortment.model,
            ItemSlate.SIMILAR,
            (row for row in _bought(assortment, person) if not sensitive.item(row)),
            reason=ReasonCode.BECAUSE_YOU_BOUGHT,
            sieve=assortment.sieve(query.filters),
        )
    yield from _rest(assortment, query)


def _bought(assortment: LiveItems, person: PersonalContext) -> Iterator[int]:
    """Yield what recent events and the customer's own lists show as bought."""
    lately = () if person.interest is None else sorted(person.interest.bought[:, BOUGHT].tolist())
    return chain(lately, assortment.model.bought(person.admitted))


def rows_of(assortment: LiveItems, items: Iterable[ItemId]) -> list[int]:
    """Return the rows of those items that anybody knows."""
    found = (assortment.row(item) for item in items)
    return [row for row in found if row is not None]


def _context(assortment: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    if query.context_item is not None:
        seeds = rows_of(assortment, [query.context_item])
        yield votes(assortment.model, ItemSlate.SIMILAR, seeds)


def _rest(assortment: LiveItems, query: ListQuery) -> Iterator[Candidates]:
    yield assortment.popular(query.filters)
    yield assortment.newly_wanted()
    yield assortment.unranked()
