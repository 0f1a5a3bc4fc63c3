"""Register two scans of one rock: find their place, refine it, and judge what was reached."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

import numpy as np

from sandstone.errors import InputError, note
from sandstone.registration import orientations
from sandstone.registration.pairs import WIDEST_BLUR, blur_um, pairs
from sandstone.registration.refine import (
    LARGEST_SCALE_ERROR,
    LARGEST_TURN_DEG,
    Units,
    correlation,
    find_blur,
    local_correlation,
    refine,
    some,
)
from sandstone.registration.scans import Patch, Scan
from sandstone.registration.search import Match, best_shift, common_voxels
from sandstone.registration.transform import Transform
from sandstone.sizes import zyx

OVERVIEW_EDGE = 128  # voxels of the longest edge of an overview
LEAST = 0.6  # correlation of most blocks, below which two scans do not show one rock
SURE = 0.9  # the same, from which on chance is out of the question
# Between both, the best shift must stand out so much from all others. Measured on two scans of a
# sandstone: 5 to 60 where they show one rock, 1.1 to 1.8 where they do not.
DISTINCT = 2.5
AT_BOUND = 0.9  # share of a bound of the search, beyond which an end is no optimum
WORSE = 0.001  # fall of the correlation that rounding and other voxels do not explain


@dataclass(frozen=True)
class Registration:
    """A transform between two scans, and how well it fits.

    Attributes
    ----------
    method : {"auto", "none", "given"}
    transform : Transform
    blur : float
        Standard deviation of the blur that turns the fine scan into the coarse one, coarse voxels.
    before, after : float or None
        Correlation as delivered and with the transform; None where the fields do not overlap.
    """

    method: str
    transform: Transform
    blur: float
    before: float | None
    after: float


def check_voxels(fine: Scan, coarse: Scan) -> None:
    """Refuse a coarse scan that is not coarser.

    Raises
    ------
    InputError
    """
    if math.prod(coarse.voxel_size_um) > math.prod(fine.voxel_size_um):
        return
    theirs, ours = (
        " x ".join(f"{size:g}" for size in scan.voxel_size_um) for scan in (coarse, fine)
    )
    raise InputError(
        f"{coarse.file}: the coarse scan has voxels of {theirs} µm, not larger than the {ours} µm "
        f"of {fine.file}; give the scan with the smaller voxels as path, the other one as lr"
    )


def centred(fine: Scan, transform: Transform) -> Transform:
    """Return a transform whose rotation and scale leave the centre of the fine scan in place."""
    return replace(transform, centre_um=zyx(length / 2 for length in fine.extent_um))


def given(fine: Scan, coarse: Scan, transform: Transform, method: str) -> Registration:
    """Return a transform that the user knows, with the correlations that it reaches.

    Raises
    ------
    InputError
        If it leaves the scans no common field.
    """
    check_voxels(fine, coarse)
    transform = centred(fine, transform)
    blocks = list(pairs(fine, coarse, transform, WIDEST_BLUR))
    if not blocks:
        _refuse_apart(fine, coarse, transform)
    blur = find_blur(blocks, transform, coarse)
    reached = _measured(fine, coarse, transform, blur, method)
    if reached.after < LEAST:
        note(
            f"{coarse.file}: the scans correlate at {reached.after:.2f} as registration "
            f"{method} lays them, where two scans of one rock reach more than {LEAST}; look at the "
            "figure registration, or let registration be auto"
        )
    return reached


def found(fine: Scan, coarse: Scan) -> Registration:
    """Find the transform between two scans of which nothing is known but the voxel sizes.

    Raises
    ------
    InputError
        If the scans do not show one rock, are mirrored or turned, or the search goes astray.
    """
    check_voxels(fine, coarse)
    voxel_um = _overview_voxel(fine, coarse)
    overviews = fine.binned(voxel_um), coarse.binned(voxel_um)
    common = [common_voxels(patch, voxel_um) for patch in overviews]
    match = best_shift(*common)
    start = centred(fine, Transform(match.shift_um(voxel_um)))
    print(f"overviews of {voxel_um:g} µm: correlation {match.correlation:.3f}", flush=True)
    start = _refine_overviews(overviews, start, voxel_um)
    transform, blur, reached = _refine_blocks(fine, coarse, start)
    is_one_rock = _is_sure(reached, match)
    if not is_one_rock or _at_bound(transform):
        _refuse_turned(fine, coarse, common, reached)
    if not is_one_rock:
        _refuse_unlike(fine, coarse, reached)
    result = _measured(fine, coarse, transform, blur, "auto")
    check_end(result, coarse)
    return result


def _overview_voxel(fine: Scan, coarse: Scan) -> float:
    """Return the edge of the cubic voxels on which both scans are first compared, micrometres."""
    longest = max(*fine.extent_um, *coarse.extent_um)
    return max(*coarse.voxel_size_um, longest / OVERVIEW_EDGE)


def _refine_overviews(
    overviews: tuple[Patch, Patch], start: Transform, voxel_um: float
) -> Transform:
    """Return the transform refined on both overviews, each blurred by its voxel."""
    fine, coarse = (patch.blurred((voxel_um,) * 3) for patch in overviews)
    blocks = list(pairs(fine, coarse, start, 0.0))
    return refine(blocks, start, Units.of(fine, coarse), (0.0, 0.0, 0.0)) if blocks else start


def _refine_blocks(fine: Scan, coarse: Scan, start: Transform) -> tuple[Transform, float, float]:
    """Return the transform refined on blocks of full resolution, the blur, and what is reached.

    A first pass with a wide blur forgives a start that is off by some coarse voxels; the second
    one knows the blur. What is reached is the correlation of most blocks, 0 without any.
    """
    units = Units.of(fine, coarse)
    blocks = list(pairs(fine, coarse, start, WIDEST_BLUR))
    if not blocks:
        return start, WIDEST_BLUR, 0.0
    near = refine(some(blocks), start, units, blur_um(coarse, WIDEST_BLUR))
    blocks = list(pairs(fine, coarse, near, WIDEST_BLUR))
    if not blocks:
        return near, WIDEST_BLUR, 0.0
    blur = find_blur(blocks, near, coarse)
    sigma_um = blur_um(coarse, blur)
    transform = refine(blocks, near, units, sigma_um)
    print(f"{len(blocks)} blocks: {_told(transform)}; blur {blur:.2f} voxels", flush=True)
    return transform, blur, local_correlation(blocks, transform, sigma_um)


def _measured(
    fine: Scan, coarse: Scan, transform: Transform, blur: float, method: str
) -> Registration:
    before = correlation(fine, coarse, Transform(), blur)
    after = correlation(fine, coarse, transform, blur)
    if after is None:
        _refuse_apart(fine, coarse, transform)
    return Registration(method, transform, blur, before, after)


def check_end(result: Registration, coarse: Scan) -> None:
    """Refuse where a search has gone astray.

    Raises
    ------
    InputError
        If it ends at a worse place than it was given, or at a bound of the search.
    """
    before, after, transform = result.before, result.after, result.transform
    if before is not None and after < before - WORSE:
        what = f"a correlation of {after:.3f}, below the {before:.3f} before"
    elif _at_bound(transform):
        turn = np.linalg.norm(transform.rotation_deg)
        what = f"a rotation of {turn:.1f}° and a scale of {transform.scale:.3f}, at its bounds"
    else:
        return
    raise InputError(
        f"{coarse.file}: registration has gone astray: it ends at {what}; check both voxel sizes "
        "and that both scans show one rock, or give registration as shift_um, rotation_deg and "
        "scale, or as none"
    )


def _is_sure(correlation: float, match: Match) -> bool:
    """Say whether scans that correlate so, and match so, show one rock.

    Where few grains overlap, seven parameters make any two rocks correlate at 0.8.
    """
    return correlation >= SURE or (correlation >= LEAST and match.distinct >= DISTINCT)


def _at_bound(transform: Transform) -> bool:
    turn = float(np.linalg.norm(transform.rotation_deg))
    scale_error = abs(transform.scale - 1)
    return turn > AT_BOUND * LARGEST_TURN_DEG or scale_error > AT_BOUND * LARGEST_SCALE_ERROR


def _refuse_apart(fine: Scan, coarse: Scan, transform: Transform) -> NoReturn:
    middle = transform.to_coarse(np.divide(fine.extent_um, 2)[np.newaxis])[0]
    shown = ", ".join(f"{each:.0f}" for each in middle)
    extent = " x ".join(f"{each:.0f}" for each in coarse.extent_um)
    raise InputError(
        f"{coarse.file}: the fields of both scans do not overlap: the middle of {fine.file} comes "
        f"to lie at {shown} µm (z, y, x) of a scan of {extent} µm; correct registration, or let it "
        "be auto"
    )


def _refuse_turned(fine: Scan, coarse: Scan, common: Sequence[np.ndarray], reached: float) -> None:
    """Refuse scans that show one rock once an axis of the coarse one is turned or swapped."""
    turned, match = orientations.orientation_of(*common)
    if turned == orientations.AS_IT_IS or not _is_sure(match.correlation, match):
        return
    raise InputError(
        f"{coarse.file}: the coarse scan is {turned.name}, against {fine.file} (correlation "
        f"{match.correlation:.2f} so, {reached:.2f} as delivered); save it as {turned.remedy}, "
        "with NumPy as np and its voxels as lr, and turn voxel_size_um alike where it differs "
        "from axis to axis"
    )


def _refuse_unlike(fine: Scan, coarse: Scan, reached: float) -> NoReturn:
    raise InputError(
        f"{coarse.file}: does not show the rock of {fine.file}: of all shifts, small turns and "
        f"scale errors the best correlates at {reached:.2f}, no better than chance, nor does one "
        "of the 48 orientations of its axes; name two scans of one rock, with their voxel sizes, "
        "whose fields share a quarter of each edge, or give registration as shift_um"
    )


def _told(transform: Transform) -> str:
    shift = ", ".join(f"{each:.2f}" for each in transform.shift_um)
    turn = ", ".join(f"{each:.3f}" for each in transform.rotation_deg)
    return f"shift {shift} µm, rotation {turn}°, scale {transform.scale:.5f}"
