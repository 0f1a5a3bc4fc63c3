"""The 48 ways in which the axes of a scan can be swapped and turned round, by name.

A reconstruction program that counts slices from below mirrors a scan; a plug put on its side, or
an axis order that was taken for another one, turns it.
"""

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from sandstone.registration.search import Match, best_shift
from sandstone.sizes import zyx

AXES = "zyx"
LARGEST_EDGE = 64  # voxels of the arrays that are tried in every orientation
SMALLEST_EDGE = 12  # voxels that binning leaves of the smaller array, where it has more
CLEARLY = 0.6


@dataclass(frozen=True)
class Orientation:
    """Axes swapped, then turned round.

    Attributes
    ----------
    axes : tuple of int
        Which axis of the original becomes z, y and x.
    flipped : tuple of bool
        Which of the new axes z, y and x then runs the other way.
    """

    axes: tuple[int, int, int]
    flipped: tuple[bool, bool, bool]

    def applied(self, voxels: np.ndarray) -> np.ndarray:
        """Return an array in this orientation."""
        return np.flip(
            voxels.transpose(self.axes), tuple(axis for axis in range(3) if self.flipped[axis])
        )

    @property
    def is_mirrored(self) -> bool:
        """Whether no turning makes it, so that a right hand becomes a left one."""
        matrix = np.eye(3)[list(self.axes)] * np.where(self.flipped, -1, 1)[:, np.newaxis]
        return float(np.linalg.det(matrix)) < 0

    @property
    def name(self) -> str:
        """What happened to a scan in this orientation, as the end of a sentence."""
        turned = [axis for axis in range(3) if self.flipped[axis]]
        if self.axes == (0, 1, 2):
            return self._flips(turned)
        fixed = [axis for axis in range(3) if self.axes[axis] == axis]
        if not self.is_mirrored and fixed and not self.flipped[fixed[0]]:
            return f"turned by 90° about {AXES[fixed[0]]}"
        if not turned:
            if fixed:
                first, second = (AXES[axis] for axis in range(3) if axis != fixed[0])
                return f"saved with the axes {first} and {second} swapped"
            return f"saved with its axes in another order ({self._order()})"
        kind = "mirrored and turned" if self.is_mirrored else "turned"
        return f"{kind} (its z, y, x are {self._order()} of the other scan)"

    def _flips(self, turned: list[int]) -> str:
        if len(turned) == 1:
            upside_down = ", upside down" if turned == [0] else ""
            return f"mirrored along {AXES[turned[0]]}{upside_down}"
        if len(turned) == 2:
            (about,) = {0, 1, 2} - set(turned)
            upside_down = ", upside down" if 0 in turned else ""
            return f"turned by 180° about {AXES[about]}{upside_down}"
        return "mirrored along z, y and x" if turned else "as it should be"

    def _order(self) -> str:
        return ", ".join(
            f"{'-' if flip else ''}{AXES[axis]}"
            for axis, flip in zip(self.axes, self.flipped, strict=True)
        )

    @property
    def remedy(self) -> str:
        """The NumPy expression that undoes it, of an array `lr`."""
        turned = [axis for axis in range(3) if self.flipped[axis]]
        back = f"np.flip(lr, {tuple(turned) if len(turned) > 1 else turned[0]})" if turned else "lr"
        if self.axes == (0, 1, 2):
            return back
        return f"{back}.transpose{tuple(int(axis) for axis in np.argsort(self.axes))}"


AS_IT_IS = Orientation((0, 1, 2), (False, False, False))
ALL = [
    Orientation(zyx(axes), zyx(flipped))
    for axes in permutations((0, 1, 2))
    for flipped in product((False, True), repeat=3)
]


def orientation_of(fine: np.ndarray, coarse: np.ndarray) -> tuple[Orientation, Match]:
    """Return how the coarse scan is turned, and where it then lies.

    As it is, unless another orientation leaves less than `CLEARLY` of what does not correlate:
    the outline of a plug looks the same in many of them.

    Parameters
    ----------
    fine, coarse : ndarray, shape (z, y, x)
        Overviews of cubic voxels of one size.
    """
    factor = _factor(fine, coarse)
    fine, coarse = (binned(voxels, factor) for voxels in (fine, coarse))
    matches = {each: best_shift(each.applied(fine), coarse) for each in ALL}
    best = max(ALL, key=lambda each: matches[each].score)
    rest, of_best = (1 - matches[each].correlation for each in (AS_IT_IS, best))
    found = best if of_best < CLEARLY * rest else AS_IT_IS
    return found, matches[found]


def _factor(fine: np.ndarray, coarse: np.ndarray) -> int:
    """Return by how much both can be binned and still hold a pattern."""
    largest = max(*fine.shape, *coarse.shape)
    smallest = min(*fine.shape, *coarse.shape)
    return max(1, min(-(-largest // LARGEST_EDGE), smallest // SMALLEST_EDGE))


def binned(voxels: np.ndarray, factor: int) -> np.ndarray:
    """Return means over cubes of `factor` voxels; what fills no cube is left out."""
    if factor == 1:
        return voxels
    shape = [length // factor for length in voxels.shape]
    whole = voxels[tuple(slice(length * factor) for length in shape)]
    split = [each for length in shape for each in (length, factor)]
    return whole.reshape(split).mean(axis=(1, 3, 5))
