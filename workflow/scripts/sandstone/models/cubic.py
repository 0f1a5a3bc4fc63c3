"""The cubic kernel of Keys, for enlarging by a whole factor with coinciding pixel areas."""

import numpy as np

from sandstone.models.description import BICUBIC_RADIUS


def weights(factor: int) -> np.ndarray:
    """Return what each coarse pixel contributes to each fine pixel of one coarse pixel.

    Parameters
    ----------
    factor : int
        Fine pixels a coarse pixel.

    Returns
    -------
    ndarray of float64, shape (2 · BICUBIC_RADIUS + 1, factor)
        Row t belongs to the coarse pixel at distance t - BICUBIC_RADIUS; columns add up to 1.

    References
    ----------
    Keys, R. (1981). Cubic convolution interpolation for digital image processing.
    IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6), 1153-1160; a = -0.5.
    """
    taps = np.arange(-BICUBIC_RADIUS, BICUBIC_RADIUS + 1)
    offset = (np.arange(factor) + 0.5) / factor - 0.5
    return _keys(np.abs(taps[:, None] - offset[None, :]))


def enlarge(planes: np.ndarray, factor: int) -> np.ndarray:
    """Enlarge the first axis; the outermost `BICUBIC_RADIUS` planes are neighbours only.

    Parameters
    ----------
    planes : ndarray of float32, shape (n + 2 · BICUBIC_RADIUS, ...)
    factor : int

    Returns
    -------
    ndarray of float32, shape (factor · n, ...)
    """
    n = len(planes) - 2 * BICUBIC_RADIUS
    kernel = weights(factor).astype(np.float32)
    fine = np.zeros((n, factor, *planes.shape[1:]), np.float32)
    for tap, row in enumerate(kernel):
        for position, weight in enumerate(row):
            if weight:
                fine[:, position] += weight * planes[tap : tap + n]
    return fine.reshape(n * factor, *planes.shape[1:])


def _keys(distance: np.ndarray) -> np.ndarray:
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    return np.where(distance < 1, near, np.where(distance < BICUBIC_RADIUS, far, 0.0))
