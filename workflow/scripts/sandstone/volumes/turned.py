"""A volume whose slices follow another axis than that of its file."""

from dataclasses import replace

import numpy as np

from sandstone.sizes import VoxelSize, voxel_bytes, zyx
from sandstone.volumes.source import Source

# Of turned slices at once. A file of more is read once for every so many bytes of it.
KEPT_BYTES = 1 << 28
# Of the file's own slices at once.
READ_BYTES = 1 << 24

ORDERS = {"z": (0, 1, 2), "y": (1, 0, 2), "x": (2, 0, 1)}


def turned(source: Source, voxel_size_um: VoxelSize, axis: str) -> tuple[Source, VoxelSize]:
    """Return a source and its voxel size with `axis` in front, the others in their order."""
    if axis == "z":
        return source, voxel_size_um
    order = ORDERS[axis]
    shape = zyx(source.shape[each] for each in order)
    size = zyx(voxel_size_um[each] for each in order)
    return replace(source, shape=shape, read=_Turned(source, axis, shape).read), size


class _Turned:
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
