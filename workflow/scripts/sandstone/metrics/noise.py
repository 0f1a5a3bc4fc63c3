"""The noise of HR, and the PSNR that the rock itself would have against it."""

import math

import numpy as np

EDGE = 13  # voxels, of a window: several grains of noise, and less than a grain of sand
FEWEST = 100  # windows, below which the most frequent variance is chance


def deviation(tiles: np.ndarray) -> float:
    """Return the standard deviation of the noise of tiles, in grey levels.

    It is that of the most even rock: the most frequent variance within windows that hold no edge of
    a grain, without their mean and slope [1]_. So it holds noise of a grain of several voxels too,
    which estimates from the finest detail miss, as reconstruction has blurred it.

    Parameters
    ----------
    tiles : ndarray of unsigned integers, shape (n, y, x)

    Returns
    -------
    float
        NaN where fewer than `FEWEST` windows are free of black and white, which hide noise.

    References
    ----------
    .. [1] S. Aja-Fernández, G. Vegas-Sánchez-Ferrero, M. Martín-Fernández, C. Alberola-López,
       "Automatic noise estimation in images using local statistics", Image and Vision Computing 27
       (2009) 756-770; the mode is the half-sample mode of D. R. Bickel and R. Frühwirth, "On a
       fast, robust estimator of the mode", Computational Statistics & Data Analysis 50 (2006)
       3500-3530.
    """
    windows = _windows(tiles)
    saturated = (windows == 0) | (windows == np.iinfo(tiles.dtype).max)
    kept = windows[~saturated.any(axis=(1, 2))]
    return math.sqrt(_half_sample_mode(_variances(kept))) if len(kept) >= FEWEST else math.nan


def ceiling(noise: float, data_range: float) -> float:
    """Return the PSNR of the rock without noise against HR, dB; NaN where no noise is known."""
    return 20 * math.log10(data_range / noise) if noise > 0 else math.nan


def _windows(tiles: np.ndarray) -> np.ndarray:
    """Return windows that do not overlap, shape (n, EDGE, EDGE)."""
    rows, columns = (length // EDGE for length in tiles.shape[1:])
    whole = tiles[:, : rows * EDGE, : columns * EDGE]
    split = whole.reshape(len(tiles), rows, EDGE, columns, EDGE)
    return split.swapaxes(2, 3).reshape(-1, EDGE, EDGE)


def _variances(windows: np.ndarray) -> np.ndarray:
    """Return the variance within each window around the plane that fits it best."""
    left = windows - windows.mean(axis=(1, 2), keepdims=True)
    slope = np.arange(EDGE) - (EDGE - 1) / 2
    for plane in np.broadcast_arrays(slope, slope[:, None]):
        steepness = np.tensordot(left, plane, axes=2) / np.sum(plane**2)
        left = left - steepness[:, None, None] * plane
    return np.sum(left**2, axis=(1, 2)) / (EDGE**2 - 3)


def _half_sample_mode(values: np.ndarray) -> float:
    """Return the mode: the densest half, and the densest half of that, until two are left."""
    values = np.sort(values)
    while len(values) > 2:
        half = (len(values) + 1) // 2
        first = int(np.argmin(values[half - 1 :] - values[: len(values) - half + 1]))
        values = values[first : first + half]
    return float(values.mean())
