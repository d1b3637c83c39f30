"""The inverse of a symmetric positive definite matrix."""

import numpy as np
from scipy import linalg

from training.dataset.history import Floats


def symmetric_inverse(matrix: Floats) -> Floats:
    """Invert by Cholesky, in half the time of a general solver."""
    if not len(matrix):  # LAPACK rejects empty matrices
        return matrix
    ordered = np.asfortranarray(matrix)
    factor, failed = linalg.lapack.spotrf(ordered, lower=1, overwrite_a=1)
    inverse, failed_too = linalg.lapack.spotri(factor, lower=1, overwrite_c=1)
    if failed or failed_too:
        raise FloatingPointError("the matrix is not positive definite")
    lower = np.tril(inverse)
    whole: Floats = lower + np.tril(inverse, -1).T
    return whole
