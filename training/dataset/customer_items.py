"""Pairs of a customer and an item that they bought, each once, with fast lookup."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from training.dataset.history import Flags, Floats, History, Rows


@dataclass(frozen=True, slots=True)
class CustomerItems:
    """Sorted by key = customer · items_total + item."""

    keys: Rows  # (pairs,)
    customers: Rows  # (pairs,)
    items: Rows  # (pairs,)
    starts: Rows  # (pairs,) where the pair's lines begin in `lines`
    lines: Rows  # (lines,) rows of the history, by key, then time
    counts: Floats  # (pairs,) orders that held the item
    customers_total: int
    items_total: int

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def first_lines(self) -> Rows:
        return np.asarray(self.lines[self.starts])

    @property
    def last_lines(self) -> Rows:
        ends = np.append(self.starts[1:], len(self.lines))[: len(self)]
        return np.asarray(self.lines[ends - 1])

    @property
    def buyers(self) -> Rows:
        """Count each item's distinct customers."""  # (items_total,)
        return np.bincount(self.items, minlength=self.items_total)

    def knows(self, customers: Rows, items: Rows) -> Flags:
        """Mark where both the customer and the item occur, not necessarily together."""
        seen = np.zeros(self.customers_total, dtype=bool)
        seen[self.customers] = True
        return np.asarray(seen[customers] & (self.buyers > 0)[items])

    def add_up(self, weights: NDArray[np.number] | Flags) -> Floats:
        """Sum the weights of lines within each pair."""  # (pairs,)
        if not len(self):
            return np.zeros(0, np.float32)
        ordered = np.asarray(weights, np.float64)[self.lines]
        return np.add.reduceat(ordered, self.starts).astype(np.float32)

    def find(self, customers: Rows, items: Rows) -> Rows:
        """Return each pair's position, −1 where the customer never bought the item."""
        wanted = customers * self.items_total + items
        if not len(self):
            return np.full(len(wanted), -1)
        place = np.minimum(np.searchsorted(self.keys, wanted), len(self) - 1)
        return np.where(self.keys[place] == wanted, place, -1)

    def places_of(self, customers: Rows) -> Rows:
        """Return the positions of all pairs of the given customers, customer by customer."""
        starts = np.searchsorted(self.customers, customers)
        lengths = np.searchsorted(self.customers, customers + 1) - starts
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        return np.asarray(np.repeat(starts, lengths) + within)

    def matrix(self, values: Floats) -> sparse.csr_array:
        """Return customers × items with one value per pair."""
        offsets = np.searchsorted(self.customers, np.arange(self.customers_total + 1))
        shape = (self.customers_total, self.items_total)
        return sparse.csr_array((values.astype(np.float32), self.items, offsets), shape=shape)

    def owned(self, customers: Rows) -> Flags:
        """Mark the items that each given customer bought."""  # (len(customers), items_total)
        flags = np.zeros((len(customers), self.items_total), dtype=bool)
        places = self.places_of(customers)
        flags[np.searchsorted(customers, self.customers[places]), self.items[places]] = True
        return flags


def customer_items_of(history: History) -> CustomerItems:
    every_key = history.customers * history.items_total + history.items
    lines = np.argsort(every_key, kind="stable")
    ordered = every_key[lines]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    keys = ordered[starts]
    counts = np.diff(np.append(starts, len(lines))).astype(np.float32)
    return CustomerItems(
        keys=keys,
        customers=keys // max(history.items_total, 1),
        items=keys % max(history.items_total, 1),
        starts=starts,
        lines=lines,
        counts=counts,
        customers_total=history.customers_total,
        items_total=history.items_total,
    )
