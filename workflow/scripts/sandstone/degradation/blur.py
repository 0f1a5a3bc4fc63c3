"""The blur of a coarse scan: how wide a Gaussian makes a fine scan look like it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from sandstone.degradation import forward
from sandstone.degradation.noise import EVEN, NORMAL
from sandstone.degradation.sub_blocks import SubBlock
from sandstone.errors import InputError
from sandstone.sizes import zyx

NARROWEST = 0.25  # fine voxels, which no scan can tell from no blur
WIDEST = 2.0  # coarse voxels
FARTHEST = 1.0  # coarse voxels that the registration may be wrong by
OUTLIER = 4.0  # standard deviations, beyond which a voxel is no longer fitted
ROUNDS = 2  # of fitting, between which outliers are found
STEPS = 50
LEAST_EXPLAINED = 0.25  # share of the coarse scan's variance


@dataclass(frozen=True)
class Blur:
    """The Gaussian of a coarse scanner, and what it leaves of each block.

    Attributes
    ----------
    sigma : tuple of float
        Standard deviation along z, y and x, fine voxels.
    shift : tuple of float
        Where the coarse voxels lie farther along z, y and x than registered, fine voxels.
    predicted : list of ndarray, each of shape (z, y, x)
        The fine scan as the coarse scanner sees it, in the fine scan's grey levels.
    steepness : list of ndarray
        Length of its gradient, a fine voxel.
    fitted : list of ndarray of bool
        Which voxels were fitted: rock, and no outlier.
    """

    sigma: tuple[float, float, float]
    shift: tuple[float, float, float]
    predicted: list[np.ndarray]
    steepness: list[np.ndarray]
    fitted: list[np.ndarray]

    def even(self) -> list[np.ndarray]:
        """Return which of the voxels that were fitted lie where the rock is most even."""
        pairs = list(zip(self.steepness, self.fitted, strict=True))
        most = np.quantile(np.concatenate([s[f] for s, f in pairs]), EVEN)
        return [f & (s <= most) for s, f in pairs]


def fit_blur(blocks: Sequence[SubBlock], scale: int) -> Blur:
    """Fit the blur by least squares, with a grey map that follows it.

    For each blur that is tried, the best parabola of grey levels is a linear problem, solved on
    the way (variable projection [1]_). What is left of a shift is fitted too: it would pass
    for blur. Noise of the fine scan hardly matters, since the model averages it away.

    Parameters
    ----------
    blocks : sequence of SubBlock
    scale : int
        Fine voxels that a coarse one averages along y and x.

    Raises
    ------
    InputError
        If the search does not settle, ends at a blur or a shift too large to believe, or the fine
        scan explains too little of the coarse one.

    References
    ----------
    .. [1] G. H. Golub, V. Pereyra, "Separable nonlinear least squares: the variable projection
       method and its applications", Inverse Problems 19 (2003) R1-R26.
    """
    fitted = [block.rock & _are_scanned(block.coarse) for block in blocks]
    limits = np.array([np.log(WIDEST * scale)] * 3 + [FARTHEST * scale] * 3)
    least = np.array([np.log(NARROWEST)] * 3 + [-FARTHEST * scale] * 3)
    start = np.array([np.log(scale)] * 3 + [0.0] * 3)
    for _ in range(ROUNDS):
        objective = _Objective(blocks, scale, fitted)
        found = least_squares(
            objective.residuals,
            start,
            jac=objective.jacobian,
            bounds=(least, limits),
            xtol=1e-3,
            ftol=1e-6,
            max_nfev=STEPS,
        )
        start = found.x
        explained = 1 - 2 * found.cost / objective.variance
        fitted = objective.without_outliers(found.x)
    _check(found.x, limits, settled=found.status > 0, explained=explained)
    images = objective.images(found.x)
    sigma = np.exp(found.x[:3])
    return Blur(
        sigma=zyx(sigma.tolist()),
        shift=zyx(found.x[3:].tolist()),
        predicted=[image[0] for image in images],
        steepness=[np.sqrt(np.sum(image[2::2] ** 2, axis=0)) for image in images],
        fitted=fitted,
    )


def _are_scanned(coarse: np.ndarray) -> np.ndarray:
    """Return where there are grey levels of a scan, not a number that stands for none."""
    low, middle, high = np.quantile(coarse, [0.25, 0.5, 0.75])
    return np.abs(coarse - middle) <= 100 * max(high - low, abs(middle), 1e-6)


def _check(found: np.ndarray, limits: np.ndarray, *, settled: bool, explained: float) -> None:
    remedy = "check the registration, and that both scans show the same rock"
    if explained < LEAST_EXPLAINED:
        raise InputError(
            f"the fine scan explains {max(explained, 0):.0%} of the coarse one, less than "
            f"{LEAST_EXPLAINED:.0%}; {remedy}"
        )
    if not settled:
        raise InputError(f"no blur was settled on in {STEPS} steps; {remedy}")
    if (found[:3] > limits[:3] - 0.01).any():
        raise InputError(
            f"the blur seems wider than {WIDEST:g} coarse voxels, the widest that is fitted; "
            f"{remedy}"
        )
    if (np.abs(found[3:]) > limits[3:] - 0.01).any():
        raise InputError(
            f"the scans lie more than {FARTHEST:g} coarse voxel off where they are registered; "
            f"{remedy}"
        )


class _Objective:
    """What least squares asks for: residuals of the coarse scan and their derivatives.

    Parameters are the logarithms of the three sigmas, then the three shifts.
    """

    def __init__(
        self, blocks: Sequence[SubBlock], scale: int, fitted: Sequence[np.ndarray]
    ) -> None:
        self._blocks = blocks
        self._scale = scale
        self._fitted = fitted
        self._at: np.ndarray | None = None
        self._images: list[np.ndarray] = []
        coarse = np.concatenate([b.coarse[f] for b, f in zip(blocks, fitted, strict=True)])
        self._unit = float(coarse.std()) or 1.0
        self._coarse = coarse / self._unit
        # A coarse scan of one level is explained by anything, and then has no map of grey levels.
        self.variance = float(np.sum((self._coarse - self._coarse.mean()) ** 2)) or 1.0

    def residuals(self, parameters: np.ndarray) -> np.ndarray:
        basis = _parabola(self._gathered(parameters)[0])
        return basis @ _solve(basis, self._coarse) - self._coarse

    def jacobian(self, parameters: np.ndarray) -> np.ndarray:
        """Return Kaufman's approximation: the map's own change is projected out."""
        predicted, *slopes = self._gathered(parameters)
        basis = _parabola(predicted)
        _, linear, square = _solve(basis, self._coarse)
        by_sigma, by_shift = slopes[::2], slopes[1::2]
        columns = [s * np.exp(p) for s, p in zip(by_sigma, parameters[:3], strict=True)]
        steepness = linear + 2 * square * predicted
        moved = np.stack([*columns, *by_shift], axis=1) * steepness[:, np.newaxis]
        return moved - basis @ _solve(basis, moved)

    def without_outliers(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Return which voxels count once those far from the model are left out."""
        left = self.residuals(parameters)
        near = np.abs(left) <= OUTLIER * NORMAL * np.median(np.abs(left))
        ends = np.cumsum([each.sum() for each in self._fitted])[:-1]
        kept = []
        for fitted, part in zip(self._fitted, np.split(near, ends), strict=True):
            mask = fitted.copy()
            mask[fitted] = part
            kept.append(mask)
        return kept

    def images(self, parameters: np.ndarray) -> list[np.ndarray]:
        """Return what `forward.predict` makes of each block."""
        if self._at is None or not np.array_equal(self._at, parameters):
            self._images = [self._predict(block, parameters) for block in self._blocks]
            self._at = parameters.copy()
        return self._images

    def _predict(self, block: SubBlock, parameters: np.ndarray) -> np.ndarray:
        axes = [
            forward.weights(position + shift, length, float(np.exp(sigma)), box)
            for position, shift, length, sigma, box in zip(
                block.positions,
                parameters[3:],
                block.fine.shape,
                parameters[:3],
                (1, self._scale, self._scale),
                strict=True,
            )
        ]
        return forward.predict(block.fine, axes)

    def _gathered(self, parameters: np.ndarray) -> np.ndarray:
        """Return prediction and derivatives of the voxels that are fitted, shape (7, n)."""
        images = self.images(parameters)
        pairs = zip(images, self._fitted, strict=True)
        return np.concatenate([image[:, f] for image, f in pairs], axis=1, dtype=np.float64)


def _parabola(levels: np.ndarray) -> np.ndarray:
    """Return what maps of grey levels within the fit are made of, shape (n, 3)."""
    return np.stack([np.ones_like(levels), levels, levels**2], axis=1)


def _solve(basis: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the coefficients of least squares, for any number of columns."""
    return np.linalg.lstsq(basis.T @ basis, basis.T @ wanted, rcond=None)[0]
