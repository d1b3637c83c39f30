"""Compiled loops of `similar_pool`: the greatest products of sparse rows, and products of pairs.

One file, because numba's cache is per file.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsvc.model.kernels.jit import compiled, part
from training.dataset.history import Floats, Rows

Columns = NDArray[np.int32]
Parts = tuple[Rows, Columns, Floats]


@dataclass(frozen=True, slots=True)
class Divisors:
    """The product of two rows is divided by their lengths' product + `shrinkage`.

    It is 0 if the rows have fewer than `least` common columns.
    """

    lengths: Floats  # (rows,)
    other_lengths: Floats  # (others,)
    shrinkage: float
    least: int


@dataclass(frozen=True, slots=True)
class Permitted:
    """Pairs of a row and an other that may be found."""

    rows: Rows  # (rows,) the own place among the others, which is left out
    groups: Rows  # (rows,) -1: any other, else those of the group
    other_groups: Rows  # (others,)


def parts_of(matrix: sparse.csr_array) -> Parts:
    """Return offsets, indices and values in the types of the loops."""
    return (
        np.ascontiguousarray(matrix.indptr, np.int64),
        np.ascontiguousarray(matrix.indices, np.int32),
        np.ascontiguousarray(matrix.data, np.float32),
    )


def greatest_products(
    left: Parts, right: Parts, divisors: Divisors, permitted: Permitted, k: int
) -> Columns:
    """Return the k others with the greatest products above 0 of each row, the best first.

    `left` is rows × terms, `right` terms × others. Equal products are ordered by column, -1 pads.
    """  # (rows, k)
    found = np.full((len(left[0]) - 1, k), -1, np.int32)
    scale = np.array([divisors.shrinkage, divisors.least], np.float64)
    _greatest.run(
        *left,
        *right,
        np.ascontiguousarray(divisors.lengths, np.float32),
        np.ascontiguousarray(divisors.other_lengths, np.float32),
        scale,
        np.ascontiguousarray(permitted.rows, np.int64),
        np.ascontiguousarray(permitted.groups, np.int64),
        np.ascontiguousarray(permitted.other_groups, np.int64),
        found,
    )
    return found


def pair_products(left: Parts, others: Parts, pairs: Rows, terms: int) -> tuple[Floats, Rows]:
    """Return the product and the number of common terms of each row with its `pairs`.

    `left` is rows × terms, `others` is others × terms, `pairs` (rows, width) are rows of `others`.
    """  # (rows, width), (rows, width)
    sums = np.zeros(pairs.shape, np.float32)
    counts = np.zeros(pairs.shape, np.int64)
    _pairs.run(*left, *others, np.ascontiguousarray(pairs, np.int64), terms, sums, counts)
    return sums, counts


@part
def _insert(
    best: NDArray[np.float64], others: Columns, filled: int, score: float, other: int
) -> int:
    """Insert an other into the best ones, equal scores by column; return their number."""
    if filled == len(best):
        last = best[filled - 1]
        if score < last or (score == last and other > others[filled - 1]):
            return filled
        filled -= 1
    place = filled
    while place > 0 and (
        score > best[place - 1] or (score == best[place - 1] and other < others[place - 1])
    ):
        best[place], others[place] = best[place - 1], others[place - 1]
        place -= 1
    best[place], others[place] = score, other
    return filled + 1


@compiled(
    "void(int64[::1], int32[::1], float32[::1], int64[::1], int32[::1], float32[::1], "
    "float32[::1], float32[::1], float64[::1], int64[::1], int64[::1], int64[::1], int32[:, ::1])",
    trusted=True,
)
def _greatest(
    left_offsets: Rows,
    left_columns: Columns,
    left_values: Floats,
    right_offsets: Rows,
    right_columns: Columns,
    right_values: Floats,
    lengths: Floats,
    other_lengths: Floats,
    scale: NDArray[np.float64],
    own: Rows,
    groups: Rows,
    other_groups: Rows,
    found: Columns,
) -> None:
    sums = np.zeros(len(other_lengths), np.float32)
    counts = np.zeros(len(other_lengths), np.int32)
    touched = np.empty(len(other_lengths), np.int32)
    best = np.empty(found.shape[1], np.float64)
    for row in range(len(left_offsets) - 1):
        number = 0
        for place in range(left_offsets[row], left_offsets[row + 1]):
            value, term = left_values[place], left_columns[place]
            for at in range(right_offsets[term], right_offsets[term + 1]):
                other = right_columns[at]
                if counts[other] == 0:
                    touched[number] = other
                    number += 1
                sums[other] += value * right_values[at]
                counts[other] += 1
        filled = 0
        for at in range(number):
            other = touched[at]
            score = float(sums[other]) / (lengths[row] * other_lengths[other] + scale[0])
            enough = counts[other] >= scale[1]
            sums[other], counts[other] = 0, 0
            inside = groups[row] < 0 or groups[row] == other_groups[other]
            if not enough or not inside or other == own[row] or score <= 0:
                continue
            filled = _insert(best, found[row], filled, score, other)


@compiled(
    "void(int64[::1], int32[::1], float32[::1], int64[::1], int32[::1], float32[::1], "
    "int64[:, ::1], int64, float32[:, ::1], int64[:, ::1])",
    trusted=True,
)
def _pairs(
    left_offsets: Rows,
    left_columns: Columns,
    left_values: Floats,
    other_offsets: Rows,
    other_columns: Columns,
    other_values: Floats,
    pairs: Rows,
    terms: int,
    sums: Floats,
    counts: Rows,
) -> None:
    weights = np.zeros(terms, np.float32)
    for row in range(len(pairs)):
        for place in range(left_offsets[row], left_offsets[row + 1]):
            weights[left_columns[place]] = left_values[place]
        for at in range(pairs.shape[1]):
            other, total, common = pairs[row, at], np.float32(0), 0
            for place in range(other_offsets[other], other_offsets[other + 1]):
                weight = weights[other_columns[place]]
                if weight != 0:
                    total += weight * other_values[place]
                    common += 1
            sums[row, at], counts[row, at] = total, common
        for place in range(left_offsets[row], left_offsets[row + 1]):
            weights[left_columns[place]] = 0
