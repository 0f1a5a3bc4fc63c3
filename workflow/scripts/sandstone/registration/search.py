"""Find two scans of one rock on each other when nothing is known of their place.

Both overviews are brought to one cubic voxel and compared at every whole shift by normalised
cross-correlation over what they then share. Scans of one region, a fine scan inside a coarse one
of the whole plug, and fields that share a part are all found so.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import fft
from scipy.ndimage import affine_transform, gaussian_filter

from sandstone.registration.scans import Patch
from sandstone.registration.transform import Vector
from sandstone.sizes import zyx

LEAST_SHARE = 0.1  # of the smaller array's voxels, which an overlap must hold
LEAST_EDGE = 0.25  # the same of each edge: a mirrored scan fits a thin slab of its original
NEIGHBOURS = 4  # a fourth of an edge around the best shift is no other place
NOTHING = 1e-9  # share of the whole variance below which an overlap counts as constant


def common_voxels(patch: Patch, voxel_um: float) -> np.ndarray:
    """Return a patch on cubic voxels of this edge, from its outer corner on.

    Smaller voxels are averaged first, by a Gaussian as wide as they lack.
    """
    ratio = voxel_um / np.array(patch.voxel_size_um)
    missing = np.sqrt(np.maximum(ratio**2 - 1, 0) / 12)
    smooth = gaussian_filter(patch.voxels, missing, mode="nearest")
    shape = np.maximum((patch.shape / ratio).astype(int), 1)
    return affine_transform(
        smooth, ratio, ratio / 2 - 0.5, output_shape=tuple(shape), order=1, mode="nearest"
    )


@dataclass(frozen=True)
class Match:
    """Where one array lies on another.

    Attributes
    ----------
    score : float
        How surely: the logarithm of a likelihood ratio, for comparison only.
    distinct : float
        By how much this score exceeds that of any shift elsewhere: their quotient.
    correlation : float
        Over what both share.
    shift : tuple of int
        Voxel `i` of the fine array is voxel `i + shift` of the coarse one.
    """

    score: float
    distinct: float
    correlation: float
    shift: tuple[int, int, int]

    def shift_um(self, voxel_um: float) -> Vector:
        """Return the shift in micrometres."""
        return zyx(each * voxel_um for each in self.shift)


def best_shift(fine: np.ndarray, coarse: np.ndarray) -> Match:
    """Return the whole shift at which two arrays correlate best, and most surely.

    A high correlation `r` over few voxels `n` may be chance, so that shifts are ranked by
    `-n log(1 - r²)`, the logarithm of the likelihood ratio of a linear relation against none.

    Parameters
    ----------
    fine, coarse : ndarray, shape (z, y, x)
        Of cubic voxels of one size; each of any shape.

    Returns
    -------
    Match
        With a score of 0 if no shift correlates.

    References
    ----------
    D. Padfield, "Masked object registration in the Fourier domain", IEEE Trans. Image Process.
    21 (2012) 2706-2718; here the masks are boxes, whose sums need no Fourier transform.
    """
    a, b = (each - each.mean(dtype=np.float64) for each in (fine, coarse))
    shifts = [np.arange(1 - n, m) for n, m in zip(a.shape, b.shape, strict=True)]
    a_ends = [
        (np.maximum(0, -s), np.minimum(n, m - s))
        for s, n, m in zip(shifts, a.shape, b.shape, strict=True)
    ]
    b_ends = [(lo + s, hi + s) for s, (lo, hi) in zip(shifts, a_ends, strict=True)]
    shared = np.ix_(*(hi - lo for lo, hi in a_ends))
    count = shared[0] * shared[1] * shared[2]
    usable = count >= LEAST_SHARE * min(a.size, b.size)
    for along, n, m in zip(shared, a.shape, b.shape, strict=True):
        usable = usable & (along >= LEAST_EDGE * min(n, m))
    sum_a, sum_b = _box_sums(a, a_ends), _box_sums(b, b_ends)
    spread_a = _box_sums(a * a, a_ends) - sum_a**2 / count
    spread_b = _box_sums(b * b, b_ends) - sum_b**2 / count
    product = _products(a, b) - sum_a * sum_b / count
    usable &= (spread_a > NOTHING * np.sum(a * a)) & (spread_b > NOTHING * np.sum(b * b))
    variance = np.where(usable, spread_a * spread_b, 1.0)
    r = np.where(usable, product / np.sqrt(variance), 0.0).clip(0, 1 - 1e-9)
    score = -count * np.log1p(-(r**2))
    place = np.unravel_index(int(np.argmax(score)), score.shape)
    shift = zyx(int(each[at]) for each, at in zip(shifts, place, strict=True))
    best = float(score[place])
    around = [min(n, m) // NEIGHBOURS for n, m in zip(a.shape, b.shape, strict=True)]
    score[tuple(slice(max(0, at - d), at + d + 1) for at, d in zip(place, around, strict=True))] = 0
    elsewhere = float(score.max())
    distinct = best / elsewhere if elsewhere > 0 else math.inf
    return Match(best, distinct if best > 0 else 0.0, float(r[place]), shift)


def _box_sums(values: np.ndarray, ends: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Return the sums over boxes, of which each axis has the starts and ends it is given."""
    for axis, (start, stop) in enumerate(ends):
        total = np.cumsum(values, axis=axis)
        total = np.pad(total, [(int(each == axis), 0) for each in range(3)])
        values = total.take(stop, axis=axis) - total.take(start, axis=axis)
    return values


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the sums of `a[i] b[i + s]` for every shift `s` at which the arrays meet."""
    lengths = [n + m - 1 for n, m in zip(a.shape, b.shape, strict=True)]
    padded = [fft.next_fast_len(length, real=True) for length in lengths]
    spectrum = fft.rfftn(b, padded, workers=1)
    spectrum *= np.conj(fft.rfftn(a, padded, workers=1))
    circular = fft.irfftn(spectrum, padded, workers=1)
    for axis, n in enumerate(a.shape):
        circular = np.roll(circular, n - 1, axis=axis)
    return circular[tuple(slice(length) for length in lengths)]
