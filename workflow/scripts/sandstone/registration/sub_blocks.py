"""Sub-blocks of two registered scans, spread over what both show: bounded memory, any size."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.ndimage import map_coordinates

from sandstone.errors import InputError
from sandstone.registration.transform import Transform, Vector

Shape = tuple[int, int, int]
Start = tuple[int, int, int]

BLOCK: Shape = (8, 32, 32)  # coarse voxels
LEAST = 4  # coarse voxels along each axis, below which nothing can be fitted
REACH = (
    6.5  # fine voxels a unit of scale, around a block: three times the widest blur, and half a box
)
MOST_BLOCKS = 27
MOST_VOXELS = 1 << 25  # fine voxels of all blocks, held as float32
LAYERS = 3  # depths at which blocks lie
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
    fine_voxel_um, coarse_voxel_um : tuple of float
    """

    transform: Transform
    fine_shape: Shape
    fine_origin: tuple[int, int, int]
    fine_voxel_um: Vector
    coarse_shape: Shape
    coarse_voxel_um: Vector

    def to_fine(self, voxels: np.ndarray) -> np.ndarray:
        """Return where coarse voxels, shape (..., 3), lie in the fine ones; both by centres."""
        points = (np.asarray(voxels) + 0.5) * self.coarse_voxel_um
        return self.transform.to_fine(points) / self.fine_voxel_um - 0.5 - self.fine_origin

    def to_coarse(self, voxels: np.ndarray) -> np.ndarray:
        """Return where fine voxels, shape (..., 3), lie in the coarse ones; both by centres."""
        points = (np.asarray(voxels) + self.fine_origin + 0.5) * self.fine_voxel_um
        return self.transform.to_coarse(points) / self.coarse_voxel_um - 0.5

    @property
    def ratio(self) -> np.ndarray:
        """Fine voxels a coarse one along z, y and x, in the coarse scan's own directions."""
        size = np.divide(self.coarse_voxel_um, self.fine_voxel_um)
        return size / self.transform.scale


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


