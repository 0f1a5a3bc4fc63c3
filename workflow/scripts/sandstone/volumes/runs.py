"""Join the slices of several files, and read runs of slices where one costs no more."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

import numpy as np

from sandstone.errors import InputError
from sandstone.sizes import voxel_bytes
from sandstone.volumes.source import Source, library_errors

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


def joined(files: Sequence[Path], open_part: Callable[[Path], Source]) -> Source:
    """Return one source of the slices of several files, in the given order.

    Each file is opened once to see its slices, and again to read them; one is open at a time.

    Parameters
    ----------
    files : sequence of Path
    open_part : callable
        Opens one of them.

    Raises
    ------
    InputError
        If their slices differ in shape or type, or single slices lie among stacks.
    """
    parts = [_seen(file, open_part) for file in files]
    first = parts[0]
    for file, part in zip(files, parts, strict=True):
        if _slice_of(part) != _slice_of(first):
            raise InputError(
                f"{file}: a slice of {part.dtype.name} and shape {part.shape[1:]}, but "
                f"{files[0].name} is {first.dtype.name} of shape {first.shape[1:]}; "
                "put only slices of one scan together"
            )
    depths = [part.shape[0] for part in parts]
    # The last part of a stack may be a single slice; elsewhere stack and slices double each other.
    for file, depth in zip(files[1:], depths[1:-1] if depths[0] > 1 else depths[1:], strict=False):
        if (depth == 1) != (depths[0] == 1):
            raise InputError(
                f"{file}: slices in it: {depth}, in {files[0].name}: {depths[0]}; put either "
                "single slices or the parts of one stack together"
            )
    parts_in_order = _Parts(files, depths, open_part, first)
    shape = (sum(depths), *first.shape[1:])
    return in_runs(
        replace(
            first,
            shape=shape,
            read=parts_in_order.read,
            files=tuple(files),
            close=parts_in_order.close,
        )
    )


def _seen(file: Path, open_part: Callable[[Path], Source]) -> Source:
    """Return what a file's header says, with the file closed again."""
    with library_errors(file):
        source = open_part(file)
        source.close()
    return source


def _slice_of(source: Source) -> tuple[object, ...]:
    return source.shape[1:], source.dtype.newbyteorder("=")


class _Parts:
    """The slices of several files, of which the last one read stays open."""

    def __init__(
        self,
        files: Sequence[Path],
        depths: Sequence[int],
        open_part: Callable[[Path], Source],
        first: Source,
    ) -> None:
        self._files = files
        self._starts = list(accumulate(depths, initial=0))
        self._open_part = open_part
        self._slice = (first.shape[1:], first.dtype.newbyteorder("="))
        self._held: tuple[int, Source] | None = None

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Return rows of the slices z0 to z1 - 1, as `Source` describes."""
        (height, width), dtype = self._slice
        voxels = np.empty((z1 - z0, len(range(*rows.indices(height))), width), dtype)
        for place, file in enumerate(self._files):
            start, stop = self._starts[place : place + 2]
            a, b = max(z0, start), min(z1, stop)
            if a < b:
                with library_errors(file):
                    part = self._part(place)
                    voxels[a - z0 : b - z0] = part.read(a - start, b - start, rows)
        return voxels

    def _part(self, place: int) -> Source:
        if self._held is None or self._held[0] != place:
            self.close()
            self._held = (place, self._open_part(self._files[place]))
        return self._held[1]

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._held is not None:
            self._held[1].close()
            self._held = None


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
