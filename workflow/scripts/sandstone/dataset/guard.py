"""How wide the guard between splits has to be: the correlation length of slices along depth.

Nearer than that, a test slice repeats a training slice, so that test scores look better than
they are. The bootstrap's depth blocks are as long as the guard: with too short ones, intervals
are narrower than they should be.
"""

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from sandstone.choices import AUTO_GUARD
from sandstone.dataset.splits import guard_slices
from sandstone.errors import InputError

if TYPE_CHECKING:
    from sandstone.dataset.pairs import PairsAttributes

# The field's correlation length is where the correlation falls below 1/e: a slice then tells
# less than 1/e² = 14 % of the variance of another one. A much lower threshold would measure what
# never decays (rings, beam hardening) and the chance likeness of slices of few grains.
CORRELATED = math.exp(-1)
# The blur of a scan (a point spread function of 1.5 voxels) alone correlates so many voxels,
# which noise can hide.
FEW_VOXELS = 4
# The correlation at a lag comes from so many pairs of slices, spread evenly over the depth:
# on a sandstone of 90 slices within 0.005 of that from all pairs.
PAIRS = 16
EDGE = 1024  # pixels along y and along x, of which at most so many are compared

VoxelSize = tuple[float, float, float]  # z, y, x


class Stack(Protocol):
    """The slices of a sample, as `slices.Slices` reads them.

    The summary and the model card import this module, and have no reader of TIFF files.
    """

    shape: tuple[int, ...]

    def read(self, z: int) -> np.ndarray:
        """Return slice `z`, shape (y, x)."""

    def read_mask(self, z: int) -> np.ndarray:
        """Return where slice `z` shows rock: bool, shape (y, x)."""


class Correlation(NamedTuple):
    """Correlation of slices against their distance.

    Attributes
    ----------
    lags : list of int
        Distances, slices, ascending; empty where nothing can be compared.
    values : list of float
        The correlation at each.
    length : int
        First distance found at which it is below `CORRELATED`, slices; 0 if none was found.
    """

    lags: list[int]
    values: list[float]
    length: int


# --- measuring ---


def measure(stack: Stack) -> Correlation:
    """Measure how far apart slices are correlated, up to half of the depth.

    Lags are doubled until the correlation is below `CORRELATED`; bisection then finds the lag
    at which it falls there. So a large volume is read about as often as a small one.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    Correlation
        Without lags where slices have no rock in common, or one grey level each.
    """
    farthest = stack.shape[0] // 2
    known: dict[int, float] = {}
    above, below = 0, 0
    while above < farthest and not below:
        lag = min(max(2 * above, 1), farthest)
        known[lag] = correlation(stack, lag)
        if math.isnan(known[lag]):
            return Correlation([], [], 0)
        if known[lag] < CORRELATED:
            below = lag
        else:
            above = lag
    while below - above > 1:
        lag = (above + below) // 2
        known[lag] = correlation(stack, lag)
        if known[lag] >= CORRELATED:
            above = lag
        else:
            below = lag
    lags = sorted(known)
    return Correlation(lags, [round(known[lag], 4) for lag in lags], below)


def correlation(stack: Stack, lag: int) -> float:
    """Return Pearson's correlation of slices `lag` apart, in the rock that both show.

    Each slice loses its own mean there; covariances and variances are summed over the pairs.
    NaN where there is no common rock, or no contrast in it.
    """
    starts = np.linspace(0, stack.shape[0] - lag - 1, min(PAIRS, stack.shape[0] - lag))
    sums = np.zeros(3)
    for z in np.unique(starts.round().astype(int)):
        sums += _moments(stack, int(z), int(z) + lag)
    covariance, *variances = sums
    scale = math.sqrt(math.prod(variances))
    return float(covariance / scale) if scale else math.nan


