"""Training rows of rankers: candidates of one window, labelled with the purchases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Flags, Floats, Rows
from training.dataset.segments import run_lengths, run_starts
from training.ranking.candidate_features import SlateRows


@dataclass(frozen=True, slots=True)
class Sample:
    """Sorted by customer; `labels` is 1 for a purchase."""

    features: Floats  # (rows, columns)
    labels: NDArray[np.int8]  # (rows,)
    groups: Rows  # (customers,) rows of each

    def seeing(self, columns: Rows) -> "Sample":
        """Return the sample with some of its feature columns."""
        return Sample(self.features[:, columns], self.labels, self.groups)

    def thinned(self, limit: int) -> "Sample":
        """Keep at most `limit` customers, evenly spaced."""
        if len(self.groups) <= limit:
            return self
        chosen = np.zeros(len(self.groups), dtype=bool)
        chosen[np.linspace(0, len(self.groups) - 1, limit).astype(np.int64)] = True
        rows = np.repeat(chosen, self.groups)
        return Sample(self.features[rows], self.labels[rows], self.groups[chosen])


def sample_of(rows: SlateRows, bought: Flags) -> Sample:
    return Sample(rows.features, bought.astype(np.int8), run_lengths(rows.customers))


def chances(customers: Rows, items: Rows, seed: int) -> NDArray[np.float64]:
    """Return a pseudo-random number in [0, 1) for each pair that depends on the pair and seed only.

    SplitMix64 (Steele et al. 2014): the split into blocks never changes a customer's sample.
    """
    with np.errstate(over="ignore"):
        mixed = (customers.astype(np.uint64) << np.uint64(32)) + items.astype(np.uint64)
        mixed = (mixed + np.uint64(seed + 1)) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray((mixed ^ (mixed >> np.uint64(31))) / 2.0**64)


def drawn(customers: Rows, bought: Flags, limit: int, chance: NDArray[np.float64]) -> Flags:
    """Mark `limit` rows per customer with a hit: hits first, then the lowest chances."""
    if not len(customers):
        return np.zeros(0, dtype=bool)
    starts, lengths = run_starts(customers), run_lengths(customers)
    has_hit = np.repeat(np.add.reduceat(bought.astype(np.int64), starts) > 0, lengths)
    order = np.lexsort((chance - bought, customers))
    place = np.empty(len(customers), np.int64)
    place[order] = np.arange(len(customers)) - np.repeat(starts, lengths)
    return (place < limit) & has_hit


def joined(samples: list[Sample]) -> Sample:
    return Sample(
        np.concatenate([sample.features for sample in samples]),
        np.concatenate([sample.labels for sample in samples]),
        np.concatenate([sample.groups for sample in samples]),
    )
