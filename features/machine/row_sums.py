"""Weighted sums of the rows of a matrix, each the same to the last bit whatever rows stand beside it.

BLAS, which NumPy's `@` calls, adds up a row in another order in a larger matrix. So a score would depend on the batch
that its account is in.
"""

from __future__ import annotations

import numpy as np


def row_sums(rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the weighted sum of each row, shape (n,): rows of shape (n, columns), weights of shape (columns,).

    Examples
    --------
    >>> row_sums(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([10.0, 1.0])).tolist()
    [12.0, 34.0]
    """
    return np.asarray(np.einsum("ij,j->i", np.ascontiguousarray(rows), weights))
