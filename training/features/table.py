"""Named columns over pairs, items or customers, looked up for candidates."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.dataset.history import Floats, Rows


@dataclass(frozen=True, slots=True)
class FeatureTable:
    names: tuple[str, ...]
    values: Floats  # (rows, columns)

    def at(self, rows: Rows) -> Floats:
        """Return the rows; −1 has no facts, which is NaN."""  # (len(rows), columns)
        if not len(self.values):
            return np.full((len(rows), len(self.names)), np.nan, np.float32)
        found = self.values[np.maximum(rows, 0)]
        found[rows < 0] = np.nan
        return found

    def of(self, found: Floats, name: str) -> Floats:
        """Return one column of what `at` returned."""
        return found[:, self.names.index(name)]


def table_of(columns: Mapping[str, NDArray[Any]]) -> FeatureTable:
    """Put columns side by side, one at a time: a second copy of all is a shop's peak of memory."""
    rows = len(next(iter(columns.values())))
    values = np.empty((rows, len(columns)), np.float32)
    for place, column in enumerate(columns.values()):
        values[:, place] = column
    return FeatureTable(tuple(columns), values)


def log_share(shares: Floats) -> Floats:
    """A share, never a count, so that a model learned on one window holds on a busier one."""
    logarithms: Floats = np.log(shares + np.float32(1e-4))
    return logarithms
