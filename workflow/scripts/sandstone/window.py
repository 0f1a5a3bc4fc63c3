"""The intensity window of a volume: percentiles of its rock, gathered slice by slice."""

import math
from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from sandstone import grey
from sandstone.cli import InputError

BINS = 2**16

Voxels = Callable[[], Iterable[np.ndarray]]


def find(voxels: Voxels, dtype: npt.DTypeLike, percentiles: tuple[float, float]) -> list[float]:
    """Return the grey levels (low, high) at two percentiles of all voxels.

    Integers of 8 and 16 bits are counted level by level, so the percentiles are exact; wider
    integers and floats are counted in 65536 bins between their extremes.

    Parameters
    ----------
    voxels : callable
        Each call returns the voxels afresh, as arrays of shape (n,), one a slice.
    dtype : dtype
        Of the voxels.
    percentiles : tuple of float
        From 0 to 100, the low one first.

    Raises
    ------
    InputError
        If all voxels between the percentiles have one grey level.
    """
    edges = _edges(voxels, np.dtype(dtype))
    counts = sum(np.histogram(part, edges)[0] for part in voxels())
    cumulative = np.cumsum(counts)
    # A percentile is the lowest level with that share of the voxels at it or below; 0 is the first.
    ranks = [max(1, math.ceil(share * cumulative[-1] / 100)) for share in percentiles]
    low, high = (float(edges[np.searchsorted(cumulative, rank)]) for rank in ranks)
    if low >= high:
        raise InputError(
            f"the rock is constant: grey level {low:g} at both ends of the window "
            f"{list(percentiles)}; widen slices.window, or check the volume"
        )
    return [low, high]


def apply(
    image: np.ndarray, low: float, high: float, dtype: npt.DTypeLike = np.uint8
) -> np.ndarray:
    """Stretch `low` to black and `high` to white; what lies beyond saturates."""
    return grey.from_unit((image.astype(np.float64) - low) / (high - low), dtype)


def _edges(voxels: Voxels, dtype: np.dtype) -> np.ndarray:
    """Return bin edges; the left edge of a bin is the level that it stands for."""
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        levels = np.iinfo(dtype)
        return np.arange(levels.min, levels.max + 2)
    extremes = [(part.min(), part.max()) for part in voxels() if part.size]
    low = float(min(extreme[0] for extreme in extremes))
    high = float(max(extreme[1] for extreme in extremes))
    return np.linspace(low, high if high > low else low + 1, BINS + 1)
