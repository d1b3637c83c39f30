"""A table of named feature columns over pairs, items or customers, looked up for candidates."""

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
        """Return the given rows; row −1 is all NaN."""  # (len(rows), columns)
        if not len(self.values):
            return np.full((len(rows), len(self.names)), np.nan, np.float32)
        found = self.values[np.maximum(rows, 0)]
        found[rows < 0] = np.nan
        return found

    def of(self, found: Floats, name: str) -> Floats:
        """Return one column of a result of `at`."""
        return found[:, self.names.index(name)]


def table_of(columns: Mapping[str, NDArray[Any]]) -> FeatureTable:
    """Fill the table column by column: a second copy of all columns would double the memory."""
    rows = len(next(iter(columns.values())))
    values = np.empty((rows, len(columns)), np.float32)
    for place, column in enumerate(columns.values()):
        values[:, place] = column
    return FeatureTable(tuple(columns), values)


def log_share(shares: Floats) -> Floats:
    """Return logarithms of shares, not counts, so that a model also fits a busier window."""
    logarithms: Floats = np.log(shares + np.float32(1e-4))
    return logarithms
