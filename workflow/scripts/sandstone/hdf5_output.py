"""New HDF5 files that survive a full disk: an error, where HDF5 itself would crash."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py

from sandstone.files import atomic_path

Check = Callable[[], None]


@contextmanager
def create(path: str | Path) -> Iterator[tuple[h5py.File, Check]]:
    """Open a new HDF5 file, which appears at `path` when the block succeeds.

    Yields
    ------
    file : h5py.File
    check : callable
        Raises the `OSError` that a write has met; call it now and then. Without, it is
        raised at the end of the block.
    """
    with atomic_path(path) as temporary, temporary.open("w+b", buffering=0) as stream:
        target = _Target(stream)
        with h5py.File(target, "w") as file:
            yield file, target.check
        target.check()


class _Target(io.RawIOBase):
    """The bytes of a file, on disk until a write fails and in memory from there on.

    HDF5 cannot let go of a file that it cannot write: it repeats its complaint for every
    object that it holds, and then crashes. So it is told that all is well, `check` tells the
    caller, and what was written since stays readable until HDF5 has closed.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0
        self._size = 0
        self._error: OSError | None = None
        self._in_memory: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise what the first failed write has met."""
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        start, length = self._position, len(buffer)
        self._stream.seek(start)
        content = bytearray(self._stream.read(length) or b"").ljust(length, b"\0")
        for place, written in self._in_memory:
            first, last = max(place, start), min(place + len(written), start + length)
            if first < last:
                content[first - start : last - start] = written[first - place : last - place]
        buffer[:] = bytes(content)
        self._position += length
        return length

    def write(self, content: memoryview) -> int:
        content = bytes(content)
        if self._error is None:
            try:
                self._write_whole(content)
            except OSError as error:
                self._error = error
        if self._error is not None:
            self._in_memory.append((self._position, content))
        self._position += len(content)
        self._size = max(self._size, self._position)
        return len(content)

    def _write_whole(self, content: bytes) -> None:
        """Write until nothing is left: a nearly full disk takes a part first."""
        self._stream.seek(self._position)
        while content:
            content = content[self._stream.write(content) :]

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        if self._error is None:
            self._stream.truncate(self._size)
        return self._size

    def flush(self) -> None:
        """Do nothing: what is written is not buffered here."""
