"""Connected regions of a mask."""

import numpy as np
from scipy import ndimage


def at_border(mask: np.ndarray) -> np.ndarray:
    """Return the connected regions of a mask of shape (y, x) that touch its border, bool."""
    labels, count = ndimage.label(mask)
    reached = np.zeros(count + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[edge] = True
    reached[0] = False
    return reached[labels]
