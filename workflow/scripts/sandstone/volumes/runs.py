"""Arrays and sources seen as others: in runs of slices, joined, turned, with another sign."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from sandstone.sizes import VoxelSize, voxel_bytes, zyx
from sandstone.volumes.source import ArrayLike, Source, library_errors

HELD_BYTES = 1 << 28  # of a run, at most, unless a single call asks for more

# Of turned slices at once. A file of more is read once for every so many bytes of it.
KEPT_BYTES = 1 << 28
# Of the file's own slices at once.
READ_BYTES = 1 << 24
ORDERS = {"z": (0, 1, 2), "y": (1, 0, 2), "x": (2, 0, 1)}


def in_runs(source: Source, depth: int = 1) -> Source:
    """Return a source that reads runs of slices and holds the last one.

    Calls that ask for slice after slice then read the file once where it would be read, or
    unpacked, once a call. Where a call asks for the slices of the last one again, as for another
    band of rows, whole slices are held. Runs that are too large for memory are cut.

    Parameters
    ----------
    source : Source
    depth : int
        Slices that are read at no more than the cost of one: the chunks of a container have as
        many, and runs end where these end.
    """
    return replace(source, read=_Runs(source, depth).read)


def in_chunks(source: Source, chunks: Sequence[int] | None) -> Source:
    """Return a source that unpacks a chunk once for all slices in it."""
    return in_runs(source, chunks[-3]) if chunks and len(chunks) >= 3 else source


class _Runs:
    def __init__(self, source: Source, depth: int) -> None:
        self._source = source
        self._depth = depth
        self._held: tuple[range, range, np.ndarray] | None = None
        self._asked: range | None = None

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Return the rows of the slices z0 to z1 - 1, as `Source` describes."""
        wanted = range(*rows.indices(self._source.shape[1]))
        if self._held is not None:
            slices, held_rows, voxels = self._held
            if _within(range(z0, z1), slices) and _within(wanted, held_rows):
                first = wanted.start - held_rows.start
                return voxels[z0 - slices.start : z1 - slices.start, first : first + len(wanted)]
        self._held = None  # freed before the next is made
        slices, rows_of_run = self._run(range(z0, z1), wanted)
        self._asked = range(z0, z1)
        voxels = self._source.read(
            slices.start, slices.stop, slice(rows_of_run.start, rows_of_run.stop)
        )
        if (slices, rows_of_run) == (range(z0, z1), wanted):
            return voxels
        self._held = (slices, rows_of_run, voxels)
        return self.read(z0, z1, rows)

    def _run(self, slices: range, wanted: range) -> tuple[range, range]:
        """Return the slices and the rows to read for a call."""
        depth, height, width = self._source.shape
        again = slices == self._asked and self._fitting(height, width) >= len(slices)
        rows = range(height) if again else wanted
        end_of_chunk = -(-slices.stop // self._depth) * self._depth
        fitting = slices.start + self._fitting(len(rows), width)
        return range(slices.start, max(slices.stop, min(end_of_chunk, fitting, depth))), rows

    def _fitting(self, height: int, width: int) -> int:
        return HELD_BYTES // max(1, voxel_bytes((height, width), self._source.dtype))


def _within(inner: range, outer: range) -> bool:
    return outer.start <= inner.start and inner.stop <= outer.stop


@dataclass(frozen=True)
class Part:
    """Some slices of a volume that lie in a file of their own.

    Attributes
    ----------
    path : Path
    depth : int
        Slices.
    open : callable
        Opens them as a `Source` of that depth.
    """

    path: Path
    depth: int
    open: Callable[[], Source]


def joined(parts: Sequence[Part], like: Source, files: tuple[Path, ...] | None = None) -> Source:
    """Return parts that lie one behind the other along z as one source.

    The part that was read last stays open: a volume may have more files than may be open at once,
    and to open a long stack for every slice of it would take its time.

    Parameters
    ----------
    parts : sequence of Part
        In the order of depth.
    like : Source
        Any of them; its height, width, type and voxel size are those of the whole.
    files : tuple of Path, optional
        Every file behind the volume. Default: those of the parts.
    """
    ends = list(accumulate(part.depth for part in parts))
    shape = (ends[-1], *like.shape[1:])
    held = _Held()

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        size = (z1 - z0, len(range(*rows.indices(shape[1]))), shape[2])
        voxels = np.empty(size, like.dtype.newbyteorder("="))
        for part, end in zip(parts, ends, strict=True):
            first = end - part.depth
            start, stop = max(z0, first), min(z1, end)
            if start < stop:
                voxels[start - z0 : stop - z0] = held.read(part, start - first, stop - first, rows)
        return voxels

    paths = files or tuple(part.path for part in parts)
    return Source(shape, like.dtype, read, paths, like.voxel_size_um, held.close)


class _Held:
    """The part that was read last."""

    def __init__(self) -> None:
        self._part: Part | None = None
        self._source: Source | None = None

    def read(self, part: Part, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Return rows of slices of a part, counted from its own first."""
        with library_errors(part.path):
            if self._source is None or self._part is not part:
                self.close()
                self._part, self._source = part, part.open()
            return self._source.read(z0, z1, rows)

    def close(self) -> None:
        """Let go of it."""
        if self._source is not None:
            self._source.close()
            self._source = None


def is_volume(shape: Sequence[int] | None) -> bool:
    """Say whether an array has three axes, leading ones of length 1 aside."""
    return shape is not None and len(shape) >= 3 and all(length == 1 for length in shape[:-3])


def order_of(names: Sequence[str], shape: Sequence[int]) -> tuple[int, int, int] | None:
    """Return the positions of z, y and x among the axes of an array.

    None where one of them is missing, or another axis is longer than 1.
    """
    if len(names) != len(shape) or any(names.count(axis) != 1 for axis in "zyx"):
        return None
    if any(length > 1 for name, length in zip(names, shape, strict=True) if name not in "zyx"):
        return None
    return names.index("z"), names.index("y"), names.index("x")


class Turned:
    """An array with its axes in the order z, y, x; others, of length 1, are dropped."""

    def __init__(self, array: ArrayLike, axes: tuple[int, int, int]) -> None:
        self._array = array
        self._axes = axes
        self.shape = tuple(array.shape[axis] for axis in axes)
        self.dtype = np.dtype(array.dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        whole: list[Any] = [0] * len(self._array.shape)
        for axis, part in zip(self._axes, (*index, slice(None))[:3], strict=True):
            whole[axis] = part
        stored = sorted(self._axes)
        voxels = np.asarray(self._array[tuple(whole)])
        return voxels.transpose([stored.index(axis) for axis in self._axes])


def turned(source: Source, voxel_size_um: VoxelSize, axis: str) -> tuple[Source, VoxelSize]:
    """Return a source and its voxel size with `axis` in front, the others in their order."""
    if axis == "z":
        return source, voxel_size_um
    order = ORDERS[axis]
    shape = zyx(source.shape[each] for each in order)
    size = zyx(voxel_size_um[each] for each in order)
    return replace(source, shape=shape, read=_TurnedBlocks(source, axis, shape).read), size


class _TurnedBlocks:
    """Reads turned slices by reading the whole file for a block of them, and keeps the block."""

    def __init__(self, source: Source, axis: str, shape: tuple[int, int, int]) -> None:
        self._source = source
        self._axis = axis
        self._shape = shape
        self._length = max(1, KEPT_BYTES // voxel_bytes(shape[1:], source.dtype))
        self._start = 0
        self._block: np.ndarray | None = None

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Return turned slices z0 to z1 - 1, or some of their rows, shape (z1 - z0, y, x)."""
        parts = []
        while z0 < z1:
            block = self._block_of(z0)
            end = min(z1, self._start + len(block))
            parts.append(block[z0 - self._start : end - self._start, rows])
            z0 = end
        empty = np.empty((0, *self._shape[1:]), self._source.dtype)[:, rows]
        return np.concatenate(parts) if parts else empty

    def _block_of(self, z: int) -> np.ndarray:
        """Return the block in which a turned slice lies."""
        start = z // self._length * self._length
        if self._block is None or start != self._start:
            self._block = None  # room for the next one
            self._block, self._start = self._gather(start), start
        return self._block

    def _gather(self, start: int) -> np.ndarray:
        stop = min(self._shape[0], start + self._length)
        block = np.empty((stop - start, *self._shape[1:]), self._source.dtype)
        depth, height, width = self._source.shape
        step = max(1, READ_BYTES // voxel_bytes((height, width), self._source.dtype))
        for z in range(0, depth, step):
            end = min(depth, z + step)
            if self._axis == "y":
                part = self._source.read(z, end, slice(start, stop)).swapaxes(0, 1)
            else:
                part = np.moveaxis(self._source.read(z, end, slice(0, height)), 2, 0)[start:stop]
            block[:, z:end] = part
        return block


class Unsigned:
    """An array of signed type whose bits mean unsigned numbers."""

    def __init__(self, array: ArrayLike) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = np.dtype(f"{array.dtype.byteorder}u{array.dtype.itemsize}")

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._array[index].view(self.dtype)
