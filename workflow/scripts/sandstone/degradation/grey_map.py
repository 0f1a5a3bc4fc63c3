"""Grey levels of one scan as those of the other: a monotone map between knots."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.polynomial import Polynomial
from scipy.optimize import isotonic_regression
from scipy.stats import trim_mean

from sandstone.errors import InputError

BINS = 32
CUT = 0.001  # share of the voxels at either end that is in no bin
FEWEST = 50  # voxels in a bin, below which its middle says little
DEGREE = 2
KNOTS = 9
ROUNDING = 1e-9  # rise of a map, share of its levels, that comes of rounding alone
FLATTEST = 0.2  # share of the mean slope; what is flatter could not be turned round


@dataclass(frozen=True)
class GreyMap:
    """Grey levels that two scans show of the same rock, both strictly rising.

    Between the knots the map is linear; beyond them it goes on as between the outermost two.

    Attributes
    ----------
    fine, coarse : tuple of float
        Raw grey levels of the two scans, at least two.
    """

    fine: tuple[float, ...]
    coarse: tuple[float, ...]

    def to_fine(self, levels: np.ndarray) -> np.ndarray:
        """Return what the fine scan shows, blurred, where the coarse one shows `levels`."""
        return _follow(np.asarray(levels, np.float64), self.coarse, self.fine)

    def to_coarse(self, levels: np.ndarray) -> np.ndarray:
        """Return what the coarse scan shows where the fine one, blurred, shows `levels`."""
        return _follow(np.asarray(levels, np.float64), self.fine, self.coarse)

    def as_dict(self) -> dict[str, list[float]]:
        """Return what `from_dict` takes, for JSON."""
        return {"fine": list(self.fine), "coarse": list(self.coarse)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str | Path) -> Self:
        """Return the map of a dictionary {"fine": [...], "coarse": [...]}.

        Raises
        ------
        InputError
            If these are no two strictly rising lists of one length; it names `source`.
        """
        try:
            ends = [np.asarray(values[name], np.float64) for name in ("fine", "coarse")]
            rising = all(end.ndim == 1 and (np.diff(end) > 0).all() for end in ends)
        except (KeyError, TypeError, ValueError):
            rising = False
        if not rising or not 2 <= len(ends[0]) == len(ends[1]):
            raise InputError(
                f"{source}: holds no map of grey levels; delete it and run fit_degradation.py again"
            )
        return cls(*(tuple(end.tolist()) for end in ends))


@dataclass(frozen=True)
class GreyBins:
    """What a map of grey levels was fitted to: a bin of fine levels each.

    Attributes
    ----------
    fine, coarse : tuple of float
        Mean fine level, and middle of the coarse ones.
    counts : tuple of int
        Voxels.
    """

    fine: tuple[float, ...]
    coarse: tuple[float, ...]
    counts: tuple[int, ...]


def fit_grey_map(fine: np.ndarray, coarse: np.ndarray) -> tuple[GreyMap, GreyBins]:
    """Fit the map to the grey levels of the same voxels in both scans.

    In bins of the fine levels, the middles of the coarse ones are found: the mean of the middle
    half, which a few voxels of another kind do not move, and which lies between whole levels. A
    parabola is fitted to the bins, each as important as the others. It holds what two scanners
    differ by: gain, offset and the gentle curve of another energy. More freedom would follow the
    scatter within a mineral, which the scans do not share, and be too flat there. Where the
    parabola turns, isotonic regression [1]_ makes it rise.

    Parameters
    ----------
    fine, coarse : ndarray of float, shape (n,)
        `fine` as the coarse scanner blurs it.

    Raises
    ------
    InputError
        If the coarse levels do not rise with the fine ones.

    References
    ----------
    .. [1] R. E. Barlow, D. J. Bartholomew, J. M. Bremner, H. D. Brunk, "Statistical Inference
       under Order Restrictions", Wiley (1972).
    """
    bins = _bins(fine, coarse)
    places = np.linspace(bins.fine[0], bins.fine[-1], KNOTS)
    degree = min(DEGREE, len(bins.fine) - 1)
    levels = isotonic_regression(Polynomial.fit(bins.fine, bins.coarse, degree)(places)).x
    steps = np.diff(levels)
    if degree < 1 or not steps.sum() > ROUNDING * np.abs(levels).max():
        raise InputError(
            "the coarse scan does not grow brighter with the fine one; check the registration, "
            "and that both scans show the same contrast"
        )
    rising = np.concatenate([[0.0], np.maximum(steps, FLATTEST * steps.mean()).cumsum()])
    rising += levels.mean() - rising.mean()
    return GreyMap(tuple(places.tolist()), tuple(rising.tolist())), bins


def _bins(fine: np.ndarray, coarse: np.ndarray) -> GreyBins:
    low, high = np.quantile(fine, [CUT, 1 - CUT])
    edges = np.linspace(low, high, BINS + 1)
    within = (fine >= low) & (fine <= high)
    fine, coarse = fine[within], coarse[within]
    numbers = np.clip(np.searchsorted(edges, fine, side="right") - 1, 0, BINS - 1)
    counts = np.bincount(numbers, minlength=BINS)
    # Scans of few voxels have no full bin: then the fullest serve.
    kept = np.flatnonzero(counts >= min(FEWEST, counts.max()))
    members = [numbers == each for each in kept]
    return GreyBins(
        tuple(float(fine[each].mean()) for each in members),
        tuple(float(trim_mean(coarse[each], 0.25)) for each in members),
        tuple(counts[kept].tolist()),
    )


def _follow(levels: np.ndarray, start: tuple[float, ...], end: tuple[float, ...]) -> np.ndarray:
    """Map levels from the knots `start` to the knots `end`."""
    mapped = np.interp(levels, start, end)
    low, high = ((end[i + 1] - end[i]) / (start[i + 1] - start[i]) for i in (0, len(end) - 2))
    mapped += np.minimum(levels - start[0], 0) * low
    mapped += np.maximum(levels - start[-1], 0) * high
    return mapped
