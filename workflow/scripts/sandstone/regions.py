"""Connected regions of a mask."""

import numpy as np


def at_border(mask: np.ndarray) -> np.ndarray:
    """Return the connected regions of a mask of shape (y, x) that touch its border, bool."""
    from scipy import ndimage  # slow to load, and most volumes need none of it

    labels, count = ndimage.label(mask)
    reached = np.zeros(count + 1, bool)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        reached[edge] = True
    reached[0] = False
    return reached[labels]
