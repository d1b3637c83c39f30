"""Compiled loops of a decision on offers: over a customer's purchases and the offers they affect.

Each kernel replaces dozens of numpy calls on short arrays, whose overhead would dominate. Kernels
hold the interpreter lock. They are compiled for the exact types in their signatures.
"""

import numpy as np

from recsvc.model.artifact.format import Array
from recsvc.model.kernels.jit import compiled, part

NONE = -1
NO_GROUP = -1
POPULARITY_SHARE = 1e-4
MIN_TOTAL = 1e-9  # a smaller total counts as no spend: the division would only amplify rounding


@compiled(
    "Tuple((int64[::1], float64[::1]))(int32[:], float32[:], boolean[:], int64[:], float64[:])"
)
def merge_purchases(
    items: Array, weights: Array, sensitive: Array, since: Array, since_weights: Array
) -> tuple[Array, Array]:
    """Merge recent purchases into the model's, without sensitive items.

    Return distinct rows and their weights.
    """
    rows = np.empty(len(items) + len(since), np.int64)
    sums = np.empty(len(items) + len(since), np.float64)
    found = 0
    for place in range(len(items)):
        if not sensitive[items[place]]:
            rows[found], sums[found] = items[place], weights[place]
            found += 1
    for later in range(len(since)):
        row = since[later]
        if row < 0 or row >= len(sensitive) or sensitive[row]:
            continue
        place = 0
        while place < found and rows[place] != row:  # a few dozen rows: no hash table is faster
            place += 1
        if place == found:
            rows[place], sums[place] = row, 0.0
            found += 1
        sums[place] += since_weights[later]
    return rows[:found], sums[:found]


@compiled("Tuple((int64[::1], float64[::1]))(int64[:], float64[:], int32[:])")
def sum_by_category(rows: Array, weights: Array, categories: Array) -> tuple[Array, Array]:
    """Sum weights by category. Return the codes, ascending, and the sums."""
    most = NONE
    for row in rows:
        if row < len(categories):
            most = max(most, categories[row])
    sums = np.zeros(most + 1, np.float64)
    for place in range(len(rows)):
        if rows[place] < len(categories) and categories[rows[place]] >= 0:
            sums[categories[rows[place]]] += weights[place]
    held = sums.nonzero()[0]
    return held, sums[held]


@part
def add_coverage(
    spend: Array,
    rows: Array,
    weights: Array,
    offsets: Array,
    offers: Array,
    shares: Array,
) -> float:
    """Add each row's weight to the offers that cover it, in place; return the total weight."""
    whole = 0.0
    for place in range(len(rows)):
        row, weight = rows[place], weights[place]
        if row + 1 >= len(offsets):  # the item is newer than the index
            continue
        whole += weight
        for entry in range(offsets[row], offsets[row + 1]):
            part_of_it = weight * shares[entry] if len(shares) else weight
            spend[offers[entry]] += part_of_it
    return whole


@part
def top_contributors(
    rows: Array, weights: Array, offsets: Array, offers: Array, total: int
) -> Array:
    """Return the row with the greatest weight for each offer, of ties the last; NONE: no row."""
    top_purchases = np.full(total, NONE, np.int64)
    most = np.zeros(total, np.float64)
    for given in range(len(rows)):
        row, weight = rows[given], weights[given]
        if row + 1 >= len(offsets) or weight <= 0:
            continue
        for entry in range(offsets[row], offsets[row + 1]):
            if weight >= most[offers[entry]]:
                top_purchases[offers[entry]], most[offers[entry]] = row, weight
    return top_purchases


