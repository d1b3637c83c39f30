"""Cases of a window for lists of similar items: the next new item of a customer in a category.

A customer who bought something of a category before the window and buys an item of the same
category in it, which they have never bought, shows that the one could be taken instead of the
other. Without categories, the shop is one category.
"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from training.dataset.customer_items import CustomerItems
from training.dataset.history import History, Rows
from training.dataset.segments import NOTHING
from training.item_slates.maker import CaseValues
from training.metrics.ranking_quality import Values
from training.recommenders.neighbour_lists import NeighbourLists

_MOST_CASES = 4000
_MOST_PAIRS = 12  # of one case; orders of a wholesale shop have hundreds
_HIT = 10  # places


@dataclass(frozen=True, slots=True)
class NextPurchases:
    """Pairs of an item bought before and a wanted one; a case has all pairs of one customer and
    category.
    """

    cases: Rows  # (pairs,) ascending from 0
    items: Rows  # (pairs,)
    wanted: Rows  # (pairs,)
    customers: Rows  # (cases,)

    def __len__(self) -> int:
        return int(self.cases.max(initial=-1)) + 1

    def values(self, rows: Rows, lists: NeighbourLists) -> CaseValues:
        """Measure lists of the items `rows`, which are ascending and contain all of `items`."""
        listed = lists.columns[np.searchsorted(rows, self.items)]
        found = (listed == self.wanted[:, None]) & (listed != NOTHING)
        place = np.where(found.any(axis=1), found.argmax(axis=1), listed.shape[1])
        reciprocal = np.where(place < listed.shape[1], 1.0 / (place + 1), 0.0)
        hits = (place < _HIT).astype(np.float64)
        return CaseValues(self.customers, self._mean(reciprocal), self._mean(hits))

    def _mean(self, values: Values) -> Values:
        return np.asarray(np.bincount(self.cases, values) / np.bincount(self.cases))


def next_purchases(
    known: History, bought: CustomerItems, later: History, groups: Rows, seed: int
) -> NextPurchases:
    """Return the cases of random customers."""
    if not (groups >= 0).any():
        groups = np.zeros_like(groups)
    case = ["customer", "group"]
    before = _edge_orders(_lines(known, groups), case, last=True)
    inside = later.customers < known.customers_total
    new = np.zeros(len(later.items), dtype=bool)
    new[inside] = bought.find(later.customers[inside], later.items[inside]) < 0
    new &= (bought.buyers > 0)[later.items]
    after = _edge_orders(_lines(later, groups).filter(pl.Series(new)), case, last=False)
    pairs = before.join(after.rename({"item": "wanted"}), on=case, how="inner")
    pairs = pairs.filter(pl.col("item") != pl.col("wanted"))
    return _sampled(pairs.sort(*case, "item", "wanted"), np.random.default_rng(seed))


def _lines(history: History, groups: Rows) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "customer": history.customers,
            "order": history.orders,
            "item": history.items,
            "group": groups[history.items],
        }
    )


def _edge_orders(lines: pl.DataFrame, case: list[str], *, last: bool) -> pl.DataFrame:
    """Return the items of each customer's first or last order in each category."""
    order = pl.col("order")
    edge = (order.max() if last else order.min()).over(case)
    return lines.filter((pl.col("group") >= 0) & (order == edge)).select(*case, "item").unique()


def _sampled(pairs: pl.DataFrame, rng: np.random.Generator) -> NextPurchases:
    number = pl.struct("customer", "group").rank("dense").cast(pl.Int64) - 1
    cases = pairs.select(number).to_series().to_numpy()
    total = int(cases.max(initial=-1)) + 1
    kept = np.zeros(total, dtype=bool)
    kept[rng.permutation(total)[:_MOST_CASES]] = True
    order = rng.permutation(len(cases))
    order = order[np.argsort(cases[order], kind="stable")]  # random within each case
    place = np.arange(len(cases)) - np.searchsorted(cases[order], cases[order])
    chosen = np.sort(order[(place < _MOST_PAIRS) & kept[cases[order]]])
    _, first, numbers = np.unique(cases[chosen], return_index=True, return_inverse=True)
    columns = pairs.select("item", "wanted", "customer").to_numpy()[chosen]
    return NextPurchases(numbers, columns[:, 0], columns[:, 1], columns[first, 2])
