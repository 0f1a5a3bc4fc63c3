"""How a volume is divided for upscaling: blocks with halos, chunks, slabs.

A block is a box of LR voxels that is computed at once. What it becomes depends on the volume,
the network and this tiling alone, never on the job that computes it, so that any number of jobs
gives the same bytes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sandstone.errors import InputError
from sandstone.sizes import zyx

Shape = tuple[int, int, int]

# With axes z, about so many SR voxels a block: small enough to page through slices, large enough
# to keep the files few.
BLOCK_VOXELS = 1 << 22
MOST_SLICES = 64
CHUNK_DEPTH = 32  # with axes mean, most SR slices of a chunk
THICK = 16  # fewest, if the depth of blocks allows it: thin chunks are many files


class Block(NamedTuple):
    """Box of LR voxels: its place in the grid of blocks, and its first voxel, both (z, y, x)."""

    place: Shape
    origin: Shape


@dataclass(frozen=True)
class Tiling:
    """How one volume is divided.

    Attributes
    ----------
    shape : tuple of int
        Shape of the LR volume, (z, y, x), voxels.
    scale : int
        Factor by which the network enlarges.
    axes : str
        ``z``: each x-y slice is enlarged, the voxel edge along z stays. ``mean``: all axes are
        enlarged.
    tile : int
        Largest edge of a block within a slice; with axes mean, of cubes of half that edge.
    batch : int
        Slices that the network sees at once.
    halo : int
        LR pixels around a tile on which its result depends.
    """

    shape: Shape
    scale: int
    axes: str
    tile: int
    batch: int
    halo: int

    def __post_init__(self) -> None:
        """Refuse a volume that cannot be mirrored at its border."""
        for axis, length in zip("zyx", self.shape, strict=True):
            if length < 2 and (self.axes == "mean" or axis != "z"):
                raise InputError(
                    f"the volume of shape {list(self.shape)} has a single voxel along {axis}, so "
                    "there is nothing to upscale; check the shape and the axis order (z, y, x)"
                )

    @cached_property
    def factors(self) -> Shape:
        """Factors by which the axes are enlarged, (z, y, x)."""
        return (self.scale if self.axes == "mean" else 1, self.scale, self.scale)

    @cached_property
    def sr_shape(self) -> Shape:
        """Shape of the upscaled volume, voxels."""
        return self._enlarged(self.shape)

    @cached_property
    def block(self) -> Shape:
        """Shape of a block, LR voxels: equal parts of the volume, with little beyond its border."""
        if self.axes == "mean":
            edge = max(1, self.tile // 2)
            depth, height, width = (_even_part(length, edge) for length in self.shape)
            return (self._divisible(depth, edge), height, width)
        height, width = (_even_part(length, self.tile) for length in self.shape[1:])
        slices = min(BLOCK_VOXELS // (height * width * self.scale**2), MOST_SLICES, self.shape[0])
        return (-(-max(1, slices) // self.call) * self.call, height, width)

    def _divisible(self, depth: int, most: int) -> int:
        """Return the smallest depth from `depth` to `most` that divides into thick chunks.

        If there is none, return `depth`.
        """
        depths = range(depth, max(depth, most) + 1)
        thick = (
            each for each in depths if _part(each * self.scale) >= min(THICK, depth * self.scale)
        )
        return next(thick, depth)

    @cached_property
    def call(self) -> int:
        """Slices in one call of the network."""
        return self.batch if self.axes == "mean" else min(self.batch, self.shape[0])

    @cached_property
    def chunk(self) -> Shape:
        """Shape of a chunk of the upscaled volume, voxels; blocks hold whole chunks."""
        depth, height, width = self._enlarged(self.block)
        if self.axes == "mean":
            depth = _part(depth)
        return (depth, height, width)

    @cached_property
    def margin(self) -> Shape:
        """LR voxels around a block that are read with it."""
        return (self.halo if self.axes == "mean" else 0, self.halo, self.halo)

    @cached_property
    def counts(self) -> Shape:
        """Blocks along each axis."""
        return zyx(-(-length // edge) for length, edge in zip(self.shape, self.block, strict=True))

    def __len__(self) -> int:
        return math.prod(self.counts)

    def slab(self, number: int, slabs: int) -> range:
        """Return the numbers of the blocks of slab `number` (from 0) of `slabs`."""
        return range(len(self) * number // slabs, len(self) * (number + 1) // slabs)

    def __getitem__(self, number: int) -> Block:
        if not 0 <= number < len(self):
            raise IndexError(f"block {number} is not within 0:{len(self)}")
        place = zyx(int(index) for index in np.unravel_index(number, self.counts))
        return Block(place, zyx(i * n for i, n in zip(place, self.block, strict=True)))

    def region(self, block: Block) -> tuple[slice, slice, slice]:
        """Return the region of the upscaled volume that a block becomes, voxels."""
        return zyx(
            slice(first * factor, min(first + edge, length) * factor)
            for first, edge, length, factor in zip(
                block.origin, self.block, self.shape, self.factors, strict=True
            )
        )

    def voxels(self, block: Block) -> int:
        """Return the number of LR voxels of a block that lie within the volume."""
        sr = math.prod(part.stop - part.start for part in self.region(block))
        return sr // math.prod(self.factors)

    def chunks(self, block: Block) -> Iterator[Shape]:
        """Yield the places of a block's chunks in the grid of chunks."""
        ranges = [
            range(part.start // edge, -(-part.stop // edge))
            for part, edge in zip(self.region(block), self.chunk, strict=True)
        ]
        return ((z, y, x) for z in ranges[0] for y in ranges[1] for x in ranges[2])

    def sources(self, block: Block, axis: int) -> np.ndarray:
        """Return the indices of the LR voxels of a block with its margin along an axis.

        Beyond its border the volume is mirrored, and the border voxel is not repeated. This also
        fills a block that reaches beyond the border, and a halo larger than the volume.
        """
        margin = self.margin[axis]
        first = block.origin[axis] - margin
        beyond = np.arange(first, first + self.block[axis] + 2 * margin)
        return mirrored(beyond, self.shape[axis])

    def _enlarged(self, shape: Shape) -> Shape:
        return zyx(n * factor for n, factor in zip(shape, self.factors, strict=True))


def mirrored(indices: np.ndarray, length: int) -> np.ndarray:
    """Map any indices into 0 ... `length` - 1 by mirroring at the first and last voxel."""
    if length == 1:
        return np.zeros_like(indices)
    period = 2 * (length - 1)
    folded = np.mod(indices, period)
    return np.where(folded < length, folded, period - folded)


def _part(depth: int) -> int:
    """Return the depth of the thickest chunks that divide `depth`."""
    return max(part for part in range(1, CHUNK_DEPTH + 1) if depth % part == 0)


def _even_part(length: int, most: int) -> int:
    """Return the edge of the fewest equal parts, each at most `most`, that cover `length`."""
    return -(-length // -(-length // most))
