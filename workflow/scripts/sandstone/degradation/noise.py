"""The noise of a coarse scan, from what the model of it leaves: level, slope and grain."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

EVEN = 0.5  # share of the rock, the most even, in which noise is looked at
BINS = 12
CUT = 0.005  # share of the voxels at either end of the grey levels that is in no bin
FEWEST = 100  # voxels in a bin, below which its variance says little
NORMAL = 1.4826  # standard deviation of normal numbers whose median distance from 0 is 1
OUTLIER = 4.0  # standard deviations, to which larger residuals are cut for the correlation
WIDEST = 4.0  # voxels, the widest grain that is looked for
NARROWEST = 0.4  # voxels, below which a grain cannot be told from white noise
SURE = 3.0  # standard errors
ROBUST_ERROR = 1.64  # standard error of a robust deviation, of that of the usual one
TINY = 1e-12  # variance, so that noiseless scans divide by something


@dataclass(frozen=True)
class NoiseBins:
    """Mean grey level, robust variance and number of voxels of each bin of grey levels."""

    grey: tuple[float, ...]
    variance: tuple[float, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Noise:
    """The noise of a scan, in shares of a data range.

    Attributes
    ----------
    black, white : float
        Variance at grey 0 and 1; the line between them is that of photon transfer [1]_.
    correlation : tuple of float
        Standard deviation along z, y and x of the Gaussian that shapes white noise into it, voxels.
    bins : NoiseBins
        What the line was fitted to.

    References
    ----------
    .. [1] A. Foi, M. Trimeche, V. Katkovnik, K. Egiazarian, "Practical Poissonian-Gaussian noise
       modeling and fitting for single-image raw-data", IEEE Trans. Image Process. 17 (2008)
       1737-1754.
    """

    black: float
    white: float
    correlation: tuple[float, float, float]
    bins: NoiseBins

    def variance_at(self, grey: np.ndarray) -> np.ndarray:
        """Return the variance at grey levels between 0 and 1."""
        level = np.clip(grey, 0, 1)
        return self.black * (1 - level) + self.white * level


def fit_noise(
    residuals: Sequence[np.ndarray], grey: Sequence[np.ndarray], even: Sequence[np.ndarray]
) -> Noise:
    """Fit the noise to residuals.

    A slope that is less than `SURE` standard errors away from 0 is taken for none.

    Parameters
    ----------
    residuals, grey : sequence of ndarray of float, each of shape (z, y, x)
        What the model leaves of each block of a scan, and the model, in shares of the data range.
    even : sequence of ndarray of bool
        Which voxels count: where the rock is even, so that neither a blur that is not quite
        Gaussian nor a voxel out of place passes for noise.
    """
    left = np.concatenate([r[e] for r, e in zip(residuals, even, strict=True)])
    level = np.concatenate([g[e] for g, e in zip(grey, even, strict=True)])
    whole = _robust_variance(left)
    scaled = [_standardised(r, whole) for r in residuals]
    z, y, x = (grain_of(_neighbours(scaled, even, axis)) for axis in range(3))
    bins = _bins(level, left)
    # Noise with a grain says the same several times.
    alike = float(np.prod([max(1.0, 2 * np.sqrt(np.pi) * each) for each in (z, y, x)]))
    black, white = _line(bins, alike) or (whole, whole)
    return Noise(black, white, (z, y, x), bins)


def neighbours_of(grain: float) -> float:
    """Return how strongly neighbours correlate in white noise that a Gaussian of `grain` shaped."""
    place = np.arange(np.ceil(6 * WIDEST) + 1)
    gauss = np.exp(-(np.concatenate([-place[:0:-1], place]) ** 2) / (2 * grain**2))
    return float(np.sum(gauss[1:] * gauss[:-1]) / np.sum(gauss**2))


def grain_of(neighbours: float) -> float:
    """Return the grain, in voxels, of noise whose neighbours correlate like this; 0 for white."""
    grains = np.arange(NARROWEST, WIDEST, 0.01)
    known = [neighbours_of(grain) for grain in grains]
    return 0.0 if neighbours < known[0] else float(np.interp(neighbours, known, grains))


def _bins(level: np.ndarray, left: np.ndarray) -> NoiseBins:
    low, high = np.quantile(level, [CUT, 1 - CUT])
    edges = np.linspace(low, high, BINS + 1)
    numbers = np.clip(np.searchsorted(edges, level, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(numbers, minlength=BINS)
    kept = np.flatnonzero(counts >= min(FEWEST, counts.max()))
    members = [numbers == each for each in kept]
    return NoiseBins(
        tuple(float(level[each].mean()) for each in members),
        tuple(_robust_variance(left[each]) for each in members),
        tuple(counts[kept].tolist()),
    )


def _robust_variance(values: np.ndarray) -> float:
    return float(NORMAL * np.median(np.abs(values - np.median(values)))) ** 2


def _line(bins: NoiseBins, alike: float) -> tuple[float, float] | None:
    """Return the variance at black and at white, neither below 0; None where no slope is sure.

    `alike` is the number of voxels that count as one.
    """
    if len(bins.grey) < 2:
        return None
    greys, variances = np.array(bins.grey), np.array(bins.variance)
    errors = variances * ROBUST_ERROR * np.sqrt(2 * alike / np.array(bins.counts)) + TINY
    basis = np.column_stack([1 - greys, greys]) / errors[:, np.newaxis]
    ends, _ = nnls(basis, variances / errors)
    spread = np.linalg.pinv(basis.T @ basis)
    error = np.sqrt(max(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1], 0))
    return (float(ends[0]), float(ends[1])) if abs(ends[1] - ends[0]) > SURE * error else None


def _standardised(residual: np.ndarray, variance: float) -> np.ndarray:
    return np.clip(residual / np.sqrt(max(variance, TINY)), -OUTLIER, OUTLIER)


def _neighbours(scaled: list[np.ndarray], even: Sequence[np.ndarray], axis: int) -> float:
    """Return the correlation of neighbours along an axis, of those that both are even."""
    products = squares = 0.0
    for values, where in zip(scaled, even, strict=True):
        first, second = (_shifted(values, axis, end) for end in (0, 1))
        both = _shifted(where, axis, 0) & _shifted(where, axis, 1)
        products += float(np.sum(first[both] * second[both]))
        squares += float(np.sum(first[both] ** 2 + second[both] ** 2)) / 2
    return products / squares if squares else 0.0


def _shifted(values: np.ndarray, axis: int, end: int) -> np.ndarray:
    """Return all layers along an axis but the last one (`end` 0) or the first one (`end` 1)."""
    return np.moveaxis(values, axis, 0)[end : len(np.moveaxis(values, axis, 0)) - 1 + end]
