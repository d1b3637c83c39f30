"""Compiled loops over orders: the pairs of columns that orders share, and the rank of a hidden one.

One file, because numba's cache is per file. Arguments are positional. A column is an item or a
category. Sparse matrices arrive as their offsets and columns.
"""

import numpy as np
from numpy.typing import NDArray

from recsvc.model.kernels.jit import compiled, part
from training.dataset.history import Flags, Floats, Rows

Entries = NDArray[np.int32]  # of pairs, of which there are many

_FIRST_CAPACITY = 1 << 16


@compiled(
    "Tuple((int64[::1], int32[::1], int32[::1], int32[::1], int64))"
    "(int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], boolean[::1], int64)",
    trusted=True,
)
def count_pairs(
    order_offsets: Rows,
    order_columns: Rows,
    owners: Rows,
    column_offsets: Rows,
    column_orders: Rows,
    wanted: Flags,
    least: int,
) -> tuple[Rows, Entries, Entries, Entries, int]:
    """Return the partners of the wanted columns that orders of at least `least` customers share.

    Return the offsets of each column's partners, the partners, for each the number of common orders
    and of distinct customers, and the number of partners with enough orders of too few customers.
    `owners` (orders,) is the customer of each order, ascending.
    """
    # Gustavson's sparse product with a dense row of counters. Orders are sorted by customer, so
    # the last customer counted for a partner tells whether the next one is new.
    columns = len(column_offsets) - 1
    offsets = np.zeros(columns + 1, np.int64)
    capacity, found, left_out = _FIRST_CAPACITY, 0, 0
    results = np.empty((3, capacity), np.int32)
    counts, customers = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    last, touched = np.full(columns, -1, np.int64), np.empty(columns, np.int64)
    for column in range(columns):
        partners = 0
        for place in range(column_offsets[column], column_offsets[column + 1]):
            order = column_orders[place]
            if not wanted[column]:
                break
            for other in range(order_offsets[order], order_offsets[order + 1]):
                partner = order_columns[other]
                if counts[partner] == 0:
                    touched[partners] = partner
                    partners += 1
                counts[partner] += 1
                if last[partner] != owners[order]:
                    last[partner] = owners[order]
                    customers[partner] += 1
        if found + partners > capacity:
            capacity = capacity + capacity // 2 + partners
            grown = np.empty((3, capacity), np.int32)
            grown[:, :found] = results[:, :found]
            results = grown
        for place in range(partners):
            partner = touched[place]
            if partner != column and customers[partner] >= least:
                results[0, found] = partner
                results[1, found], results[2, found] = counts[partner], customers[partner]
                found += 1
            elif partner != column and counts[partner] >= least:
                left_out += 1
            counts[partner], customers[partner], last[partner] = 0, 0, -1
        offsets[column + 1] = found
    kept = results[:, :found].copy()
    return offsets, kept[0], kept[1], kept[2], left_out


@compiled(
    "int64[::1](int64[::1], int64[::1], int64[::1], int64[::1], int32[::1], float32[::1], "
    "int64[::1])",
    trusted=True,
)
def rank_hidden(
    basket_offsets: Rows,
    basket_items: Rows,
    hidden: Rows,
    offsets: Rows,
    neighbours: Entries,
    scores: Floats,
    popularity_ranks: Rows,
) -> Rows:
    """Return the rank of each basket's hidden item among all items outside the basket.

    Items with a sum of the basket's neighbour scores come first, by that sum; on equal sums the
    lower row is first. All others follow by popularity. As `sum_votes` does at serving.
    """
    ranks = np.empty(len(hidden), np.int64)
    sums = np.zeros(len(popularity_ranks), np.float64)
    in_basket = np.zeros(len(popularity_ranks), np.bool_)
    touched = np.empty(len(popularity_ranks), np.int64)
    for case in range(len(hidden)):
        basket = basket_items[basket_offsets[case] : basket_offsets[case + 1]]
        in_basket[basket] = True
        voted = 0
        for item in basket:
            for place in range(offsets[item], offsets[item + 1]):
                row = neighbours[place]
                if scores[place] > 0 and not in_basket[row]:
                    if sums[row] == 0:
                        touched[voted] = row
                        voted += 1
                    sums[row] += scores[place]
        wanted = hidden[case]
        own, own_popularity = sums[wanted], popularity_ranks[wanted]
        rank = 1 if own > 0 else 1 + own_popularity
        for place in range(voted):
            row = touched[place]
            if own > 0:
                rank += sums[row] > own or (sums[row] == own and row < wanted)
            else:
                rank += popularity_ranks[row] > own_popularity
            sums[row] = 0
        for item in basket:
            if own == 0 and in_basket[item]:
                rank -= popularity_ranks[item] < own_popularity
            in_basket[item] = False
        ranks[case] = rank
    return ranks


@compiled(
    "Tuple((int64[::1], int64[::1]))(int64[::1], int64[::1], int64[::1], int64)", trusted=True
)
def switched_pairs(offsets: Rows, owners: Rows, items: Rows, items_total: int) -> tuple[Rows, Rows]:
    """Return the pairs of items of consecutive visits of one owner, each in one of the two only.

    A visit is a run of items. A pair is low · items_total + high; the second array is its visit.
    """
    most = 0
    for visit in range(len(owners) - 1):
        if owners[visit] == owners[visit + 1]:
            most += (offsets[visit + 1] - offsets[visit]) * (
                offsets[visit + 2] - offsets[visit + 1]
            )
    pairs, visits = np.empty(most, np.int64), np.empty(most, np.int64)
    found = 0
    for visit in range(len(owners) - 1):
        if owners[visit] != owners[visit + 1]:
            continue
        start, middle, end = offsets[visit], offsets[visit + 1], offsets[visit + 2]
        for left in range(start, middle):
            if _holds(items, middle, end, items[left]):
                continue
            for right in range(middle, end):
                one, other = items[left], items[right]
                if not _holds(items, start, middle, other):
                    pairs[found] = min(one, other) * items_total + max(one, other)
                    visits[found] = visit
                    found += 1
    return pairs[:found].copy(), visits[:found].copy()


@part
def _holds(items: Rows, start: int, end: int, item: int) -> bool:
    for place in range(start, end):  # noqa: SIM110 - numba compiles no generator
        if items[place] == item:
            return True
    return False
