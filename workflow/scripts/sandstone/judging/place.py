"""What an upscaled volume, cubic interpolation and a true fine scan show of the same place.

All are brought to the fine scan's slices and grey levels. The fine scan itself is not interpolated,
since that would smooth its noise.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sandstone.dataset.slices import Slices
from sandstone.dataset.tiles import largest_tile, place_tiles
from sandstone.degradation.grey_map import GreyMap
from sandstone.errors import InputError
from sandstone.files import read_json
from sandstone.imaging import grey, window
from sandstone.registration.coarse import CoarseScan, Grid
from sandstone.registration.transform import Transform
from sandstone.sizes import zyx
from sandstone.volumes.volume import Volume

EDGE = 1024  # voxels of the middle of each slice that are looked at, at most
LEAST = 32  # voxels along each edge of an overlap that is worth a number
MOST_SLICES = 64  # evenly spread over the overlap
CUBIC = "cubic"  # the coarse scan itself, interpolated

Choose = Callable[[list[int]], list[int]]


def read_pair(registration: str | None, degradation: str | None) -> tuple[Transform, GreyMap]:
    """Return how two scans lie, and their grey levels: those of a pair, or as they are."""
    transform, greys = Transform(), GreyMap((0.0, 1.0), (0.0, 1.0))
    remedy = "delete it and make it again"
    if registration:
        found = read_json(registration, keys=["transform"], remedy=remedy)
        transform = Transform.from_dict(found["transform"], registration)
    if degradation:
        found = read_json(degradation, keys=["grey"], remedy=remedy)
        greys = GreyMap.from_dict(found["grey"], degradation)
    return transform, greys


def spread(inside: list[int]) -> list[int]:
    """Return at most `MOST_SLICES` slices, evenly spread."""
    count = min(len(inside), MOST_SLICES)
    places = np.rint((np.arange(count) + 0.5) * len(inside) / count - 0.5).astype(int)
    return [inside[place] for place in places]


def middle(length: int, most: int = EDGE) -> slice:
    """Return the middle of an axis, at most so many voxels."""
    start = max(0, (length - most) // 2)
    return slice(start, min(length, start + most))


def window_of(stack: Slices) -> tuple[Grid, slice, slice]:
    """Return the voxels of the fine slices that are looked at, and their rows and columns."""
    depth, height, width = stack.shape
    rows, columns = middle(height), middle(width)
    z, y, x = stack.metadata["origin"]
    grid = Grid(
        origin=(z, y + rows.start, x + columns.start),
        shape=(depth, rows.stop - rows.start, columns.stop - columns.start),
        scale=1,
        voxel_size_um=zyx(map(float, stack.metadata["voxel_size_um"])),
    )
    return grid, rows, columns


def common_square(shown: np.ndarray) -> tuple[slice, slice]:
    """Return rows and columns of a large square whose voxels are all shown, a mask (y, x).

    Raises
    ------
    InputError
        If it is too small to be worth a number.
    """
    edge = largest_tile(shown, 1)
    if edge < LEAST:
        raise InputError(
            f"the upscaled volume and the fine scan share no square of {LEAST} x {LEAST} voxels; "
            "check that hr names a scan of the same place, or name none"
        )
    y, x = place_tiles(shown, size=edge, stride=edge, multiple_of=1)[0]
    return slice(y, y + edge), slice(x, x + edge)


@dataclass(frozen=True)
class Place:
    """A square of some slices that the fine scan and all volumes show.

    Attributes
    ----------
    zs : list of int
        The slices, counted from the first of the stack.
    corner : tuple of int
        Of the square in the fine scan (y, x), voxels.
    """

    stack: Slices
    scans: Mapping[str, CoarseScan]
    greys: GreyMap
    zs: list[int]
    window: tuple[slice, slice]
    square: tuple[slice, slice]

    @property
    def depths(self) -> list[int]:
        """The slices, counted from the first of the fine scan."""
        return [z + self.stack.metadata["origin"][0] for z in self.zs]

    @property
    def corner(self) -> tuple[int, int]:
        """The first voxel of the square in the fine scan, (y, x)."""
        _, y, x = self.stack.metadata["origin"]
        rows, columns = self.window
        return y + rows.start + self.square[0].start, x + columns.start + self.square[1].start

    def hr(self, z: int) -> np.ndarray:
        """Return the square of the fine scan, in the dtype of the stack."""
        return self.stack.read(z)[self.window][self.square]

    def image(self, name: str, z: int) -> np.ndarray:
        """Return the same of a volume, float32 in [0, 1]."""
        levels = self.stack.metadata["window"]
        plane = self.greys.to_fine(self.scans[name].plane(z))
        return window.to_unit(plane, levels["low"], levels["high"])[self.square]

    def grey_image(self, name: str, z: int) -> np.ndarray:
        """Return the same in the grey levels and the dtype of the stack."""
        return grey.from_unit(self.image(name, z), self.stack.dtype)


def common_place(
    stack: Slices,
    volumes: Mapping[str, Volume],
    pair: tuple[Transform, GreyMap],
    test: Sequence[int],
    choose: Choose,
) -> Place:
    """Return what all show of some slices.

    Parameters
    ----------
    stack : Slices
        Of the fine scan.
    volumes : mapping of str to Volume
    pair : (Transform, GreyMap)
        How these lie on the fine scan, and their grey levels; see `read_pair`.
    test : sequence of int
        First and last slice of the fine scan that may be looked at.
    choose : callable
        Takes the slices of the stack of which all show something, returns those to look at.

    Raises
    ------
    InputError
        If no place is shown by all.
    """
    transform, greys = pair
    grid, rows, columns = window_of(stack)
    scans = {
        name: CoarseScan(each.read, each.shape, each.voxel_size_um, transform, grid)
        for name, each in volumes.items()
    }
    first, last = (depth - grid.origin[0] for depth in test)
    inside = [z for z in range(first, last + 1) if all(s.shown(z).any() for s in scans.values())]
    zs = choose(inside)
    shown = np.full(grid.shape[1:], bool(zs))
    for z in zs:
        shown &= stack.read_mask(z)[rows, columns]
        for scan in scans.values():
            shown &= scan.shown(z)
    return Place(stack, scans, greys, zs, (rows, columns), common_square(shown))
