"""Sub-blocks of two registered scans, spread over what both show: bounded memory, any size."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TypeVar

import numpy as np
from scipy.ndimage import affine_transform

from sandstone.errors import InputError
from sandstone.registration.transform import Transform
from sandstone.sizes import VoxelSize, zyx

T = TypeVar("T")
Shape = tuple[int, int, int]
Slices = tuple[slice, slice, slice]

BLOCK: Shape = (8, 32, 32)  # coarse voxels
LEAST = 4  # coarse voxels along each axis, below which nothing can be fitted
# Fine voxels a unit of scale, around a block: three times the widest blur, and half a box.
REACH = 6.5
MOST_BLOCKS = 27
MOST_VOXELS = 1 << 25  # fine voxels of all blocks, held as float32
LAYERS, ROWS = 3, 16  # most depths at which blocks lie, and most places along y and x
LEAST_ROCK = 0.5  # share of a block


@dataclass(frozen=True)
class Overlap:
    """Two scans of one rock, and how they lie on each other.

    Attributes
    ----------
    transform : Transform
        From the fine scan to the coarse one.
    fine_shape, coarse_shape : tuple of int
        Of what is read of each, voxels z, y, x.
    fine_origin : tuple of int
        Where the fine voxels that are read begin in the scan, voxels.
    fine_voxel_size_um, coarse_voxel_size_um : tuple of float
    scale : int
        Fine voxels that a coarse one averages.
    """

    transform: Transform
    fine_shape: Shape
    fine_origin: tuple[int, int, int]
    fine_voxel_size_um: VoxelSize
    coarse_shape: Shape
    coarse_voxel_size_um: VoxelSize
    scale: int

    def to_fine(self, voxels: np.ndarray) -> np.ndarray:
        """Return where coarse voxels, shape (..., 3), lie in the fine ones; both by centres."""
        points = (np.asarray(voxels) + 0.5) * self.coarse_voxel_size_um
        return self.transform.to_fine(points) / self.fine_voxel_size_um - 0.5 - self.fine_origin

    def to_coarse(self, voxels: np.ndarray) -> np.ndarray:
        """Return where fine voxels, shape (..., 3), lie in the coarse ones; both by centres."""
        points = (np.asarray(voxels) + self.fine_origin + 0.5) * self.fine_voxel_size_um
        return self.transform.to_coarse(points) / self.coarse_voxel_size_um - 0.5

    @property
    def ratio(self) -> np.ndarray:
        """Fine voxels a coarse one along z, y and x, in the coarse scan's own directions."""
        size = np.divide(self.coarse_voxel_size_um, self.fine_voxel_size_um)
        return size / self.transform.scale

    @property
    def reach(self) -> int:
        """How many fine voxels around a block are read."""
        return int(np.ceil(REACH * self.scale))


@dataclass(frozen=True)
class Box:
    """A box of coarse voxels: the first along each axis, and how many."""

    overlap: Overlap
    start: tuple[int, int, int]
    shape: Shape

    @property
    def slices(self) -> Slices:
        """The coarse voxels, for an index."""
        return _slices(self.start, np.add(self.start, self.shape))

    def corners(self, margin: float = 0.0) -> np.ndarray:
        """Return the outermost points in the fine scan, voxels, shape (8, 3).

        `margin` fine voxels are added on every side.
        """
        around = margin / self.overlap.ratio
        low = np.array(self.start) - around
        high = np.array(self.start) + np.array(self.shape) - 1 + around
        return self.overlap.to_fine(np.array(list(product(*zip(low, high, strict=True)))))

    def lies_inside(self) -> bool:
        """Say whether the fine scan shows the box and what is needed around it.

        Where the scans are turned, a corner may lack a little: that far away nothing weighs.
        """
        corners = self.corners(self.overlap.reach - self.overlap.scale)
        last = np.array(self.overlap.fine_shape) - 1
        return bool((corners >= 0).all() and (corners <= last).all())

    def fine_box(self) -> Slices:
        """Return the fine voxels of the box and of what is needed around it, for an index."""
        corners = self.corners(self.overlap.reach)
        low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
        high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, self.overlap.fine_shape)
        return _slices(low, high)


