"""Refine a transform between two scans until the fine one predicts the coarse one best.

All blocks are fitted at once, by Levenberg and Marquardt's method, for the shift, the rotation
and the scale. Each block is compared after its own mean and spread are taken off, as in the
normalised correlation, so that neither grey levels nor slow shading need to agree. Sums run in
one order and through no threaded library: the result is the same to the bit on every machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from sandstone.registration.pairs import WIDEST_BLUR, Correlation, Pair, Readable, blur_um, pairs
from sandstone.registration.scans import Patch
from sandstone.registration.transform import Transform
from sandstone.sizes import zyx

STEP = 0.05  # coarse voxels at the far end of the overlap: for derivatives
ENOUGH = 3e-3  # coarse voxels at the far end of the overlap: smaller steps end the search
MOST_ITERATIONS = 30
LARGEST_DAMPING = 1e6
# Where two scans do not fit, a search would wander without these bounds.
LARGEST_MOVE = 8.0  # coarse voxels
LARGEST_TURN_DEG = 5.0
LARGEST_SCALE_ERROR = 0.05
BLURS = (0.2, WIDEST_BLUR)  # coarse voxels; the bounds between which the blur is sought
FEW = 8  # blocks that tell the blur, and the way to go at first
FLAT = 0.2  # share of the largest spread of a block, below which one counts as flat


@dataclass(frozen=True)
class Units:
    """What one unit of each of the seven parameters is: a coarse voxel at the overlap's far end.

    Attributes
    ----------
    voxel_um : float
        Smallest edge of a coarse voxel.
    reach_um : float
        Half the diagonal of the fine scan.
    """

    voxel_um: float
    reach_um: float

    @classmethod
    def of(cls, fine: Readable, coarse: Readable) -> "Units":
        """Return the units for two scans."""
        lengths = np.multiply(fine.shape, fine.voxel_size_um).tolist()
        return cls(min(coarse.voxel_size_um), math.hypot(*lengths) / 2)

    def moved(self, transform: Transform, step: np.ndarray) -> Transform:
        """Return a transform after a step in shift, rotation and scale, shape (7,)."""
        shift = np.add(transform.shift_um, np.multiply(step[:3], self.voxel_um))
        angle = math.degrees(self.voxel_um / self.reach_um)
        rotation = np.add(transform.rotation_deg, np.multiply(step[3:6], angle))
        scale = transform.scale * math.exp(float(step[6]) * self.voxel_um / self.reach_um)
        return replace(
            transform,
            shift_um=zyx(shift.tolist()),
            rotation_deg=zyx(rotation.tolist()),
            scale=scale,
        )


def refine(
    blocks: Sequence[Pair], start: Transform, units: Units, sigma_um: Sequence[float]
) -> Transform:
    """Return the transform near `start` with which the blurred fine blocks fit best.

    Parameters
    ----------
    blocks : sequence of Pair
    start : Transform
        Off by less than the rock's grains, or the blur.
    units : Units
    sigma_um : sequence of float
        Standard deviation of the blur along z, y and x, micrometres.

    Returns
    -------
    Transform

    References
    ----------
    D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters",
    J. Soc. Ind. Appl. Math. 11 (1963) 431-441.
    """
    blurred = [(pair, pair.fine.blurred(sigma_um)) for pair in blocks]
    transform, cost = start, _cost(blurred, start)
    damping = 1e-3
    for _ in range(MOST_ITERATIONS):
        curvature, slope = _normal_equations(blurred, transform, units)
        while damping < LARGEST_DAMPING:
            damped = curvature + damping * np.diag(np.diag(curvature) + 1e-12)
            step = np.linalg.solve(damped, -slope)
            tried = units.moved(transform, step)
            reached = _cost(blurred, tried) if _is_near(tried, start, units) else math.inf
            if reached < cost:
                break
            damping *= 10
        else:
            break
        transform, cost, damping = tried, reached, max(damping / 10, 1e-9)
        if np.abs(step).max() < ENOUGH:
            break
    return transform


def _is_near(transform: Transform, start: Transform, units: Units) -> bool:
    """Say whether a search may end there."""
    moved = np.subtract(transform.shift_um, start.shift_um) / units.voxel_um
    return bool(
        np.abs(moved).max() <= LARGEST_MOVE
        and np.linalg.norm(transform.rotation_deg) <= LARGEST_TURN_DEG
        and abs(transform.scale - 1) <= LARGEST_SCALE_ERROR
    )


Blurred = list[tuple[Pair, Patch]]


def _residual(pair: Pair, fine: Patch, transform: Transform) -> np.ndarray:
    """Return prediction minus coarse scan, both without mean, the former as spread as the latter.

    Float64, shape (n,), in grey levels of the coarse scan.
    """
    predicted = pair.predicted(fine, transform).astype(np.float64)
    seen = pair.seen.astype(np.float64)
    predicted -= predicted.mean()
    spread = predicted.std()
    gain = seen.std() / spread if spread > 0 else 0.0
    return gain * predicted - (seen - seen.mean())


def _cost(blurred: Blurred, transform: Transform) -> float:
    return math.fsum(float(np.sum(_residual(*each, transform) ** 2)) for each in blurred)


def _normal_equations(
    blurred: Blurred, transform: Transform, units: Units
) -> tuple[np.ndarray, np.ndarray]:
    """Return the curvature (7, 7) and half the slope (7,) of the cost, by central differences."""
    ends = [
        [units.moved(transform, sign * STEP * direction) for sign in (1, -1)]
        for direction in np.eye(7)
    ]
    curvature, slope = np.zeros((7, 7)), np.zeros(7)
    for each in blurred:
        residual = _residual(*each, transform)
        columns = [
            (_residual(*each, up) - _residual(*each, down)) / (2 * STEP) for up, down in ends
        ]
        for i, column in enumerate(columns):
            slope[i] += np.sum(column * residual)
            for j, other in enumerate(columns[: i + 1]):
                curvature[i, j] += np.sum(column * other)
    return curvature + np.tril(curvature, -1).T, slope


def some(blocks: Sequence[Pair]) -> Sequence[Pair]:
    """Return at most `FEW` blocks, spread evenly over all, which are one or more."""
    return blocks[:: -(-len(blocks) // FEW)]


def find_blur(blocks: Sequence[Pair], transform: Transform, coarse: Readable) -> float:
    """Return the blur of the fine scan that fits the coarse one best, coarse voxels.

    A few blocks tell it.
    """
    chosen = some(blocks)

    def misfit(blur: float) -> float:
        return -correlation_of(chosen, transform, blur_um(coarse, blur))

    found = minimize_scalar(misfit, bounds=BLURS, method="bounded", options={"xatol": 0.02})
    return float(found.x)


def correlation_of(
    blocks: Sequence[Pair], transform: Transform, sigma_um: Sequence[float]
) -> float:
    """Return the correlation of the blurred fine blocks with the coarse ones, all voxels alike."""
    total = Correlation()
    for pair in blocks:
        total.add(pair.predicted(pair.fine.blurred(sigma_um), transform), pair.seen)
    return total.value


def correlation(
    fine: Readable, coarse: Readable, transform: Transform, blur: float
) -> float | None:
    """Return the correlation over the blocks of the overlap, None where there is none."""
    total = Correlation()
    for pair in pairs(fine, coarse, transform, blur):
        prediction = pair.fine.blurred(blur_um(coarse, blur))
        total.add(pair.predicted(prediction, transform), pair.seen)
    return total.value if total.count else None


def local_correlation(
    blocks: Sequence[Pair], transform: Transform, sigma_um: Sequence[float]
) -> float:
    """Return the median of the blocks' own correlations.

    The outline of a plug in air raises the correlation of any two plugs, that of most blocks not.
    Blocks that show next to no contrast, as in air, do not count.
    """
    spreads = np.array([pair.seen.std() for pair in blocks])
    least = FLAT * spreads.max(initial=0.0)
    values = [
        correlation_of([pair], transform, sigma_um)
        for pair, spread in zip(blocks, spreads, strict=True)
        if spread >= least
    ]
    return float(np.median(values)) if values else 0.0
