"""Open volumes that are one block of voxels behind a text header: MetaImage and NRRD."""

import functools
import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError, shortened
from sandstone.sizes import check_compressed_length, check_length, voxel_bytes
from sandstone.volumes.source import (
    HEADER_LIMIT,
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    micrometres,
    numbers,
    stated,
    stored_source,
    unreadable_is_silent,
    volume_shape,
)

META_TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_LONG": "i4",
    "MET_ULONG": "u4",
    "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
NRRD_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
NRRD_POSITIONS = ("domain", "space", "time", "none", "???")  # kinds of axes along which voxels lie
ANY_DEFLATE_HEADER = 47  # zlib's window bits: 15, plus 32 to recognise zlib and gzip alike


@dataclass(frozen=True)
class DataFile:
    """Where the voxels that a header describes lie, and how."""

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype
    offset: int
    compressed: bool


def open_metaimage(path: Path) -> Source:
    """Open a MetaImage (.mhd with a data file beside it, or .mha).

    The header follows https://itk.org/Wiki/ITK/MetaIO/Documentation; lengths without
    DistanceUnits are millimetres, ITK's convention.
    """
    header, end = _metaimage_header(path)
    if "BinaryData" in header and not _is_true(header, "BinaryData"):
        raise InputError(f"{path}: the voxels are text; save the voxels as binary data")
    if header["ElementDataFile"].lower() == "list":
        raise InputError(f"{path}: lists one file a slice; save the slices as TIFF or as one file")
    if int(header.get("ElementNumberOfChannels", "1")) != 1:
        raise InputError(f"{path}: voxels have several channels; convert it to grey")
    kind = header["ElementType"].upper()
    if kind not in META_TYPES:
        raise InputError(f"{path}: ElementType {kind} is not supported; save it as MET_USHORT")
    big = _is_true(header, "BinaryDataByteOrderMSB") or _is_true(header, "ElementByteOrderMSB")
    data = _metaimage_data(
        path,
        header,
        end,
        shape=tuple(int(length) for length in reversed(header["DimSize"].split())),
        dtype=np.dtype(META_TYPES[kind]).newbyteorder(">" if big else "<"),
    )
    return _source(data, path, _metaimage_voxel_size(header))


def _metaimage_header(path: Path) -> tuple[dict[str, str], int]:
    """Return the header's keys and the position behind its last line, ElementDataFile."""
    header = {}
    with path.open("rb") as stream:
        while stream.tell() < HEADER_LIMIT and (line := stream.readline(HEADER_LIMIT)):
            key, equals, value = line.decode("utf-8", errors="replace").partition("=")
            if not equals:
                break
            header[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
        end = stream.tell()
    for key in ("DimSize", "ElementType", "ElementDataFile"):
        if key not in header:
            raise InputError(f"{path}: no MetaImage header, {key} is missing; copy it again")
    return header, end


def _metaimage_data(
    path: Path, header: dict[str, str], end: int, *, shape: tuple[int, ...], dtype: np.dtype
) -> DataFile:
    local = header["ElementDataFile"].upper() == "LOCAL"
    file = path if local else _beside(path, header["ElementDataFile"])
    compressed = _is_true(header, "CompressedData")
    skip = int(header.get("HeaderSize", "0"))
    if skip == -1 and not compressed:  # the voxels are the end of the file
        offset = max(file.stat().st_size - voxel_bytes(shape, dtype), 0)
    else:
        offset = max(skip, 0) + (end if local else 0)
    return DataFile(file, shape, dtype, offset, compressed)


@unreadable_is_silent
def _metaimage_voxel_size(header: dict[str, str]) -> FileVoxelSize:
    spacing = numbers(header.get("ElementSpacing", ""))
    unit = header.get("DistanceUnits")
    if len(spacing) not in (2, 3) or (unit is None and set(spacing) == {1.0}):
        return UNKNOWN  # all ones is what writers put when nobody told them
    x, y, z = [*spacing, None][:3]
    scale = micrometres(unit or "mm")
    return stated(z, scale), stated(y, scale), stated(x, scale)


def _is_true(header: dict[str, str], key: str) -> bool:
    """Read a flag as MetaIO does, by its first character: True, T, 1."""
    return header.get(key, "").lower().startswith(("t", "1"))


def open_nrrd(path: Path) -> Source:
    """Open a NRRD file (attached or with a data file beside it; raw or gzip encoding).

    Format: https://teem.sourceforge.net/nrrd/format.html
    """
    import nrrd

    with path.open("rb") as file:
        stream = io.BytesIO(file.read(HEADER_LIMIT))  # a header may have no end
    header = nrrd.read_header(stream)
    end = stream.tell()
    encoding = header["encoding"]
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"{path}: encoding {encoding} is not supported; save it as raw or gzip")
    if int(header.get("line skip", header.get("lineskip", 0))) != 0:
        raise InputError(f"{path}: line skip is not supported; save it as an attached .nrrd")
    _refuse_channels(path, header)
    shape = tuple(int(length) for length in reversed(header["sizes"]))
    data = _nrrd_data(path, header, end, shape=shape, dtype=_nrrd_dtype(path, header))
    return _source(data, path, _nrrd_voxel_size(header))


