"""Category complements: best sellers of the categories that share orders with an item's category.

They fill lists of items that too few customers bought together with others. The pairs of categories
rest on enough distinct customers, as pairs of items do.
"""

from dataclasses import dataclass

import numpy as np

from training.dataset.history import Flags, Floats, History, Rows
from training.dataset.segments import NOTHING
from training.item_slates.association import COSINE
from training.item_slates.order_pairs import orders_by, pairs_of
from training.item_slates.scored_neighbours import Neighbours
from training.recommenders.neighbour_lists import NeighbourLists

_CATEGORIES = 8  # complements of a category
_SELLERS = 5  # best sellers of each
FILLED = 20  # places of a list that complements fill
_BELOW = 0.1  # of the weakest pairs' scores: complements never outvote pairs


@dataclass(frozen=True, slots=True)
class Complements:
    """Best sellers of the complements of each category, best first; NOTHING pads."""

    items: Rows  # (categories, places)
    scores: Floats  # (categories, places) in (0, 1]
    category_of: Rows  # (items,) −1 for an item without one


def complements_of(
    history: History, category_of: Rows, popularity: Floats, least: int
) -> Complements:
    """`popularity` (items,) is 0 for an item that may not be listed."""
    categories = int(category_of.max(initial=-1)) + 1
    orders = orders_by(history, category_of, categories)
    pairs = pairs_of(orders, least)
    scored = Neighbours(pairs.offsets, pairs.partners, COSINE.scores(pairs, orders))
    nearest = scored.best(_CATEGORIES).padded(_CATEGORIES)
    sellers = _best_sellers(category_of, categories, popularity)
    items = np.where(
        nearest.listed[:, :, None], sellers[np.maximum(nearest.columns, 0)], NOTHING
    ).reshape(categories, _CATEGORIES * _SELLERS)
    fades = 1 / np.sqrt(np.arange(1, _SELLERS + 1))
    scores = (nearest.scores[:, :, None] * fades).reshape(items.shape).astype(np.float32)
    scores[items == NOTHING] = 0
    order = np.argsort(-scores, axis=1, kind="stable")
    return Complements(
        np.take_along_axis(items, order, axis=1),
        np.take_along_axis(scores, order, axis=1),
        category_of,
    )


def _best_sellers(category_of: Rows, categories: int, popularity: Floats) -> Rows:
    """Return the most popular items of each category."""  # (categories, _SELLERS)
    found = np.full((categories, _SELLERS), NOTHING, np.int64)
    kept = np.flatnonzero((category_of >= 0) & (popularity > 0))
    kept = kept[np.lexsort((kept, -popularity[kept], category_of[kept]))]
    of = category_of[kept]
    place = np.arange(len(kept)) - np.searchsorted(of, of)
    first = place < _SELLERS
    found[of[first], place[first]] = kept[first]
    return found


def filled(
    lists: NeighbourLists, complements: Complements, products: Rows, weakest: float
) -> tuple[NeighbourLists, Flags]:
    """Fill lists shorter than FILLED; return them, and which entries are complements.

    `products` (items,) has equal numbers for variants of one product; −1 is none. `weakest` is
    the score below which complements stay.
    """
    size = min(FILLED, lists.columns.shape[1])
    lengths = lists.listed.sum(axis=1)
    rows = np.flatnonzero((lengths < size) & (complements.category_of >= 0))
    found = complements.items[complements.category_of[rows]]
    fits = (found != NOTHING) & (found != rows[:, None]) & ~_are_variants(products, rows, found)
    listed = lists.columns[rows, :size]
    for place in range(size):
        fits &= found != listed[:, place : place + 1]
    order = np.argsort(~fits, axis=1, kind="stable")[:, :size]
    found = np.where(
        np.take_along_axis(fits, order, axis=1), np.take_along_axis(found, order, axis=1), NOTHING
    )
    scores = np.take_along_axis(complements.scores[complements.category_of[rows]], order, axis=1)
    return _appended(lists, rows, found, scores * np.float32(_BELOW * weakest), lengths[rows], size)


def _are_variants(products: Rows, rows: Rows, found: Rows) -> Flags:
    own = products[rows][:, None]
    return np.asarray((own >= 0) & (products[np.maximum(found, 0)] == own))


def _appended(
    lists: NeighbourLists, rows: Rows, found: Rows, scores: Floats, lengths: Rows, size: int
) -> tuple[NeighbourLists, Flags]:
    """Write found items behind the entries of some rows, up to `size` places."""
    columns, values = lists.columns.copy(), lists.scores.copy()
    added = np.zeros(columns.shape, dtype=bool)
    places = lengths[:, None] + np.arange(found.shape[1])
    free = (places < size) & (found != NOTHING)
    row, place = np.broadcast_to(rows[:, None], places.shape)[free], places[free]
    columns[row, place], values[row, place] = found[free], scores[free]
    added[row, place] = True
    return NeighbourLists(columns, values), added
