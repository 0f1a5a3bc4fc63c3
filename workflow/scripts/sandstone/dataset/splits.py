"""Depth blocks for training, validation and testing, with guard gaps between them.

Slices drawn at random would leak: neighbouring slices of a rock repeat each other.
"""

import math
from collections.abc import Mapping
from itertools import combinations

from sandstone.errors import InputError

SPLITS = ("train", "val", "test")
# Lengths are decimal fractions, held in binary: 0.6 / 0.2 must count as 3, not as 2.999...
TOLERANCE = 1e-9


def guard_slices(guard_um: float, voxel_z_um: float) -> int:
    """Return the number of whole slices that make up a guard of `guard_um` micrometres."""
    return math.ceil(guard_um / voxel_z_um - TOLERANCE)


def split_by_depth(
    slices: range,
    wanted: Mapping[str, float | range],
    *,
    guard_um: float,
    voxel_z_um: float,
) -> dict[str, range]:
    """Split the depth of a sample into `train`, `val` and `test`.

    Shares are cut in this order, so that test slices are the farthest from training, with
    `guard_slices` whole slices left out between neighbours. Explicit ranges, as isolated
    slices need them, are taken as they are once every slice is found to be at least
    `guard_um` from every slice of another split.

    Parameters
    ----------
    slices : range
        All slices of the sample, z of the raw volume.
    wanted : mapping
        For each split its share of the slices that the two guards leave over, or its range
        of slices, z of the raw volume; three shares or three ranges.
    guard_um : float
        Least distance between slices of different splits, micrometres.
    voxel_z_um : float
        Distance from one slice to the next, micrometres.

    Returns
    -------
    dict of str to range
        z of the raw volume; no range is empty.

    Raises
    ------
    InputError
        If shares and ranges are mixed, shares do not add up to 1, the slices are too few,
        a range leaves the sample, or two splits come nearer than the guard.
    """
    ranges = {name: part for name in SPLITS if isinstance(part := wanted[name], range)}
    shares = {name: part for name in SPLITS if not isinstance(part := wanted[name], range)}
    if not ranges:
        return _split_by_shares(slices, shares, guard_um, voxel_z_um)
    if shares:
        raise InputError(
            "split mixes shares and slice ranges; give train, val and test as shares or as ranges"
        )
    _check_inside(ranges, slices)
    _check_distances(ranges, guard_um, voxel_z_um)
    return ranges


def check_reach(splits: Mapping[str, range], reach: int, voxel_z_um: float) -> None:
    """Refuse splits of which one would show slices of another through the blur in depth.

    Parameters
    ----------
    splits : mapping of str to range
        As `split_by_depth` returns them.
    reach : int
        How many slices above and below it an LR slice shows.
    voxel_z_um : float
        Distance from one slice to the next, micrometres.

    Raises
    ------
    InputError
        Naming the two splits, and the guard that would keep them apart.
    """
    for one, other in combinations(SPLITS, 2):
        lower, upper = sorted((one, other), key=lambda name: splits[name].start)
        last, first = splits[lower][-1], splits[upper][0]
        if first - last <= reach:
            raise InputError(
                f"the blur in depth reaches {reach} slices, so LR of slice {last} ({lower}) would "
                f"show slice {first} ({upper}); raise guard_um to {reach * voxel_z_um:g}, or "
                "lower psf_sigma along z"
            )


def _split_by_shares(
    slices: range, shares: Mapping[str, float], guard_um: float, voxel_z_um: float
) -> dict[str, range]:
    guard = guard_slices(guard_um, voxel_z_um)
    listed = [shares[name] for name in SPLITS]
    if min(listed) <= 0 or not math.isclose(sum(listed), 1, abs_tol=1e-6):
        raise InputError(
            f"split shares {listed} are not above 0 with the sum 1; correct train, val or test"
        )
    usable = len(slices) - 2 * guard
    if usable < len(SPLITS):
        largest = (len(slices) - len(SPLITS)) // 2
        advice = f" or set guard_um to at most {largest * voxel_z_um:g}" if largest >= 0 else ""
        raise InputError(
            f"split needs {2 * guard + len(SPLITS)} slices (two guards of {guard} and one slice "
            f"for each of train, val, test), but the sample has {len(slices)}; "
            f"use more slices{advice}"
        )
    train, val, _ = listed
    val_start = _clamp(round(train * usable), 1, usable - 2)
    test_start = _clamp(round((train + val) * usable), val_start + 1, usable - 1)
    return {
        "train": slices[:val_start],
        "val": slices[guard + val_start : guard + test_start],
        "test": slices[2 * guard + test_start :],
    }


def _check_inside(ranges: Mapping[str, range], slices: range) -> None:
    for name, part in ranges.items():
        if not part or part[0] not in slices or part[-1] not in slices:
            raise InputError(
                f"split {name} {part.start}:{part.stop - 1} is not within the sample's slices "
                f"{slices[0]}:{slices[-1]}; correct the range"
            )


def _check_distances(ranges: Mapping[str, range], guard_um: float, voxel_z_um: float) -> None:
    for one, other in combinations(SPLITS, 2):
        lower, upper = sorted((one, other), key=lambda name: ranges[name].start)
        last, first = ranges[lower][-1], ranges[upper][0]
        if first <= last:
            raise InputError(f"splits {one} and {other} share slice {first}; separate the ranges")
        distance = (first - last) * voxel_z_um
        if distance < guard_um - TOLERANCE:
            raise InputError(
                f"slice {last} ({lower}) and slice {first} ({upper}) are {distance:g} um apart, "
                f"less than guard_um {guard_um:g}; move the ranges apart or set guard_um to at "
                f"most {distance:g}"
            )


def _clamp(value: int, low: int, high: int) -> int:
    return min(max(value, low), high)
