"""The best items of a category of the live catalogue, also those that the model does not know."""

import numpy as np

from recsvc.domain.catalogue.slates import ReasonCode
from recsvc.model.artifact.format import Array
from recsvc.model.registry.candidates import Candidates

_MAX_OTHERS = 1000  # items of a category that are not popular


def best_of_category(popular: Candidates, sets: Array, within: Array) -> Candidates:
    """Return the popular items of a category, then its other items in the order of their rows.

    `sets`: (items,) the code of each item's set of categories, −1 for none. `within`: (sets,) bool,
    whether the set contains the category.
    """
    flags = np.append(within, False)  # the last one is found by code −1
    every = np.flatnonzero(flags[np.where(sets < len(within), sets, -1)])
    others = np.setdiff1d(every, popular.items)[:_MAX_OTHERS].astype(np.int32)
    rows = np.append(popular.items, others)
    scores = np.append(popular.scores, np.zeros(len(others), np.float32))
    return Candidates(rows, scores, np.full(len(rows), ReasonCode.POPULAR_IN_CATEGORY, "u1"))
