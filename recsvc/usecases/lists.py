"""The candidates behind each list, the best first, one list after the other.

They are generators: what tops a list up is computed only where the list needs it.
"""

from collections.abc import Iterable, Iterator, Sequence

from recsvc.domain.filters import ListQuery
from recsvc.domain.gate import Admitted
from recsvc.domain.ids import ItemId
from recsvc.domain.slates import CustomerSlate, ItemSlate, ReasonCode
from recsvc.model.assortment import Assortment
from recsvc.model.candidates import Candidates, Picks, fill
from recsvc.model.diversity import POOL, diversified
from recsvc.model.votes import votes

Lists = Iterable[Candidates]


def picks_of(assortment: Assortment, query: ListQuery, lists: Lists, seen: set[int]) -> Picks:
    """Choose the query's items from the lists: what may be offered, passes and was not seen.

    The lists, while they are asked for one by one, may add to what counts as seen.
    """
    seen.update(rows_of(assortment, query.exclude))
    if query.context_item is not None:
        seen.update(rows_of(assortment, [query.context_item]))
    filters = query.filters
    picks = fill(
        query.n * POOL if query.diversity else query.n,
        lists,
        seen,
        withheld=assortment.withheld,
        passing=None if filters.is_empty else lambda rows: assortment.passing(rows, filters),
    )
    if query.diversity:
        return diversified(picks, query.n, query.diversity, assortment)
    return picks


def popular(assortment: Assortment, query: ListQuery) -> Iterator[Candidates]:
    """Yield what goes with the context item, if there is one; what is popular; the rest."""
    yield from _context(assortment, query)
    yield from _rest(assortment, query)


def trending(assortment: Assortment, query: ListQuery) -> Iterator[Candidates]:
    yield from _context(assortment, query)
    yield assortment.model.trending()
    yield from _rest(assortment, query)


def around(
    assortment: Assortment, slates: Sequence[ItemSlate], seeds: Sequence[int]
) -> Iterator[Candidates]:
    """Yield what goes with the seeds, slate by slate."""
    for slate in slates:
        yield votes(assortment.model, slate, seeds)


def personal(
    assortment: Assortment,
    query: ListQuery,
    admitted: Admitted,
    slate: CustomerSlate,
    own: Candidates,
    seen: set[int],
) -> Iterator[Candidates]:
    """Yield the customer's list and, but for `buy_again`, what tops it up.

    With a context item those of its neighbours come first that are on the list. `discover`
    counts all that was bought as seen before it is topped up.
    """
    for neighbours in _context(assortment, query):
        listed = set(own.items.tolist())
        places = [place for place, row in enumerate(neighbours.items.tolist()) if row in listed]
        yield neighbours.at(places)
    yield own
    if slate is CustomerSlate.BUY_AGAIN:
        return
    bought = assortment.model.bought
    if slate is CustomerSlate.DISCOVER:
        seen.update(bought(admitted))
    yield from _context(assortment, query)
    if not query.filters.is_empty:
        sensitive = assortment.sensitive
        yield votes(
            assortment.model,
            ItemSlate.SIMILAR,
            (row for row in bought(admitted) if row not in sensitive),
            reason=ReasonCode.BECAUSE_YOU_BOUGHT,
            passing=lambda rows: assortment.passing(rows, query.filters),
        )
    yield from _rest(assortment, query)


def rows_of(assortment: Assortment, items: Iterable[ItemId]) -> list[int]:
    """Return the rows of those items that anybody knows."""
    found = (assortment.row(item) for item in items)
    return [row for row in found if row is not None]


def _context(assortment: Assortment, query: ListQuery) -> Iterator[Candidates]:
    if query.context_item is not None:
        seeds = rows_of(assortment, [query.context_item])
        yield votes(assortment.model, ItemSlate.SIMILAR, seeds)


def _rest(assortment: Assortment, query: ListQuery) -> Iterator[Candidates]:
    yield assortment.popular(query.filters)
    yield assortment.unknown_to_model()