def _refuse_channels(path: Path, header: dict[str, Any]) -> None:
    """Refuse an axis of colours or vectors, which would pass for the x axis of an image."""
    for kind, length in zip(header.get("kinds", ()), header["sizes"], strict=False):
        if length > 1 and kind not in NRRD_POSITIONS:
            raise InputError(f"{path}: has an axis of kind {kind}; convert it to grey")


def _nrrd_dtype(path: Path, header: dict[str, Any]) -> np.dtype:
    for code, names in NRRD_TYPES.items():
        if header["type"] in names:
            return np.dtype(code).newbyteorder(">" if header.get("endian") == "big" else "<")
    raise InputError(f"{path}: type {header['type']} is not supported; save it as uint16")


def _nrrd_data(
    path: Path, header: dict[str, Any], end: int, *, shape: tuple[int, ...], dtype: np.dtype
) -> DataFile:
    name = header.get("data file", header.get("datafile"))
    file = path if name is None else _beside(path, name)
    compressed = header["encoding"] != "raw"
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if skip not in (0, -1) and compressed:
        raise InputError(f"{path}: byte skip in gzip data is not supported; save it without")
    if skip == -1 and not compressed:  # the voxels are the end of the file
        offset = max(file.stat().st_size - voxel_bytes(shape, dtype), 0)
    else:
        offset = max(skip, 0) + (end if name is None else 0)
    return DataFile(file, shape, dtype, offset, compressed)


@unreadable_is_silent
def _nrrd_voxel_size(header: dict[str, Any]) -> FileVoxelSize:
    """Return the lengths of the space directions, or the spacings, where they have a unit."""
    if "space directions" in header:
        # A row per axis; NaN where an axis is not spatial.
        lengths = np.linalg.norm(np.asarray(header["space directions"], dtype=float), axis=1)
        units = [header.get("space units", [None])[0]] * len(lengths)
    else:
        lengths = header.get("spacings", ())
        units = header.get("units", [None] * len(lengths))
    sizes = [stated(length, micrometres(unit)) for length, unit in zip(lengths, units, strict=True)]
    x, y, z = [*sizes, None, None, None][:3]
    return z, y, x


def _beside(path: Path, name: str) -> Path:
    """Return the data file `name` of the header `path`; it must lie in the same folder."""
    data = path.parent / name
    if Path(name).name != name or data.resolve().parent != path.parent.resolve():
        raise InputError(
            f"{path}: its data file {shortened(name)} lies outside the header's folder; "
            "put both side by side"
        )
    if not data.is_file():
        raise InputError(f"{path}: its data file {data} is missing; copy it beside the header")
    return data


def _source(data: DataFile, header: Path, voxel_size_um: FileVoxelSize) -> Source:
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
        voxels.cache_clear,
        in_memory=True,
    )


def _decompress(data: DataFile) -> npt.NDArray[Any]:
    """Unpack zlib or gzip data, never into more bytes than the header declares."""
    expected = voxel_bytes(data.shape, data.dtype)
    unpacker = zlib.decompressobj(ANY_DEFLATE_HEADER)
    with data.path.open("rb") as stream:
        stream.seek(data.offset)
        content = unpacker.decompress(stream.read(), expected) if expected else b""
    check_length(data.path, expected, len(content))
    return np.frombuffer(content, data.dtype)


FORMATS = {
    ".mhd": Format(open_metaimage),
    ".mha": Format(open_metaimage),
    ".nrrd": Format(open_nrrd),
    ".nhdr": Format(open_nrrd),
}
