"""Dense products of sparse matrices, and inverses by Cholesky."""

import numpy as np
import pytest
from scipy import sparse

from training.recommenders.inverse import symmetric_inverse, symmetric_solution
from training.recommenders.sparse_products import add_rows, dense_product, quadratic_forms


def matrix(rows: int, columns: int, seed: int) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    shape = (rows, columns)
    values = np.where(rng.random(shape) < 0.1, rng.random(shape), 0)
    return sparse.csr_array(values.astype(np.float32))


def positive(size: int) -> np.ndarray:
    rows = np.random.default_rng(size).random((size, size)).astype(np.float32)
    return (rows @ rows.T + np.eye(size, dtype=np.float32) * size).astype(np.float32)


@pytest.mark.parametrize(
    ("rows", "inner", "columns"), [(40, 60, 50), (1, 3, 1), (0, 5, 7), (5, 0, 3)]
)
def test_a_dense_product_has_the_bytes_of_the_sparse_one(
    rows: int, inner: int, columns: int
) -> None:
    """The sums are made in the same order."""
    left, right = matrix(rows, inner, 1), matrix(inner, columns, 2)

    assert dense_product(left, right).tobytes() == (left @ right).toarray().tobytes()


def test_a_transposed_matrix_may_be_the_left_one() -> None:
    """Columns of a matrix by column are rows of its transpose."""
    left = sparse.csc_array(matrix(30, 20, 3))
    right = matrix(30, 10, 4)

    expected = (left[:, 5:9].T @ right).toarray()

    assert dense_product(left[:, 5:9].T, right).tobytes() == expected.tobytes()


def test_added_rows_are_the_sum() -> None:
    first, second = matrix(6, 9, 5), matrix(6, 9, 6)
    result = first.toarray()

    add_rows(result, second)

    np.testing.assert_array_equal(result, (first + second).toarray())


def test_quadratic_forms_of_columns() -> None:
    """x' M x for each column x of the matrix."""
    columns, square = matrix(30, 12, 7), positive(30)
    dense = columns.toarray()

    found = quadratic_forms(columns.tocsc(), square)

    np.testing.assert_allclose(found, np.diag(dense.T @ square @ dense), rtol=1e-5)


@pytest.mark.parametrize("size", [0, 1, 5, 700])
def test_an_inverse_is_symmetric_and_inverts(size: int) -> None:
    """700 rows are more than one block."""
    found = symmetric_inverse(positive(size))

    np.testing.assert_allclose(found @ positive(size), np.eye(size), atol=1e-3)
    np.testing.assert_array_equal(found, found.T)


def test_a_solution_equals_the_product_with_the_inverse() -> None:
    """Without the inverse itself."""
    rows = matrix(40, 600, 8).toarray()

    found = symmetric_solution(positive(40), rows.copy())

    np.testing.assert_allclose(found, rows.T @ symmetric_inverse(positive(40)) @ rows, atol=1e-5)
    np.testing.assert_array_equal(found, found.T)


def test_a_matrix_that_is_not_positive_definite_is_refused() -> None:
    """Instead of numbers without meaning."""
    with pytest.raises(FloatingPointError, match="positive definite"):
        symmetric_inverse(-np.eye(3, dtype=np.float32))
