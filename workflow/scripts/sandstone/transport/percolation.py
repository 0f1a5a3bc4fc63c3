"""Which pores lead through."""

import numpy as np
from scipy import ndimage


def percolating(pores: np.ndarray, axis: int) -> np.ndarray:
    """Return those pores, bool, that lead from one end of an axis to the other, face to face."""
    labels, _ = ndimage.label(pores)
    first, last = (np.unique(labels.take(index, axis)) for index in (0, -1))
    through = np.intersect1d(first, last)
    return np.isin(labels, through[through > 0])
