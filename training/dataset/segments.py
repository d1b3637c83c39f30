"""Rows grouped by customer: scores normalised and ranked within each customer.

All functions take rows sorted by customer.
"""

import numpy as np

from training.dataset.history import Floats, Rows

NOTHING = -1  # pads short lists; never written to a model


def distinct(keys: Rows) -> Rows:
    """Return the sorted keys, each once: faster than np.unique, which hashes integers."""
    ordered: Rows = np.sort(keys)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def run_starts(customers: Rows) -> Rows:
    return np.flatnonzero(np.diff(customers, prepend=-1))


def run_lengths(customers: Rows) -> Rows:
    return np.diff(np.append(run_starts(customers), len(customers)))


def max_normalised(customers: Rows, scores: Floats) -> Floats:
    """Divide scores by the customer's best score; return 0 where no score is above 0."""
    best = np.maximum.reduceat(scores, run_starts(customers), axis=0)  # (customers, columns)
    inverse = np.divide(1.0, best, out=np.zeros_like(best), where=best > 0)
    return np.asarray(scores * np.repeat(inverse, run_lengths(customers), axis=0))


def log_ranks(customers: Rows, scores: Floats) -> Floats:
    """Return log(1 + rank) within the customer per column; ties are in row order."""
    lengths = run_lengths(customers)
    row = np.repeat(np.arange(len(lengths)), lengths)
    place = np.arange(len(customers)) - np.repeat(run_starts(customers), lengths)
    width = int(lengths.max(initial=0))
    log = np.log1p(np.arange(width, dtype=np.float32))
    ranks = np.empty(scores.shape, np.float32)
    of_place = np.empty((len(lengths), width), np.float32)
    for column in range(scores.shape[1]):
        table = np.full((len(lengths), width), np.inf, np.float32)
        table[row, place] = -scores[:, column]
        order = np.argsort(table, axis=1, kind="stable")
        np.put_along_axis(of_place, order, log[None, :], axis=1)
        ranks[:, column] = of_place[row, place]
    return ranks
