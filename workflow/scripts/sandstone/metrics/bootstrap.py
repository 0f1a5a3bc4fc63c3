"""Confidence intervals that know how alike neighbouring slices are."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError
from sandstone.seeds import Stage


class MeanInterval(NamedTuple):
    """A mean over `n` tiles and its confidence interval, NaN where none can be given."""

    mean: float
    ci_low: float
    ci_high: float
    n: int


def depth_blocks(z: npt.ArrayLike, block_slices: int) -> np.ndarray:
    """Return the number of each tile's depth block, from 0 without gaps.

    Blocks are `block_slices` long, counted from the shallowest tile, so tiles of one slice
    share a block, and isolated slices that far apart are a block each. A last block shorter
    than half of the length joins the one before, unless it lies a whole length beyond it: a
    remnant is no independent piece of rock.

    Parameters
    ----------
    z : array_like of int, shape (n,)
        Depth of each tile, slices of the raw volume.
    block_slices : int
        Length of a block, 1 or more.

    Returns
    -------
    ndarray of int, shape (n,)

    Raises
    ------
    InputError
        If `block_slices` is less than 1.
    """
    z = np.asarray(z, dtype=np.int64)
    if block_slices < 1:
        raise InputError(f"a depth block of {block_slices} slices is empty: give 1 or more")
    depth = z - z.min()
    blocks = depth // block_slices
    last = blocks.max()
    if last > 0 and depth.max() % block_slices + 1 < block_slices / 2:
        gap = depth[blocks == last].min() - depth[blocks < last].max()
        if gap < block_slices:
            blocks[blocks == last] = blocks[blocks < last].max()
    return np.unique(blocks, return_inverse=True)[1]


def block_bootstrap(
    values: npt.ArrayLike,
    z: npt.ArrayLike,
    block_slices: int,
    *,
    confidence: float,
    resamples: int,
    seed: int,
) -> MeanInterval:
    """Mean over tiles with a percentile interval from resampled depth blocks.

    Tiles of one slice, and of slices within the rock's correlation length, repeat each
    other; resampling single tiles would count them as independent and give far too narrow
    an interval. Whole blocks are drawn with replacement instead, as many as there are, and
    the mean over their tiles is taken. The draws depend only on the seed and the number of
    blocks, so methods measured on the same tiles are resampled alike.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        One metric, one value a tile; the tiles' order does not matter.
    z : array_like of int, shape (n,)
        Depth of each tile, slices of the raw volume.
    block_slices : int
        Length of a block, above the rock's correlation length.
    confidence : float
        Between 0 and 1, such as 0.95.
    resamples : int
        Number of draws, 1 or more.
    seed : int
        Equal seeds give equal intervals.

    Returns
    -------
    MeanInterval
        The interval is NaN with fewer than two blocks, or when a value is infinite (which
        makes the mean infinite, see `mean`). With only a few blocks it is known to be too
        narrow.

    Raises
    ------
    InputError
        If there is no value, the lengths differ, a value is NaN, or a setting is out of range.

    References
    ----------
    Künsch (1989), The jackknife and the bootstrap for general stationary observations,
    Annals of Statistics 17(3), 1217-1241. Davison and Hinkley (1997), Bootstrap Methods and
    their Application, sections 5.3.1 and 8.2.3, Cambridge University Press.
    """
    values, z = np.asarray(values, dtype=np.float64), np.asarray(z, dtype=np.int64)
    _check(values, z, confidence, resamples)
    order = np.lexsort((values, z))  # sums to the bit, whatever the order of the tiles
    values, blocks = values[order], depth_blocks(z[order], block_slices)
    n, average = values.size, mean(values)

    tiles = np.bincount(blocks)
    if tiles.size < 2 or not np.isfinite(average):
        return MeanInterval(average, float("nan"), float("nan"), n)
    sums = np.bincount(blocks, values)
    random = np.random.default_rng([seed, Stage.BOOTSTRAP])
    draws = random.integers(tiles.size, size=(resamples, tiles.size))
    means = sums[draws].sum(axis=1) / tiles[draws].sum(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return MeanInterval(average, float(low), float(high), n)


def mean(values: np.ndarray) -> float:
    """Return the mean of values, shape (n,): NaN where infinities of both signs are among them."""
    with np.errstate(invalid="ignore"):
        return float(values.mean())


def _check(values: np.ndarray, z: np.ndarray, confidence: float, resamples: int) -> None:
    if values.ndim != 1 or values.shape != z.shape or not values.size:
        raise InputError(
            f"an interval needs one value and one depth a tile, not {values.shape} and {z.shape}:"
            " check the table of metrics"
        )
    if np.isnan(values).any():
        raise InputError("a metric is NaN for some tile: check the table of metrics")
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence} is not between 0 and 1: give 0.95, say")
    if resamples < 1:
        raise InputError(f"{resamples} resamples make no interval: give 1000 or more")
