"""Open plain voxels: headerless files, those that a header elsewhere describes, NumPy's format."""

import functools
import io
import zlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError, shortened, shown
from sandstone.sizes import check_compressed_length, check_length, voxel_bytes
from sandstone.volumes.runs import Part, in_runs, joined
from sandstone.volumes.source import (
    HEADER_LIMIT,
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    stored_source,
    volume_shape,
)

GZIP = b"\x1f\x8b\x08"  # how a file begins that gzip has packed by deflate
ANY_DEFLATE_HEADER = 47  # zlib's window bits: 15, plus 32 to recognise zlib and gzip alike
BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"little": "<", "big": ">"}


@dataclass(frozen=True)
class RawLayout:
    """What a headerless file does not say about itself.

    Attributes
    ----------
    shape : tuple of int
        Depth, height and width, voxels; x runs fastest.
    dtype : str
        Name of a NumPy type, such as ``uint16``.
    byteorder : str
        ``little`` or ``big``.
    offset : int
        Bytes before the first voxel.
    """

    shape: tuple[int, int, int] | None = None
    dtype: str | None = None
    byteorder: str = "little"
    offset: int = 0


@dataclass(frozen=True)
class DataFile:
    """Where voxels lie that a header or a layout describes, and how.

    Attributes
    ----------
    path : Path
    shape : tuple of int
    dtype : dtype
    offset : int
        Bytes before the voxels, or before the stream into which they are packed.
    compressed : bool
        Whether zlib or gzip has packed them.
    inside : int
        Bytes before the first voxel in the unpacked stream.
    exact : bool
        Whether that stream must end with the last voxel.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    compressed: bool
    inside: int = 0
    exact: bool = False


def open_raw(path: Path, layout: RawLayout | None) -> Source:
    """Open a headerless file; its length must be exactly what the layout says.

    A file that gzip has packed is known by its first bytes, as its name may not tell.
    """
    shape, voxel, offset = _checked_layout(path, layout)
    expected = offset + voxel_bytes(shape, voxel)
    if (actual := path.stat().st_size) != expected and is_gzip(path):
        packed = DataFile(path, shape, voxel, 0, compressed=True, inside=offset, exact=True)
        return data_source(packed, path)
    if actual > expected:
        raise InputError(
            f"{path}: offset, shape and dtype under raw describe {expected} bytes, but it holds "
            f"{actual}; correct them (a header belongs into offset)"
        )
    return stored_source(path, shape, voxel, offset)


def _checked_layout(
    path: Path, layout: RawLayout | None
) -> tuple[tuple[int, int, int], np.dtype, int]:
    """Return shape, type and offset of a layout that is one."""
    if layout is None or layout.shape is None or layout.dtype is None:
        raise InputError(
            f"{path}: a headerless file does not say its shape and dtype; give them under raw"
        )
    shape, offset = layout.shape, layout.offset
    try:
        voxel = np.dtype(layout.dtype).newbyteorder(BYTE_ORDERS[layout.byteorder])
    except (TypeError, KeyError) as error:
        raise InputError(
            f"{path}: {shown(layout.dtype)}, byte order {shown(layout.byteorder)}, is no type of "
            "voxels; write for example uint16 and little under raw"
        ) from error
    if len(shape) != 3 or min(shape) < 1 or offset < 0:
        raise InputError(
            f"{path}: raw shape {tuple(shape)} and offset {offset} are no layout; "
            "give three lengths above 0 and an offset of 0 or more"
        )
    depth, height, width = shape
    return (depth, height, width), voxel, offset


def is_gzip(path: Path, offset: int = 0) -> bool:
    """Say whether what begins at `offset` is packed by gzip."""
    with path.open("rb") as stream:
        stream.seek(offset)
        return stream.read(len(GZIP)) == GZIP


def files_source(
    header: Path,
    names: list[str] | None,
    end: int,
    *,
    shape: tuple[int, ...],
    dtype: np.dtype,
    skip: int,
    compressed: bool,
    voxel_size_um: FileVoxelSize,
) -> Source:
    """Return the voxels in the files that a header names.

    Parameters
    ----------
    header : Path
    names : list of str or None
        The files, in the order of depth; None if the voxels follow the header.
    end : int
        Bytes of the header.
    shape, dtype
        Of the whole volume.
    skip : int
        Bytes before the voxels of each file; -1: the voxels are its end.
    compressed : bool
        Whether they are packed. A file beside the header may be without the header's saying so.
    voxel_size_um : tuple of float or None
    """
    if names is None:
        data = _placed(header, shape, dtype, skip, compressed=compressed, end=end)
    elif len(names) == 1:
        data = _placed(beside(header, names[0]), shape, dtype, skip, compressed=compressed)
    else:
        return _of_several(
            header,
            names,
            volume_shape(shape, header),
            dtype,
            skip=skip,
            compressed=compressed,
            voxel_size_um=voxel_size_um,
        )
    return data_source(data, header, voxel_size_um)


def _placed(
    file: Path,
    shape: tuple[int, ...],
    dtype: np.dtype,
    skip: int,
    *,
    compressed: bool,
    end: int | None = None,
) -> DataFile:
    """Return where the voxels of one file lie: behind its header's `end`, or alone in it.

    A file of its own may be packed without the header's saying so.
    """
    stored, expected = file.stat().st_size, voxel_bytes(shape, dtype)
    at_end = skip == -1 and not compressed
    offset = max(stored - expected, 0) if at_end else max(skip, 0) + (end or 0)
    fits = stored == offset + expected
    packed = compressed or (end is None and not fits and is_gzip(file, offset))
    return DataFile(file, shape, dtype, offset, packed)


def _of_several(
    header: Path,
    names: list[str],
    shape: tuple[int, int, int],
    dtype: np.dtype,
    *,
    skip: int,
    compressed: bool,
    voxel_size_um: FileVoxelSize,
) -> Source:
    """Return the voxels in several files of as many slices each, each packed by itself if at all.

    References
    ----------
    ITK's MetaIO and Teem's NRRD unpack such files one by one.
    """
    depth, height, width = shape
    if not names or depth % len(names):
        raise InputError(
            f"{header}: {depth} slices cannot lie in {len(names)} files alike; correct the header"
        )
    part = (depth // len(names), height, width)
    files = [beside(header, name) for name in names]

    def opened(file: Path) -> Source:
        return data_source(_placed(file, part, dtype, skip, compressed=compressed), file)

    for file in files:
        opened(file).close()  # refuses one that is too short
    parts = [Part(file, part[0], partial(opened, file)) for file in files]
    first = opened(files[0])
    first.close()
    return joined(parts, replace(first, voxel_size_um=voxel_size_um), (header, *files))


def beside(path: Path, name: str) -> Path:
    """Return the data file `name` of the header `path`; it must lie in the same folder."""
    data = path.parent / name
    if Path(name).name != str(Path(name)) or data.resolve().parent != path.parent.resolve():
        raise InputError(
            f"{path}: its data file {shortened(name)} lies outside the header's folder; "
            "put both side by side"
        )
    if not data.is_file():
        raise InputError(f"{path}: its data file {data} is missing; copy it beside the header")
    return data


def data_source(data: DataFile, header: Path, voxel_size_um: FileVoxelSize = UNKNOWN) -> Source:
    """Return a source of the voxels that `header` describes; packed ones are read at once."""
    shape = volume_shape(data.shape, header)
    files = (header,) if data.path == header else (header, data.path)
    if not data.compressed:
        return stored_source(
            data.path, shape, data.dtype, data.offset, files=files, voxel_size_um=voxel_size_um
        )
    stored = data.path.stat().st_size - data.offset
    check_compressed_length(data.path, voxel_bytes(data.shape, data.dtype), stored)
    voxels = functools.cache(lambda: _decompress(data).reshape(shape))
    return Source(
        shape,
        data.dtype,
        lambda z0, z1, rows: voxels()[z0:z1, rows],
        files,
        voxel_size_um,
        close=voxels.cache_clear,
        in_memory=True,
    )


def _decompress(data: DataFile) -> npt.NDArray[Any]:
    """Unpack zlib or gzip data, never into more bytes than the header declares."""
    expected = data.inside + voxel_bytes(data.shape, data.dtype)
    unpacker = zlib.decompressobj(ANY_DEFLATE_HEADER)
    with data.path.open("rb") as stream:
        stream.seek(data.offset)
        content = unpacker.decompress(stream.read(), expected) if expected else b""
    check_length(data.path, expected, len(content))
    if data.exact and unpacker.decompress(unpacker.unconsumed_tail, 1):
        raise InputError(
            f"{data.path}: offset, shape and dtype under raw describe {expected} bytes, but more "
            "are packed into it; correct them"
        )
    return np.frombuffer(content, data.dtype, offset=data.inside)


def open_npy(path: Path) -> Source:
    """Open a NumPy file; pickled objects are refused."""
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    with path.open("rb") as file:
        stream = io.BytesIO(file.read(HEADER_LIMIT))  # a header may say that it is endless
    version = np.lib.format.read_magic(stream)
    if version not in readers:
        raise InputError(f"{path}: .npy version {version} holds no plain numbers; save it again")
    shape, fortran, dtype = readers[version](stream)
    offset = stream.tell()
    if dtype.hasobject or dtype.names:
        raise InputError(f"{path}: holds objects or records instead of numbers; save a plain array")
    source = stored_source(path, shape, dtype, offset, x_slowest=fortran)
    # With z fastest, each slice is strewn over the whole file.
    return in_runs(source, source.shape[0]) if fortran else source


FORMATS = {
    ".raw": Format(open_raw, takes="raw"),
    ".raw.gz": Format(open_raw, takes="raw"),
    ".npy": Format(open_npy),
}
