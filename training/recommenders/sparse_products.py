"""Products of sparse matrices with dense results, by compiled loops.

scipy multiplies two sparse matrices into a sparse one, which takes a pass to count its entries, and
then another to make it dense. One file, because numba's cache is per file.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from recsvc.model.kernels.jit import compiled
from training.dataset.history import Floats, Rows

Columns = NDArray[np.int32]


def dense_product(left: sparse.csr_array, right: sparse.csr_array) -> Floats:
    """Return left · right as a dense matrix: the bytes of `(left @ right).toarray()`."""
    result = np.zeros((left.shape[0], right.shape[1]), np.float32)
    _add_product.run(*_parts(left), *_parts(right), result)
    return result


def add_rows(result: Floats, rows: sparse.csr_array) -> None:
    """Add the entries of a sparse matrix without duplicates to a dense one of equal shape."""
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    result[row, rows.indices] += rows.data


def quadratic_forms(columns: sparse.csc_array, matrix: Floats) -> Floats:
    """Return x' · matrix · x for every column x; the matrix is symmetric."""  # (columns,)
    return _quadratic_forms.run(*_parts(columns), np.ascontiguousarray(matrix, np.float32))


def _parts(matrix: sparse.csr_array | sparse.csc_array) -> tuple[Rows, Columns, Floats]:
    """Return offsets, indices and values in the types of the loops."""
    return (
        np.ascontiguousarray(matrix.indptr, np.int64),
        np.ascontiguousarray(matrix.indices, np.int32),
        np.ascontiguousarray(matrix.data, np.float32),
    )


@compiled(
    "void(int64[::1], int32[::1], float32[::1], int64[::1], int32[::1], float32[::1], "
    "float32[:, ::1])",
    trusted=True,
)
def _add_product(
    left_offsets: Rows,
    left_columns: Columns,
    left_values: Floats,
    right_offsets: Rows,
    right_columns: Columns,
    right_values: Floats,
    result: Floats,
) -> None:
    for row in range(len(left_offsets) - 1):
        for place in range(left_offsets[row], left_offsets[row + 1]):
            value, column = left_values[place], left_columns[place]
            for other in range(right_offsets[column], right_offsets[column + 1]):
                result[row, right_columns[other]] += value * right_values[other]


@compiled("float32[::1](int64[::1], int32[::1], float32[::1], float32[:, ::1])", trusted=True)
def _quadratic_forms(offsets: Rows, rows: Columns, values: Floats, matrix: Floats) -> Floats:
    found = np.empty(len(offsets) - 1, np.float32)
    for column in range(len(found)):
        total = 0.0
        for place in range(offsets[column], offsets[column + 1]):
            of_row = matrix[rows[place]]
            inner = 0.5 * of_row[rows[place]] * values[place]
            for other in range(offsets[column], place):
                inner += of_row[rows[other]] * values[other]
            total += 2.0 * inner * values[place]
        found[column] = total
    return found
