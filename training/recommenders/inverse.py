"""The inverse of a symmetric positive definite matrix, and products with it, by Cholesky."""

import numpy as np
from scipy import linalg

from training.dataset.history import Floats

_BLOCK = 512


def symmetric_inverse(matrix: Floats) -> Floats:
    """Invert in half the time of a general solver."""
    if not len(matrix):  # LAPACK rejects empty matrices
        return matrix
    factor = _cholesky(matrix)
    inverse, failed = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise FloatingPointError("the matrix is not positive definite")
    return _mirrored(inverse)


def symmetric_solution(matrix: Floats, rows: Floats) -> Floats:
    """Return rows' · matrix⁻¹ · rows, in a third of the time of its two products.

    With matrix = LL' it is Y'Y for Y = L⁻¹ rows. `rows` (n, columns) is overwritten if it is in
    Fortran order.
    """  # (columns, columns)
    if not rows.size:
        return np.zeros((rows.shape[1], rows.shape[1]), np.float32)
    solved = linalg.blas.strsm(1.0, _cholesky(matrix), rows, lower=1, overwrite_b=1)
    return _mirrored(linalg.blas.ssyrk(1.0, solved, trans=1, lower=1))


def _cholesky(matrix: Floats) -> Floats:
    """Return L in the lower triangle, which may replace the matrix."""
    factor, failed = linalg.lapack.spotrf(np.asfortranarray(matrix), lower=1, overwrite_a=1)
    if failed:
        raise FloatingPointError("the matrix is not positive definite")
    found: Floats = factor
    return found


def _mirrored(lower: Floats) -> Floats:
    """Copy the lower triangle to the upper one in place, block by block."""
    for start in range(0, len(lower), _BLOCK):
        end = start + _BLOCK
        corner = np.tril(lower[start:end, start:end])
        lower[start:end, start:end] = corner + np.tril(corner, -1).T
        lower[start:end, end:] = lower[end:, start:end].T
    return lower.T  # equal, and in the order of C
