"""Order the items that a caller brings by a customer's list, then by popularity. Pure.

The cost is bounded by the number of items and the length of the list.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from recsvc.domain.catalogue.list_query import Filters
from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.domain.values.ids import ItemId
from recsvc.model.artifact.format import Array
from recsvc.model.kernels.kernels import UNKNOWN_ROW, order_given
from recsvc.model.ranking.live_items import LiveItems
from recsvc.model.registry.candidates import Candidates, RankedItems


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """The known items, best first, and the unknown ones that follow them.

    `uses_own`: the customer's list or the items to put last changed the order.
    """

    known: RankedItems
    known_ids: list[ItemId]
    unknown: list[ItemId]
    uses_own: bool


def given_order(
    live_items: LiveItems,
    items: Sequence[ItemId],
    own: Candidates,
    last: Collection[int],
    filters: Filters,
    n: int,
) -> GivenOrder:
    """Order distinct items; return the first n.

    `own`: the customer's list, scores above 0. `last`: rows that come after all other known rows.
    Known items that are not available or do not pass the filters are left out, and unknown ones if
    there is a filter. Equal items keep their order.
    """
    rows = live_items.rows_of(items)
    places, at_own = order_given.run(
        rows,
        own.items,
        own.scores,
        np.fromiter(last, np.int64, len(last)),
        live_items.model.appeal,
        live_items.item_filter(filters),
    )
    uses_own = len(at_own) > 0 and at_own.max() != UNKNOWN_ROW
    if last and not uses_own:
        uses_own = not set(last).isdisjoint(rows.tolist())
    places = places[:n]
    ordered = [items[place] for place in places.tolist()]
    known = int(np.count_nonzero(rows[places] != UNKNOWN_ROW))
    ranked = _ranked(rows[places[:known]], own, at_own[:known])
    return GivenOrder(ranked, ordered[:known], ordered[known:], bool(uses_own))


def _ranked(rows: Array, own: Candidates, at_own: Array) -> RankedItems:
    if not len(own):
        return RankedItems(rows.tolist(), [_POPULAR] * len(rows), [None] * len(rows))
    is_own = at_own != UNKNOWN_ROW  # other rows read the last entry of the list, which is replaced
    reasons: list[int] = np.where(is_own, own.reasons[at_own], _POPULAR).tolist()
    if own.reason_items is None:
        return RankedItems(rows.tolist(), reasons, [None] * len(rows))
    named = np.where(is_own, own.reason_items[at_own], UNKNOWN_ROW).tolist()
    return RankedItems(
        rows.tolist(), reasons, [None if row == UNKNOWN_ROW else row for row in named]
    )


_POPULAR = int(ReasonCode.POPULAR)
