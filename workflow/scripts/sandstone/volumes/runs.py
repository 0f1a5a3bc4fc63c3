"""Read slices in runs, where the layout of a file makes a run as cheap as one slice."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sandstone.sizes import voxel_bytes
from sandstone.volumes.source import Source

HELD_BYTES = 1 << 28  # of a run, at most, unless a single call asks for more


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