@dataclass(frozen=True)
class SubBlock:
    """A box of coarse voxels, and the fine voxels that it shows.

    Attributes
    ----------
    fine : ndarray of float32 in [0, 1], shape (z, y, x)
        Along the axes of the coarse scan.
    positions : tuple of three ndarrays
        The coarse voxels' centres along each axis of `fine`, voxels.
    coarse : ndarray of float64, shape (n_z, n_y, n_x)
    rock : ndarray of bool, shape (n_z, n_y, n_x)
    """

    fine: np.ndarray
    positions: tuple[np.ndarray, np.ndarray, np.ndarray]
    coarse: np.ndarray
    rock: np.ndarray


def choose(overlap: Overlap, read_rock: Callable[[int], np.ndarray]) -> list[Box]:
    """Return boxes that both scans show, spread over them, in order of depth.

    Parameters
    ----------
    overlap : Overlap
    read_rock : callable
        Returns where a fine slice shows rock: bool, shape (y, x).

    Raises
    ------
    InputError
        If no box with what it needs around it lies in both scans, or none in the rock.
    """
    inner = [_inner(overlap, axis) for axis in range(3)]
    if min(map(len, inner)) < LEAST:
        raise InputError(
            "what both scans show is too thin to fit a degradation: with "
            f"{overlap.reach} fine voxels around it, "
            f"{' x '.join(str(len(each)) for each in inner)} coarse voxels (z, y, x) remain, and "
            f"{LEAST} are needed along each axis; scan more of the rock, or check the registration"
        )
    shape = zyx(min(size, len(each)) for size, each in zip(BLOCK, inner, strict=True))
    starts = (
        _spread(_tiling(each, size), most)
        for each, size, most in zip(inner, shape, (LAYERS, ROWS, ROWS), strict=True)
    )
    boxes = [Box(overlap, zyx(start), shape) for start in product(*starts)]
    rocky = _rocky([box for box in boxes if box.lies_inside()], read_rock)
    if not rocky:
        raise InputError(
            "no block of what both scans show lies in the rock; check slices.field_of_view and "
            "the registration"
        )
    fine_voxels = float(np.prod(np.array(shape) * overlap.ratio + 2 * overlap.reach))
    return _spread(rocky, int(np.clip(MOST_VOXELS // fine_voxels, 1, MOST_BLOCKS)))


def read(
    boxes: Sequence[Box],
    *,
    read_fine: Callable[[int], np.ndarray],
    read_rock: Callable[[int], np.ndarray],
    read_coarse: Callable[[slice, slice, slice], np.ndarray],
) -> list[SubBlock]:
    """Read boxes; each fine slice once, and one at a time.

    Parameters
    ----------
    boxes : sequence of Box
    read_fine : callable
        Returns a fine slice: float32 in [0, 1], shape (y, x).
    read_rock : callable
        As for `choose`.
    read_coarse : callable
        Returns the coarse voxels of a box, given as three slices.
    """
    places = [box.fine_box() for box in boxes]
    fine = [np.zeros([axis.stop - axis.start for axis in place], np.float32) for place in places]
    rock = [np.zeros(each.shape, bool) for each in fine]
    for z in sorted({z for depth, _, _ in places for z in range(depth.start, depth.stop)}):
        image, mask = read_fine(z), read_rock(z)
        for (depth, *plane), voxels, solid in zip(places, fine, rock, strict=True):
            if depth.start <= z < depth.stop:
                voxels[z - depth.start] = image[tuple(plane)]
                solid[z - depth.start] = mask[tuple(plane)]
    return [
        _sub_block(box, voxels, solid, read_coarse(*box.slices))
        for box, voxels, solid in zip(boxes, fine, rock, strict=True)
    ]


def _slices(low: Iterable[int], high: Iterable[int]) -> Slices:
    return zyx(slice(int(first), int(last)) for first, last in zip(low, high, strict=True))


def _inner(overlap: Overlap, axis: int) -> range:
    """Return the coarse voxels along an axis that have enough fine ones around them.

    Where the scans are turned, this holds at the middle of the other axes.
    """
    middle = overlap.to_coarse((np.array(overlap.fine_shape) - 1) / 2)
    line = np.repeat(middle[np.newaxis], overlap.coarse_shape[axis], axis=0)
    line[:, axis] = np.arange(overlap.coarse_shape[axis])
    place = overlap.to_fine(line)[:, axis]
    last = overlap.fine_shape[axis] - 1 - overlap.reach
    found = np.flatnonzero((place >= overlap.reach) & (place <= last))
    return range(int(found[0]), int(found[-1]) + 1) if found.size else range(0)


def _tiling(inner: range, size: int) -> list[int]:
    """Return where blocks begin that fill a range without overlap, with equal rests at its ends."""
    count = len(inner) // size
    rest = (len(inner) - count * size) // 2
    return [inner.start + rest + size * each for each in range(count)]


def _spread(values: list[T], most: int) -> list[T]:
    """Return at most so many of the values, evenly spread; of few, all."""
    if len(values) <= most:
        return values
    middles = (np.arange(most) + 0.5) * len(values) / most
    return [values[int(place)] for place in middles]


def _rocky(boxes: list[Box], read_rock: Callable[[int], np.ndarray]) -> list[Box]:
    """Return the boxes that lie in the rock, by the fine slice through their middle."""
    found = []
    read_last = lru_cache(1)(read_rock)  # boxes are in order of depth
    for box in boxes:
        corners = np.rint(box.corners()).astype(int)
        (_, top, left), (_, bottom, right) = corners.min(axis=0), corners.max(axis=0)
        mask = read_last(int(np.rint(corners[:, 0].mean())))
        if mask[top : bottom + 1, left : right + 1].mean() >= LEAST_ROCK:
            found.append(box)
    return found


def _sub_block(box: Box, fine: np.ndarray, rock: np.ndarray, coarse: np.ndarray) -> SubBlock:
    overlap = box.overlap
    corner = [axis.start for axis in box.fine_box()]
    places = overlap.to_fine(np.moveaxis(np.mgrid[box.slices], 0, -1)) - corner
    nearest = np.clip(np.rint(places).astype(int), 0, np.array(fine.shape) - 1)
    shown = rock[tuple(np.moveaxis(nearest, -1, 0))]
    positions = (places[:, 0, 0, 0], places[0, :, 0, 1], places[0, 0, :, 2])
    if any(overlap.transform.rotation_deg):
        fine, positions = _turned(box, fine)
    return SubBlock(fine, positions, coarse.astype(np.float64), shown)


def _turned(
    box: Box, fine: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return fine voxels along the axes of the coarse scan, by cubic splines, and the positions.

    They are as large as the fine scan's, so that splines lose little, and less than the blur.
    """
    overlap, around = box.overlap, box.overlap.reach
    lengths = [ratio * (size - 1) for ratio, size in zip(overlap.ratio, box.shape, strict=True)]
    corner = [axis.start for axis in box.fine_box()]
    # One fine voxel along each axis of the coarse scan, from the corner of all that is needed.
    first = np.array(box.start) - around / overlap.ratio
    origin = overlap.to_fine(first) - corner
    steps = overlap.to_fine(first + np.diag(1 / overlap.ratio)) - corner - origin
    turned = affine_transform(
        fine,
        steps.T,
        offset=origin,
        output_shape=[int(np.ceil(length)) + 2 * around + 1 for length in lengths],
        output=np.float32,
        order=3,
        mode="nearest",
    )
    z, y, x = (
        around + ratio * np.arange(size)
        for ratio, size in zip(overlap.ratio, box.shape, strict=True)
    )
    return turned, (z, y, x)