def _moments(stack: Stack, upper: int, lower: int) -> tuple[float, float, float]:
    """Return covariance and variances of two slices, not yet divided by the number of pixels."""
    step = -(-max(stack.shape[1:]) // EDGE)
    thin = np.s_[::step, ::step]
    rock = stack.read_mask(upper)[thin] & stack.read_mask(lower)[thin]
    if not rock.any():
        return 0.0, 0.0, 0.0
    one, other = (stack.read(z)[thin][rock].astype(np.float64) for z in (upper, lower))
    one -= one.mean()
    other -= other.mean()
    return (one * other).sum(), (one * one).sum(), (other * other).sum()


# --- what follows for the guard ---


class Demand(NamedTuple):
    """A guard of so many slices at least, and the reason, which completes "since ..."."""

    slices: int
    reason: str


def demand(measured: Correlation, voxel_size_um: VoxelSize, depth_step: int) -> Demand:
    """Return what the guard should span at least.

    Slices that are not correlated, and farther apart than `FEW_VOXELS` of their voxels are
    wide, demand a single slice. Where no correlation can be measured, the user's own word
    counts that slices nearer than `depth_step` repeat each other.

    Parameters
    ----------
    measured : Correlation
    voxel_size_um : (z, y, x)
    depth_step : int
        Distance of the slices that are taken of a split, slices.
    """
    z, y, x = voxel_size_um
    blurred = Demand(
        guard_slices(FEW_VOXELS * max(y, x), z),
        f"it is shorter than {FEW_VOXELS} voxels, which a scan's blur alone correlates",
    )
    alike = _demand_of_likeness(measured, z, depth_step)
    return alike if alike.slices >= blurred.slices else blurred


def _demand_of_likeness(measured: Correlation, voxel_z_um: float, depth_step: int) -> Demand:
    told = in_words(measured, voxel_z_um)
    if measured.length:
        return Demand(measured.length, told)
    if measured.lags:
        return Demand(measured.lags[-1] + 1, told)
    return Demand(depth_step, f"{told}, and it is shorter than depth_step")


def in_words(measured: Correlation, voxel_z_um: float) -> str:
    """Return how far apart slices are correlated."""
    if not measured.lags:
        return "the correlation of slices cannot be measured"
    if measured.length:
        distance = f"{measured.length} slice(s) ({measured.length * voxel_z_um:g} µm)"
        return f"the correlation of slices falls below 1/e at a distance of {distance}"
    farthest = f"{measured.lags[-1]} slice(s) ({measured.lags[-1] * voxel_z_um:g} µm)"
    return (
        f"the correlation of slices is still {measured.values[-1]:.2f} at a distance of "
        f"{farthest}, half of the sample"
    )


def automatic_um(measured: Correlation, voxel_size_um: VoxelSize) -> float:
    """Return the guard that `AUTO_GUARD` takes, micrometres.

    Raises
    ------
    InputError
        If no correlation length was measured.
    """
    z = voxel_size_um[0]
    if measured.length:
        return demand(measured, voxel_size_um, 1).slices * z
    deeper = "use more slices, or " if measured.lags else ""
    raise InputError(
        f"guard_um {AUTO_GUARD} finds no guard, since {in_words(measured, z)}; {deeper}set "
        "guard_um to a number of micrometres"
    )


def span_slices(about: "PairsAttributes") -> int:
    """Return the slices that the guard spans, which are the bootstrap's block length.

    Without a guard, splits are still a slice apart.
    """
    return max(about.guard_slices, 1)


def warning(about: "PairsAttributes") -> str | None:
    """Return the sentence on a guard that is too short, None for one that is not.

    It follows from the attributes of a pairs file alone.
    """
    measured = Correlation(**about.correlation)
    least = demand(measured, about.hr_voxel_size_um, about.depth_step)
    if span_slices(about) >= least.slices:
        return None
    enough = f"{least.slices * about.hr_voxel_size_um[0]:g} ({least.slices} slices)"
    deeper = "" if measured.length or not measured.lags else "use more slices and "
    return (
        f"guard_um {about.guard_um:g} of sample {about.sample}, {about.guard_slices} slice(s), is "
        f"too short, since {least.reason}; {deeper}set it to {enough} or more, else test scores "
        "look better, and intervals narrower, than they are"
    )
