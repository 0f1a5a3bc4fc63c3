"""Algebraic multigrid as a preconditioner, the same to the bit each time."""

import numpy as np
import pyamg
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

COARSEST = 500  # unknowns that are solved for directly


def multigrid(matrix: sparse.csr_array) -> LinearOperator:
    """Return one V-cycle of smoothed aggregation for a positive definite matrix.

    pyamg draws the vectors by which it guesses eigenvalues from NumPy's global generator; it gets
    a seed for that, and has its state back afterwards.

    References
    ----------
    Vaněk, P., Mandel, J., Brezina, M. (1996). Algebraic multigrid by smoothed aggregation for
    second and fourth order elliptic problems. Computing 56, 179-196.
    """
    if not matrix.shape[0]:
        return LinearOperator(matrix.shape, matvec=np.copy, dtype=np.float64)
    state = np.random.get_state()  # noqa: NPY002 - pyamg knows no other
    np.random.seed(0)  # noqa: NPY002
    try:
        levels = pyamg.smoothed_aggregation_solver(matrix, max_coarse=COARSEST)
    finally:
        np.random.set_state(state)  # noqa: NPY002
    return levels.aspreconditioner()