def choose(
    overlap: Overlap, scale: int, read_rock: Callable[[int], np.ndarray]
) -> tuple[Shape, list[Start]]:
    """Return the shape of the blocks and where they begin, coarse voxels.

    Parameters
    ----------
    overlap : Overlap
    scale : int
        Fine voxels that a coarse one averages.
    read_rock : callable
        Returns where a fine slice shows rock: bool, shape (y, x).

    Raises
    ------
    InputError
        If no block with what it needs around it lies in both scans, or none in the rock.
    """
    inner = [_inner(overlap, scale, axis) for axis in range(3)]
    if min(map(len, inner)) < LEAST:
        raise InputError(
            "what both scans show is too thin to fit a degradation: with "
            f"{reach(scale)} fine voxels around it, "
            f"{' x '.join(str(len(each)) for each in inner)} coarse voxels (z, y, x) remain, and "
            f"{LEAST} are needed along each axis; scan more of the rock, or check the registration"
        )
    shape: Shape = tuple(min(size, len(each)) for size, each in zip(BLOCK, inner, strict=True))
    starts = [_tiling(each, size) for each, size in zip(inner, shape, strict=True)]
    inside = []
    for z in _spread(starts[0], LAYERS):
        inside += [
            start
            for start in product([z], *starts[1:])
            if _lies_inside(overlap, scale, shape, start)
        ]
    rocky = _rocky(overlap, shape, inside, read_rock)
    if not rocky:
        raise InputError(
            "no block of what both scans show lies in the rock; check slices.field_of_view and "
            "the registration"
        )
    fine_voxels = np.prod(np.array(shape) * overlap.ratio + 2 * reach(scale))
    most = int(np.clip(MOST_VOXELS // fine_voxels, 1, MOST_BLOCKS))
    return shape, _spread(rocky, most)


def read(
    overlap: Overlap,
    scale: int,
    chosen: tuple[Shape, list[Start]],
    *,
    read_fine: Callable[[int], np.ndarray],
    read_rock: Callable[[int], np.ndarray],
    read_coarse: Callable[[slice, slice, slice], np.ndarray],
) -> list[SubBlock]:
    """Read blocks; each fine slice once, and one at a time.

    Parameters
    ----------
    overlap : Overlap
    scale : int
    chosen : tuple
        As `choose` returns it.
    read_fine : callable
        Returns a fine slice: float32 in [0, 1], shape (y, x).
    read_rock : callable
        As for `choose`.
    read_coarse : callable
        Returns the coarse voxels of a box, given as three slices.
    """
    shape, starts = chosen
    boxes = [_fine_box(overlap, scale, shape, start) for start in starts]
    fine = [np.zeros([stop - start for start, stop in box], np.float32) for box in boxes]
    rock = [np.zeros(each.shape, bool) for each in fine]
    depths = {z for (start, stop), _, _ in boxes for z in range(start, stop)}
    for z in sorted(depths):
        image, mask = read_fine(z), read_rock(z)
        for (depth, rows, columns), voxels, solid in zip(boxes, fine, rock, strict=True):
            if depth[0] <= z < depth[1]:
                cut = (slice(*rows), slice(*columns))
                voxels[z - depth[0]], solid[z - depth[0]] = image[cut], mask[cut]
    return [
        _block(overlap, scale, shape, start, box, voxels, solid, read_coarse)
        for start, box, voxels, solid in zip(starts, boxes, fine, rock, strict=True)
    ]


def reach(scale: int) -> int:
    """Return how many fine voxels around a block are read."""
    return int(np.ceil(REACH * scale))


def _inner(overlap: Overlap, scale: int, axis: int) -> range:
    """Return the coarse voxels along an axis that have enough fine ones around them.

    Where the scans are turned, this holds at the middle of the other axes.
    """
    middle = overlap.to_coarse((np.array(overlap.fine_shape) - 1) / 2)
    line = np.repeat(middle[np.newaxis], overlap.coarse_shape[axis], axis=0)
    line[:, axis] = np.arange(overlap.coarse_shape[axis])
    place = overlap.to_fine(line)[:, axis]
    fits = (place >= reach(scale)) & (place <= overlap.fine_shape[axis] - 1 - reach(scale))
    found = np.flatnonzero(fits)
    return range(int(found[0]), int(found[-1]) + 1) if found.size else range(0)


def _tiling(inner: range, size: int) -> list[int]:
    """Return where blocks begin that fill a range without overlap, the rest parted equally."""
    count = len(inner) // size
    rest = (len(inner) - count * size) // 2
    return [inner.start + rest + size * each for each in range(count)]


def _spread(values: list, most: int) -> list:
    """Return at most so many of the values, evenly spread; of few, all."""
    if len(values) <= most:
        return list(values)
    middles = (np.arange(most) + 0.5) * len(values) / most
    return [values[int(place)] for place in middles]


def _corners(shape: Shape, start: Start, margin: np.ndarray) -> np.ndarray:
    """Return the outermost points of a block and its surroundings, coarse voxels, shape (8, 3)."""
    low = np.array(start) - margin
    high = np.array(start) + np.array(shape) - 1 + margin
    return np.array(list(product(*zip(low, high, strict=True))))


def _lies_inside(overlap: Overlap, scale: int, shape: Shape, start: Start) -> bool:
    # Where the scans are turned, a corner may lack a little: that far from a block nothing weighs.
    margin = (reach(scale) - scale) / overlap.ratio
    corners = overlap.to_fine(_corners(shape, start, margin))
    return bool((corners >= 0).all() and (corners <= np.array(overlap.fine_shape) - 1).all())


def _rocky(
    overlap: Overlap, shape: Shape, starts: list[Start], read_rock: Callable[[int], np.ndarray]
) -> list[Start]:
    """Return the blocks that lie in the rock, by the fine slice through their middle."""
    found, masks = [], {}
    for start in starts:
        corners = overlap.to_fine(_corners(shape, start, np.zeros(3)))
        z = int(np.clip(round(corners[:, 0].mean()), 0, overlap.fine_shape[0] - 1))
        if z not in masks:
            masks = {z: read_rock(z)}  # starts are in order of depth: one is enough
        (_, top, left), (_, bottom, right) = (
            np.rint(corners.min(axis=0)).astype(int),
            np.rint(corners.max(axis=0)).astype(int),
        )
        if masks[z][max(top, 0) : bottom + 1, max(left, 0) : right + 1].mean() >= LEAST_ROCK:
            found.append(start)
    return found


def _fine_box(overlap: Overlap, scale: int, shape: Shape, start: Start) -> list[tuple[int, int]]:
    """Return first and last fine voxel, ends excluded, along each axis around a block."""
    corners = overlap.to_fine(_corners(shape, start, reach(scale) / overlap.ratio))
    low = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(corners.max(axis=0)).astype(int) + 1, overlap.fine_shape)
    return [(int(first), int(last)) for first, last in zip(low, high, strict=True)]


def _block(
    overlap: Overlap,
    scale: int,
    shape: Shape,
    start: Start,
    box: list[tuple[int, int]],
    fine: np.ndarray,
    rock: np.ndarray,
    read_coarse: Callable[[slice, slice, slice], np.ndarray],
) -> SubBlock:
    corner = [first for first, _ in box]
    z, y, x = (slice(first, first + size) for first, size in zip(start, shape, strict=True))
    grid = np.stack(np.mgrid[z, y, x], axis=-1)
    places = overlap.to_fine(grid) - corner
    nearest = np.clip(np.rint(places).astype(int), 0, np.array(fine.shape) - 1)
    if any(overlap.transform.rotation_deg):
        fine, positions = _turned(overlap, scale, shape, start, corner, fine)
    else:
        positions = (places[:, 0, 0, 0], places[0, :, 0, 1], places[0, 0, :, 2])
    return SubBlock(
        fine=fine,
        positions=positions,
        coarse=read_coarse(z, y, x).astype(np.float64),
        rock=rock[tuple(np.moveaxis(nearest, -1, 0))],
    )


def _turned(
    overlap: Overlap, scale: int, shape: Shape, start: Start, corner: list[int], fine: np.ndarray
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return fine voxels along the axes of the coarse scan, by cubic splines, and the positions.

    They are as large as the fine scan's, so that little is lost, and less than the blur takes.
    """
    around = reach(scale)
    positions = [
        around + ratio * np.arange(size) for ratio, size in zip(overlap.ratio, shape, strict=True)
    ]
    lines = [
        first + (np.arange(int(np.ceil(place[-1])) + around + 1) - around) / ratio
        for first, place, ratio in zip(start, positions, overlap.ratio, strict=True)
    ]
    grid = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    places = np.moveaxis(overlap.to_fine(grid) - corner, -1, 0)
    turned = map_coordinates(fine, places, order=3, mode="nearest", output=np.float32)
    z, y, x = positions
    return turned, (z, y, x)
