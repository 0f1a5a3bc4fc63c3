"""Shapes of a pore space, in two and three dimensions: how much, how wide, how fine, how linked.

Every function takes `pores`, bool, shape (y, x) or (z, y, x), True in pores, and the edge of its
cubic voxels in micrometres where a length matters. What has no value, such as the width of pores
where there are none, is NaN.
"""

import itertools

import numpy as np
from scipy import fft, ndimage
from skimage.measure import euler_number

# Directions by the number of steps along axes that they take, and the share of the sphere (of the
# circle) that is nearest to each: Ohser & Mücklich (2000), Statistical analysis of microstructures
# in materials science, Wiley, table 2.2.
SHARES = {3: {1: 0.091556, 2: 0.073961, 3: 0.070391}, 2: {1: 0.25, 2: 0.25}}
MM = 1000.0  # micrometres


def porosity(pores: np.ndarray) -> float:
    """Return the share of pores, from 0 to 1."""
    return float(pores.mean())


def specific_surface(pores: np.ndarray, voxel_um: float) -> float:
    """Return the area between pores and solid per volume, 1/mm.

    Straight lines in 13 directions (in a slice 4) cross the surface; twice their mean number of
    crossings per length is the surface per volume (Crofton). In a slice this holds for rock that
    looks alike in all directions.

    References
    ----------
    Ohser, J., Mücklich, F. (2000). Statistical analysis of microstructures in materials science.
    Wiley, chapters 2 and 4.
    """
    crossings = sum(
        SHARES[pores.ndim][sum(map(abs, step))] * _crossings(pores, step)
        for step in _directions(pores.ndim)
    )
    return float(2 * crossings / voxel_um * MM)


def _directions(dimensions: int) -> list[tuple[int, ...]]:
    """Return one step along each direction to a neighbour, without its opposite."""
    steps = itertools.product((-1, 0, 1), repeat=dimensions)
    return [step for step in steps if step > (0,) * dimensions]


def _crossings(pores: np.ndarray, step: tuple[int, ...]) -> float:
    """Return the crossings of the surface per voxel edge along lines of a direction."""
    here = tuple(slice(max(-each, 0), -each if each > 0 else None) for each in step)
    there = tuple(slice(max(each, 0), each if each < 0 else None) for each in step)
    crossed = np.count_nonzero(pores[here] != pores[there])
    pairs = pores[here].size
    return crossed / (pairs * float(np.linalg.norm(step))) if pairs else 0.0


def mean_chord(pores: np.ndarray, voxel_um: float, axis: int) -> float:
    """Return the mean length of the stretches of pore along an axis, micrometres.

    Stretches that the image cuts count with the part that is seen.
    """
    lines = np.moveaxis(pores, axis, -1)
    starts = np.count_nonzero(lines[..., 0]) + np.count_nonzero(lines[..., 1:] & ~lines[..., :-1])
    return float(np.count_nonzero(pores) / starts * voxel_um) if starts else float("nan")


def two_point(pores: np.ndarray) -> np.ndarray:
    """Return how likely two voxels at a distance both are pores, by distance in voxels from 0.

    The mean over all pairs within the image whose distance rounds to that many voxels, up to half
    of the shortest edge. The image is not continued periodically.

    References
    ----------
    Torquato, S. (2002). Random heterogeneous materials. Springer, chapter 2.
    """
    shape = [fft.next_fast_len(2 * edge - 1, real=True) for edge in pores.shape]
    farthest = min(pores.shape) // 2
    pairs = _correlated(np.ones(pores.shape, np.float32), shape, farthest)
    both = _correlated(pores.astype(np.float32), shape, farthest)
    lags = np.meshgrid(*_lags(pores.ndim, farthest), indexing="ij", sparse=True)
    distance = np.rint(np.sqrt(sum(lag**2 for lag in lags))).astype(int)
    near = distance <= farthest
    sums = [np.bincount(distance[near], of[near]) for of in (both, pairs)]
    return sums[0] / sums[1]


def _lags(dimensions: int, farthest: int) -> list[np.ndarray]:
    """Return the lags along each axis; half of them along the first, since pairs have no order."""
    along = np.arange(-farthest, farthest + 1)
    return [np.arange(farthest + 1), *[along] * (dimensions - 1)]


def _correlated(image: np.ndarray, shape: list[int], farthest: int) -> np.ndarray:
    """Return the autocorrelation of an image at the lags of `_lags`."""
    spectrum = fft.rfftn(image, shape)
    power = fft.irfftn(spectrum.real**2 + spectrum.imag**2, shape)
    return power[np.ix_(*_lags(image.ndim, farthest))]


def correlation_length(pores: np.ndarray, voxel_um: float) -> float:
    """Return the distance at which pores have forgotten each other, micrometres.

    There the two-point correlation less the porosity squared has fallen to 1/e of its value at 0.
    NaN where it stays above that, or where there is one phase alone.
    """
    measured = two_point(pores)
    share = measured[0]
    if share in (0, 1):
        return float("nan")
    left = (measured - share**2) / (share - share**2)
    below = np.flatnonzero(left < 1 / np.e)
    if not below.size:
        return float("nan")
    end = int(below[0])
    start, stop = left[end - 1], left[end]
    return float((end - 1 + (start - 1 / np.e) / (start - stop)) * voxel_um)


def euler_density(pores: np.ndarray, voxel_um: float) -> float:
    """Return the Euler number of the pores per volume (per area of a slice), 1/mm³ (1/mm²).

    Pores count as one where voxels touch at a corner. Despeckle first: each speck counts.
    """
    number = euler_number(pores, connectivity=pores.ndim)
    return float(number / (pores.size * (voxel_um / MM) ** pores.ndim))


def local_thickness(pores: np.ndarray, voxel_um: float) -> np.ndarray:
    """Return the width of the pore at each voxel, micrometres, 0 in solid.

    That is the diameter of the largest ball (in a slice disc) within the pores that holds the
    voxel. Balls are centred on voxels, so diameters are odd numbers of them. Beyond the image,
    pores go on as at its edge.

    References
    ----------
    Hildebrand, T., Rüegsegger, P. (1997). A new method for the model-independent assessment of
    thickness in three-dimensional images. Journal of Microscopy 185(1), 67-75.
    """
    width = np.zeros(pores.shape, np.float32)
    if not pores.any():
        return width
    if pores.all():
        return np.full(pores.shape, np.nan, np.float32)
    inside = ndimage.distance_transform_edt(pores)
    for radius in range(1, int(inside.max()) + 1):
        centres = inside >= radius
        covered = ndimage.distance_transform_edt(~centres) < radius
        width[covered & pores] = (2 * radius - 1) * voxel_um
    return width


def mean_width(pores: np.ndarray, voxel_um: float) -> float:
    """Return the mean of the local thickness over the pores, micrometres."""
    return float(local_thickness(pores, voxel_um)[pores].mean()) if pores.any() else float("nan")
