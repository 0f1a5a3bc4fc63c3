"""Blocks of both scans side by side, and how well the fine scan predicts the coarse one.

What the coarse scan should show at the centre of a voxel is the fine scan there, blurred as the
coarse scanner blurs. The blur is a Gaussian, in coarse voxels along each axis.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Protocol

import numpy as np
from scipy.ndimage import affine_transform

from sandstone.registration.scans import TRUNCATE, Box, Patch, Shape
from sandstone.registration.transform import Transform, Vector
from sandstone.sizes import zyx

MOST_BLOCKS = 27
COARSE_EDGE = 32  # largest edge of a block, coarse voxels
SMALLEST_EDGE = 8
SLACK = 2  # coarse voxels by which a transform may still move a block
WIDEST_BLUR = 2.0  # coarse voxels, for which the fine part of a block has room
MOST_MARGIN = 0.25  # share of an edge of the fine scan, if it is thin
FINE_EDGE = 220  # of that part, fine voxels: bounds memory


class Readable(Protocol):
    """A scan on disk, or a patch of one."""

    @property
    def shape(self) -> Shape:
        """Depth, height and width, voxels."""

    @property
    def voxel_size_um(self) -> Vector:
        """Voxel edge along z, y, x, micrometres."""

    def block(self, box: Box) -> Patch:
        """Return a box of voxels."""


@dataclass(frozen=True)
class Pair:
    """A block of the coarse scan, and the part of the fine scan that it needs.

    Attributes
    ----------
    fine, coarse : Patch
    inside : ndarray of bool, shape of coarse
        Voxels that the fine scan covers, to the blur's standard deviation from its faces.
    """

    fine: Patch
    coarse: Patch
    inside: np.ndarray

    def predicted(self, fine: Patch, transform: Transform) -> np.ndarray:
        """Return what the coarse scan should show inside, shape (n,), of the blurred `fine`."""
        return sample(fine, transform, self.coarse)[self.inside]

    @property
    def seen(self) -> np.ndarray:
        """What the coarse scan shows inside, shape (n,)."""
        return self.coarse.voxels[self.inside]


def _to_fine(transform: Transform, fine: Readable, coarse: Patch) -> tuple[np.ndarray, np.ndarray]:
    """Return A and b: coarse voxel `i` has its centre at `A i + b` in voxels of the fine scan.

    Whole fine voxels are centres of them; `fine` counts from the corner of its scan.
    """
    turn = np.linalg.inv(transform.matrix)
    matrix = turn * np.array(coarse.voxel_size_um) / np.array(fine.voxel_size_um)[:, np.newaxis]
    first = np.add(coarse.corner_um, np.divide(coarse.voxel_size_um, 2))
    offset = transform.to_fine(first) / fine.voxel_size_um - 0.5
    return matrix, offset


def sample(fine: Patch, transform: Transform, coarse: Patch) -> np.ndarray:
    """Return a patch of the fine scan at the centres of the coarse voxels, linearly interpolated.

    One thread, and sums in one order: the same bytes on every machine.
    """
    matrix, offset = _to_fine(transform, fine, coarse)
    return affine_transform(
        fine.voxels,
        matrix,
        offset - np.divide(fine.corner_um, fine.voxel_size_um),
        output_shape=coarse.shape,
        order=1,
        mode="nearest",
    )


def is_inside(
    transform: Transform, fine: Readable, coarse: Patch, margin: Sequence[float]
) -> np.ndarray:
    """Say which coarse voxels lie in the fine scan, `margin` fine voxels from its faces."""
    matrix, offset = _to_fine(transform, fine, coarse)
    inside = np.ones(coarse.shape, bool)
    z, y, x = np.ogrid[tuple(slice(length) for length in coarse.shape)]
    for row, start, length, width in zip(matrix, offset, fine.shape, margin, strict=True):
        place = start + row[0] * z + row[1] * y + row[2] * x
        inside &= (place >= width - 0.5) & (place <= length - 0.5 - width)
    return inside


def blur_um(coarse: Readable, blur: float) -> Vector:
    """Return the standard deviations of a blur of so many coarse voxels, micrometres."""
    return zyx(blur * size for size in coarse.voxel_size_um)


def overlap(fine: Readable, coarse: Readable, transform: Transform) -> Box | None:
    """Return the box of coarse voxels around the fine scan, None where there is none."""
    ends = np.multiply(fine.shape, fine.voxel_size_um)
    corners = transform.to_coarse(np.array(np.meshgrid(*((0, e) for e in ends))).reshape(3, -1).T)
    first = np.floor(corners.min(axis=0) / coarse.voxel_size_um)
    stop = np.ceil(corners.max(axis=0) / coarse.voxel_size_um)
    box = [
        slice(int(max(0, start)), int(min(length, end)))
        for start, end, length in zip(first, stop, coarse.shape, strict=True)
    ]
    return zyx(box) if all(part.stop > part.start for part in box) else None


def boxes(fine: Readable, coarse: Readable, transform: Transform) -> list[Box]:
    """Return blocks that fill the overlap or, where it is large, are spread evenly over it."""
    whole = overlap(fine, coarse, transform)
    if whole is None:
        return []
    ratio = np.divide(coarse.voxel_size_um, fine.voxel_size_um)
    around = 2 * (TRUNCATE * WIDEST_BLUR + SLACK)
    edges = np.clip(FINE_EDGE / ratio - around, SMALLEST_EDGE, COARSE_EDGE).astype(int)
    lengths = np.array([part.stop - part.start for part in whole])
    counts = -(-lengths // edges)
    while np.prod(counts) > MOST_BLOCKS:
        counts[np.argmax(counts)] -= 1
    along = [
        _spread(part, int(count), int(edge))
        for part, count, edge in zip(whole, counts, edges, strict=True)
    ]
    return [zyx(box) for box in product(*along)]


def _spread(whole: slice, count: int, edge: int) -> list[slice]:
    """Return `count` pieces of a range: of equal length, from its start to its end."""
    length = whole.stop - whole.start
    if count * edge >= length:
        cuts = [whole.start + i * length // count for i in range(count + 1)]
        return [slice(*ends) for ends in pairwise(cuts)]
    free = length - edge
    starts = [whole.start + (2 * i + 1) * length // (2 * count) - edge // 2 for i in range(count)]
    starts = [min(max(start, whole.start), whole.start + free) for start in starts]
    return [slice(start, start + edge) for start in starts]


def pair_of(fine: Readable, coarse: Readable, transform: Transform, blur: float, box: Box) -> Pair:
    """Read a block of the coarse scan, and what it needs of the fine one.

    Parameters
    ----------
    fine, coarse : Readable
    transform : Transform
    blur : float
        Standard deviation, coarse voxels: the fine part reaches as far around the block.
    box : tuple of slice
        Voxels of the coarse scan.
    """
    block = coarse.block(box)
    sigma = np.divide(blur_um(coarse, blur), fine.voxel_size_um)
    slack = SLACK * np.divide(coarse.voxel_size_um, fine.voxel_size_um)
    matrix, offset = _to_fine(transform, fine, block)
    ends = np.array(np.meshgrid(*((0, n - 1) for n in block.shape))).reshape(3, -1)
    corners = np.sum(matrix[:, :, np.newaxis] * ends, axis=1) + offset[:, np.newaxis]
    reach = TRUNCATE * sigma + slack + 1
    last = np.subtract(fine.shape, 1)
    first = np.clip(np.floor(corners.min(axis=1) - reach), 0, last).astype(int)
    stop = np.clip(np.ceil(corners.max(axis=1) + reach), 0, last).astype(int) + 1
    part = zyx(slice(int(a), int(b)) for a, b in zip(first, stop, strict=True))
    margin = np.minimum(sigma, np.multiply(fine.shape, MOST_MARGIN)).tolist()
    return Pair(fine.block(part), block, is_inside(transform, fine, block, margin))


def pairs(fine: Readable, coarse: Readable, transform: Transform, blur: float) -> Iterator[Pair]:
    """Yield the blocks in which both scans show the same rock, one read at a time."""
    for box in boxes(fine, coarse, transform):
        pair = pair_of(fine, coarse, transform, blur, box)
        if pair.inside.any():
            yield pair


class Correlation:
    """Pearson's correlation of numbers that come in parts, in one order."""

    def __init__(self) -> None:
        self._sums = np.zeros(6)
        # Sums of large numbers lose digits: levels count from those of the first part.
        self._origins: tuple[float, float] | None = None

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        """Count pairs of numbers, both of shape (n,), at least one pair."""
        a, b = first.astype(np.float64), second.astype(np.float64)
        if self._origins is None:
            self._origins = float(a.mean()), float(b.mean())
        a, b = a - self._origins[0], b - self._origins[1]
        self._sums += [len(a), a.sum(), b.sum(), (a * a).sum(), (b * b).sum(), (a * b).sum()]

    @property
    def count(self) -> int:
        """Pairs so far."""
        return int(self._sums[0])

    @property
    def value(self) -> float:
        """The correlation; 0 where one side is constant."""
        n, a, b, aa, bb, ab = self._sums
        spread = (n * aa - a * a) * (n * bb - b * b)
        return float((n * ab - a * b) / np.sqrt(spread)) if spread > 0 else 0.0
