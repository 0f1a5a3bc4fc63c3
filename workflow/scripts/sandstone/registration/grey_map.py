"""Grey levels of one scan as those of the other: a monotone map between knots."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from sandstone.errors import InputError


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


def _follow(levels: np.ndarray, start: tuple[float, ...], end: tuple[float, ...]) -> np.ndarray:
    """Map levels from the knots `start` to the knots `end`."""
    mapped = np.interp(levels, start, end)
    low, high = ((end[i + 1] - end[i]) / (start[i + 1] - start[i]) for i in (0, len(end) - 2))
    mapped += np.minimum(levels - start[0], 0) * low
    mapped += np.maximum(levels - start[-1], 0) * high
    return mapped