@compiled(
    "Tuple((float64[::1], float64[::1], float64[::1], float64[::1], int64[::1]))"
    "(int64[:], float64[:], int64[:], int32[:], float64[:],"
    " int64[:], float64[:], int64[:], int32[:], float64[:],"
    " boolean[:], float64[:], float64[:], float64[:], float64[:])"
)
def score_offers(
    bought: Array,
    bought_weights: Array,
    offsets: Array,
    offers: Array,
    shares: Array,
    categories: Array,
    category_weights: Array,
    category_offsets: Array,
    category_offers: Array,
    category_shares: Array,
    covers_all: Array,
    specificity: Array,
    popularity: Array,
    log_refusal: Array,
    worth: Array,
) -> tuple[Array, Array, Array, Array, Array]:
    """Score every offer. Return (offers,) arrays: share of spend, lift, probability, worth, and the
    row of the top purchase or NONE.

    The arguments are the columns of `CustomerFacts`, `CoverageIndex` and `OfferPerformance`, since
    a compiled function takes arrays only.
    """
    total = len(covers_all)
    spend = np.zeros(total, np.float64)
    whole = add_coverage(spend, bought, bought_weights, offsets, offers, shares)
    if not spend.any():  # no covered purchase: fall back to categories
        whole = add_coverage(
            spend,
            categories,
            category_weights,
            category_offsets,
            category_offers,
            category_shares,
        )
    lift = np.empty(total, np.float64)
    mean = 0.0
    for offer in range(total):
        if whole > MIN_TOTAL:
            spend[offer] = 1.0 if covers_all[offer] else spend[offer] / whole
        else:
            spend[offer] = 0.0
        lift[offer] = spend[offer] * specificity[offer] + POPULARITY_SHARE * popularity[offer]
        mean += lift[offer]
    mean /= max(total, 1)
    probability = np.empty(total, np.float64)
    value = np.empty(total, np.float64)
    for offer in range(total):
        lift[offer] = lift[offer] / mean if mean > 0 else 1.0
        probability[offer] = -np.expm1(lift[offer] * log_refusal[offer])
        value[offer] = probability[offer] * worth[offer]
    return (
        spend,
        lift,
        probability,
        value,
        top_contributors(bought, bought_weights, offsets, offers, total),
    )


@part
def insert_best(
    taken: Array,
    found: int,
    begin: int,
    end: int,
    permitted: Array,
    is_fallback: Array,
    fallback: bool,
    groups: Array,
    value: Array,
) -> int:
    """Insert the best offers of one priority after those taken; return the new number taken.

    An insertion sort into the free places: n is small, and most rows are rejected by one
    comparison. Ties keep the order of rows. Of an exclusive group one offer is taken: a better one
    of the same priority replaces it, an offer of an earlier priority stays.
    """
    first = found
    for row in range(begin, end):
        if not permitted[row] or is_fallback[row] != fallback:
            continue
        is_full = found == len(taken)
        # With all places taken, a row must beat the last place, and that place's priority.
        if is_full and (first == found or value[row] <= value[taken[found - 1]]):
            continue
        same_group = NONE
        if groups[row] != NO_GROUP:
            for place in range(found):
                if groups[taken[place]] == groups[row]:
                    same_group = place
        if same_group != NONE:
            # Rows before `first` have a higher priority, so their group is closed.
            if same_group < first or value[row] <= value[taken[same_group]]:
                continue
            slot = same_group
        else:
            slot = found - 1 if is_full else found
            found = found if is_full else found + 1
        while slot > first and value[taken[slot - 1]] < value[row]:
            taken[slot] = taken[slot - 1]
            slot -= 1
        taken[slot] = row
    return found


@compiled("int64[::1](boolean[:], boolean[:], int64[:,:], int64[:], float64[:], int64)")
def choose_offers(
    permitted: Array, is_fallback: Array, tiers: Array, groups: Array, value: Array, most: int
) -> Array:
    """Return the chosen rows, best first, by priority; fallbacks only if there is nothing else."""
    taken = np.empty(most, np.int64)
    found = 0
    for fallback in (False, True):
        for tier in range(len(tiers)):
            found = insert_best(
                taken,
                found,
                tiers[tier, 0],
                tiers[tier, 1],
                permitted,
                is_fallback,
                fallback,
                groups,
                value,
            )
            if found == most:
                break
        if found:
            break
    return taken[:found]


@compiled("boolean[::1](float64[:,:], float64[:,:], float64[:])")
def limits_unmet(least: Array, most: Array, values: Array) -> Array:
    """Mark the offers with an unmet limit. An unknown value (NaN) meets no limit. (offers,) bool"""
    found = np.zeros(least.shape[1], np.bool_)
    for limit in range(len(values)):
        value = values[limit]
        for offer in range(least.shape[1]):
            low, high = least[limit, offer], most[limit, offer]
            # NaN fails the first test; the second exempts offers without this limit.
            if not (low <= value <= high) and not (np.isneginf(low) and np.isposinf(high)):
                found[offer] = True
    return found
