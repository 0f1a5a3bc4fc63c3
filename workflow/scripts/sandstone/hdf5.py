"""HDF5 files: write them without a crash on a full disk, and check those to be read.

On a full disk HDF5 itself would crash; here it is an error. A file is safe to read if it holds
all of its numbers itself, as HDF5's filters can decode them.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import h5py
import numpy as np

from sandstone.errors import InputError
from sandstone.files import atomic_path
from sandstone.sizes import LARGEST_BLOCK, check_compressed_length, check_length, voxel_bytes

Check = Callable[[], None]


@contextmanager
def create(path: str | Path) -> Iterator[tuple[h5py.File, Check]]:
    """Open a new HDF5 file, which appears at `path` when the block succeeds.

    Yields
    ------
    file : h5py.File
    check : callable
        Raises the `OSError` of a failed write, if there was one; call it now and then. The
        end of the block calls it, too.
    """
    with atomic_path(path) as temporary, temporary.open("w+b", buffering=0) as stream:
        target = _Target(stream)
        with h5py.File(target, "w") as file:
            yield file, target.check
        target.check()


class _Target(io.RawIOBase):
    """The bytes of a file: on disk until a write fails, from then on in memory.

    HDF5 cannot close a file that it cannot write: it raises an error for each object that it
    holds, and then crashes. So HDF5 does not see the error, `check` raises it for the caller,
    and what was written since stays readable until HDF5 has closed the file.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0
        self._size = 0
        self._error: OSError | None = None
        self._in_memory: list[tuple[int, bytes]] = []

    def check(self) -> None:
        """Raise the error of the first failed write, if there was one."""
        if self._error is not None:
            raise self._error

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position

    # HDF5 hands over memoryviews; the type of all that may be, Buffer, comes with Python 3.12.
    def readinto(self, buffer: Any) -> int:
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

    def write(self, buffer: Any) -> int:
        content = bytes(buffer)
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
        """Write all bytes: a nearly full disk first takes a part of them."""
        self._stream.seek(self._position)
        while content:
            content = content[self._stream.write(content) :]

    def truncate(self, size: int | None = None) -> int:
        self._size = self._position if size is None else size
        if self._error is None:
            self._stream.truncate(self._size)
        return self._size

    def flush(self) -> None:
        """Do nothing: writes are not buffered here."""


SHUFFLE = 2
FILTERS = {1: "deflate", SHUFFLE: "shuffle", 3: "fletcher32", 32000: "lzf"}
CHECKSUM = 4  # bytes of fletcher32; HDF5 computes a negative length of shorter chunks
CHUNK_OVERHEAD = 1 << 12  # bytes by which compressing may lengthen a chunk


def refuse_links(archive: "h5py.File", path: Path) -> None:
    """Refuse a file with links, which could lead to any file of the machine.

    Raises
    ------
    InputError
        Naming the first soft or external link.
    """
    found: list[str] = []

    def note(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            found.append(f"{name} is a link to {link.path}")

    archive.visititems_links(note)
    if found:
        raise InputError(f"{path}: {found[0]}; make the file again")


def refuse_links_to(archive: "h5py.File", dataset: str, path: Path) -> None:
    """Refuse a name that leads through a link, which could lead to any file of the machine.

    Raises
    ------
    InputError
        Naming where the link leads.
    """
    group = archive
    for part in dataset.strip("/").split("/"):
        if not isinstance(group, h5py.Group) or part not in group.keys():  # noqa: SIM118 - dangling links
            return
        link = group.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            raise InputError(
                f"{path}: {dataset} leads through a link to {link.path}; "
                "set dataset to the array itself, in the file that holds it"
            )
        group = group[part]


def check_storage(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse a dataset whose numbers lie in other files, are incomplete, or would do harm.

    Raises
    ------
    InputError
        Naming the dataset and what to do.
    """
    if dataset.external or dataset.is_virtual:
        raise InputError(
            f"{path}: {dataset.name} keeps its voxels in other files; copy them into this one"
        )
    stored = dataset.id.get_storage_size()
    check = check_length if dataset.chunks is None else check_compressed_length
    check(path, voxel_bytes(dataset.shape, dataset.dtype), stored)
    if dataset.chunks is not None:
        _check_filters(dataset, path)
        check_chunk_size(dataset.chunks, dataset.dtype, path)
        _check_chunks(dataset, path)


def _check_filters(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse filters whose code in HDF5 trusts the file's content."""
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, parameters, name = properties.get_filter(number)
        shuffled_otherwise = code == SHUFFLE and parameters != (dataset.dtype.itemsize,)
        if code not in FILTERS or shuffled_otherwise:
            raise InputError(
                f"{path}: {dataset.name} passes through the filter "
                f"{name.decode(errors='replace')!r} ({code}), which is not supported; "
                "save it with gzip or without compression"
            )


def _check_chunks(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse chunks that lie beyond the file's end, or whose end the filters would pass."""
    length = path.stat().st_size
    raw = voxel_bytes(dataset.chunks, dataset.dtype)
    largest = raw + raw // 8 + CHUNK_OVERHEAD

    def check(chunk: "h5py.h5d.StoreInfo") -> None:
        if not CHECKSUM < chunk.size <= largest or chunk.byte_offset + chunk.size > length:
            raise InputError(
                f"{path}: the chunk of {dataset.name} at {chunk.chunk_offset} cannot hold "
                f"{chunk.size} bytes; the file is damaged, copy it again"
            )

    dataset.id.chunk_iter(check)


def check_chunk_size(chunks: "Sequence[int]", dtype: np.dtype, path: Path) -> None:
    """Refuse chunks that would not fit into memory: even one voxel needs its whole chunk."""
    if voxel_bytes(tuple(chunks), dtype) > LARGEST_BLOCK:
        raise InputError(
            f"{path}: chunks of shape {tuple(chunks)} take over {LARGEST_BLOCK >> 30} GB each; "
            "save it in smaller chunks"
        )
