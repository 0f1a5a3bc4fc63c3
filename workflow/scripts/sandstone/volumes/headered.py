"""Open voxels behind a text header: MetaImage, NRRD, Amira, Volume Graphics and ESRF volumes."""

import io
import re
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from sandstone.errors import InputError, shown
from sandstone.sizes import voxel_bytes
from sandstone.volumes.folder import named_data
from sandstone.volumes.raw import (
    DataFile,
    RawLayout,
    beside,
    data_source,
    files_source,
    open_raw,
)
from sandstone.volumes.source import (
    HEADER_LIMIT,
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    micrometres,
    numbers,
    stated,
    unreadable_is_silent,
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
NRRD_LIST = re.compile(rb"(?im)^data ?file:[ \t]*LIST\b[^\n]*\n")
LIST_LIMIT = 1 << 20  # bytes; a list of files may be longer than other headers
AMIRA_TYPES = {
    "byte": "u1",
    "sbyte": "i1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
}
AMIRA_LATTICE = re.compile(
    r"(?m)^[ \t]*Lattice\s*\{\s*(\w+)(\[\d+\])?\s+\w+\s*\}\s*=?\s*@(\d+)(?:\((\w+)\s*,\s*\d+\))?"
)
NRRD_POSITIONS = ("domain", "space", "time", "none", "???")  # kinds of axes along which voxels lie


def open_metaimage(path: Path) -> Source:
    """Open a MetaImage (.mhd with a data file beside it, or .mha).

    The header follows https://itk.org/Wiki/ITK/MetaIO/Documentation; lengths without
    DistanceUnits are millimetres, ITK's convention.
    """
    header, end = _metaimage_header(path)
    if "BinaryData" in header and not _is_true(header, "BinaryData"):
        raise InputError(f"{path}: the voxels are text; save the voxels as binary data")
    if int(header.get("ElementNumberOfChannels", "1")) != 1:
        raise InputError(f"{path}: voxels have several channels; convert it to grey")
    kind = header["ElementType"].upper()
    if kind not in META_TYPES:
        raise InputError(f"{path}: ElementType {kind} is not supported; save it as MET_USHORT")
    big = _is_true(header, "BinaryDataByteOrderMSB") or _is_true(header, "ElementByteOrderMSB")
    local = header["ElementDataFile"].upper() == "LOCAL"
    names = None if local else named_data(header["ElementDataFile"], _lines(path, end), path)
    return files_source(
        path,
        names,
        end,
        shape=tuple(int(length) for length in reversed(header["DimSize"].split())),
        dtype=np.dtype(META_TYPES[kind]).newbyteorder(">" if big else "<"),
        skip=int(header.get("HeaderSize", "0")),
        compressed=_is_true(header, "CompressedData"),
        voxel_size_um=_metaimage_voxel_size(header),
    )


def _metaimage_header(path: Path) -> tuple[dict[str, str], int]:
    """Return the header's keys and the position behind its last line, ElementDataFile.

    Lines without a key are passed over, as ITK does.
    """
    header = {}
    with path.open("rb") as stream:
        while stream.tell() < HEADER_LIMIT and (line := stream.readline(HEADER_LIMIT)):
            key, equals, value = line.decode("utf-8", errors="replace").partition("=")
            if equals:
                header[key.strip()] = value.strip()
            if key.strip() == "ElementDataFile":
                break
        end = stream.tell()
    for key in ("DimSize", "ElementType", "ElementDataFile"):
        if key not in header:
            raise InputError(f"{path}: no MetaImage header, {key} is missing; copy it again")
    return header, end


def _lines(path: Path, start: int) -> list[str]:
    """Return the lines of a header from `start` on."""
    with path.open("rb") as stream:
        stream.seek(start)
        return stream.read(LIST_LIMIT).decode("utf-8", errors="replace").splitlines()


@unreadable_is_silent
def _metaimage_voxel_size(header: dict[str, str]) -> FileVoxelSize:
    # Without a unit, ElementSize means mm to ITK and µm to others, so it tells nothing then.
    unit = header.get("DistanceUnits")
    silent = "" if unit is None else header.get("ElementSize", "")
    spacing = numbers(header.get("ElementSpacing", silent))
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
        start = file.read(HEADER_LIMIT)  # a header may have no end
    stream = io.BytesIO(start)
    if listed := NRRD_LIST.search(start):
        stream = io.BytesIO(start[: listed.end()] + b"\n")  # what follows are names
    header = nrrd.read_header(stream)
    end = stream.tell()
    encoding = header["encoding"]
    if encoding not in ("raw", "gzip", "gz"):
        raise InputError(f"{path}: encoding {encoding} is not supported; save it as raw or gzip")
    if int(header.get("line skip", header.get("lineskip", 0))) != 0:
        raise InputError(f"{path}: line skip is not supported; save it as an attached .nrrd")
    skip = int(header.get("byte skip", header.get("byteskip", 0)))
    if skip not in (0, -1) and encoding != "raw":
        raise InputError(f"{path}: byte skip in gzip data is not supported; save it without")
    _refuse_channels(path, header)
    name = header.get("data file", header.get("datafile"))
    return files_source(
        path,
        None
        if name is None
        else named_data(name, _lines(path, listed.end() if listed else 0), path),
        end,
        shape=tuple(int(length) for length in reversed(header["sizes"])),
        dtype=_nrrd_dtype(path, header),
        skip=skip,
        compressed=encoding != "raw",
        voxel_size_um=_nrrd_voxel_size(header),
    )


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


def open_amira(path: Path) -> Source:
    """Open the lattice of an Amira or Avizo file (.am), plain or packed by zlib (HxZip).

    x runs fastest; the header ends with the line of an `@`, behind which the voxels lie.

    References
    ----------
    `AmiraReader` and `AmiraParameters` of Bio-Formats, https://github.com/ome/bioformats
    """
    with path.open("rb") as stream:
        start = stream.read(LIST_LIMIT)
    begin = re.search(rb"(?m)^@\d+[ \t]*\r?\n", start)
    head = start[: begin.start() if begin else 0].replace(b"\xc2\xb5", b"\xb5")  # either micro sign
    first, _, text = head.decode("latin-1").partition("\n")
    lengths = re.search(r"(?m)^[ \t]*define\s+Lattice\s+(\d+)\s+(\d+)\s+(\d+)", text)
    found = AMIRA_LATTICE.findall(text)
    if begin is None or lengths is None or "BINARY" not in first or len(found) != 1:
        raise InputError(
            f"{path}: not one binary lattice of voxels ({len(found)} named); save one volume with "
            "binary voxels, or export it as 3D TIFF"
        )
    kind, vector, index, packing = found[0]
    if vector or kind not in AMIRA_TYPES:
        raise InputError(f"{path}: voxels of type {kind}{vector} are not grey; convert it to grey")
    if begin[0].strip() != f"@{index}".encode():
        raise InputError(f"{path}: its voxels follow other data; save the volume alone")
    if packing not in ("", "HxZip"):
        raise InputError(
            f"{path}: its voxels are packed by {packing}; save it without, or export it as 3D TIFF"
        )
    order = "<" if "LITTLE-ENDIAN" in first else ">"
    x, y, z = map(int, lengths.groups())
    dtype = np.dtype(f"{order}{AMIRA_TYPES[kind]}")
    data = DataFile(path, (z, y, x), dtype, begin.end(), compressed=packing == "HxZip")
    return data_source(data, path, _amira_voxel_size(text, (x, y, z)))


@unreadable_is_silent
def _amira_voxel_size(text: str, lengths: tuple[int, int, int]) -> FileVoxelSize:
    """Return the voxel size by the bounding box, which ends in the centres of the last voxels."""
    box = re.search(r"BoundingBox\s+([^,\n]+)", text)
    unit = re.search(r'Coordinates\s+"([^"]+)"', text)
    if box is None or unit is None or not re.search(r'CoordType\s+"uniform"', text):
        return UNKNOWN
    ends = np.array(numbers(box[1]), dtype=float).reshape(3, 2)
    steps = np.array(lengths) - 1
    x, y, z = (
        stated(f"{(high - low) / step:.9g}", micrometres(unit[1])) if step else None
        for (low, high), step in zip(ends, steps, strict=True)
    )
    return z, y, x


# --- pairs of a text header and a .vol file ---


def open_vol(path: Path, layout: RawLayout | None) -> Source:
    """Open a .vol by the header beside it, `.vgi` or `.vol.info`; without one it is headerless."""
    for header, open_pair in ((path.with_suffix(".vgi"), open_vgi), (_info(path), open_vol_info)):
        if header.is_file():
            if layout is not None:
                raise InputError(f"{path}: {header.name} beside it tells its layout; remove raw")
            return open_pair(header)
    if layout is None:
        raise InputError(
            f"{path}: no header (.vgi or .vol.info) lies beside it; copy it there, or give the "
            "layout under raw"
        )
    return open_raw(path, layout)


def _info(path: Path) -> Path:
    return path.with_name(f"{path.name}.info")


def open_vgi(path: Path) -> Source:
    """Open a volume that Nikon's and other programs write for VGStudio: a .vgi and its .vol.

    The header has sections of lines ``key = value``: one for each data file, and one of geometry,
    which tells the voxel size in x, y, z. Voxels are little-endian.
    """
    sections = _vgi_sections(path)
    files = [keys for name, keys in sections if name.startswith("file")]
    if len(files) != 1:
        raise InputError(f"{path}: names {len(files)} data files; export the volume as one")
    (described,) = files
    missing = [
        key for key in ("size", "datatype", "bitsperelement", "name") if key not in described
    ]
    if missing:
        raise InputError(
            f"{path}: no Volume Graphics header, {missing[0]} is missing; copy it again"
        )
    bits = int(described["bitsperelement"])
    kind = described["datatype"].lower()
    code = "f" if "float" in kind else "u" if "unsigned" in kind else "i"
    if described.get("fileformat", "raw").lower() != "raw" or bits not in (8, 16, 32, 64):
        raise InputError(
            f"{path}: {kind} of {bits} bits is not plain voxels; export it as raw data"
        )
    name = PureWindowsPath(described["name"]).name
    own = path.with_suffix(".vol")
    return files_source(
        path,
        [own.name if own.is_file() and not (path.parent / name).is_file() else name],
        0,
        shape=tuple(int(length) for length in reversed(described["size"].split())),
        dtype=np.dtype(f"<{code}{bits // 8}"),
        skip=int(described.get("skipheader", "0")),
        compressed=False,
        voxel_size_um=_vgi_voxel_size(sections),
    )


def _vgi_sections(path: Path) -> list[tuple[str, dict[str, str]]]:
    """Return the sections of a .vgi by name, names and keys in lower case."""
    sections: list[tuple[str, dict[str, str]]] = []
    for line in _start(path).splitlines():
        if named := re.fullmatch(r"\s*\[(.+)\]\s*", line):
            sections.append((named[1].lower(), {}))
        key, equals, value = line.partition("=")
        if equals and sections:
            sections[-1][1].setdefault(key.strip().lower(), value.strip())
    return sections


def _vgi_voxel_size(sections: list[tuple[str, dict[str, str]]]) -> FileVoxelSize:
    for name, keys in sections:
        edges = keys.get("resolution", "").split()
        if name == "geometry" and len(edges) == 3:
            x, y, z = (stated(edge, micrometres(keys.get("unit", "mm"))) for edge in edges)
            return z, y, x
    return UNKNOWN


def open_vol_info(path: Path) -> Source:
    """Open a volume of the ESRF by its .vol.info: lines ``KEY = value``, the edge in micrometres.

    PyHST writes float32; volumes that were converted have fewer bytes a voxel, as their length
    tells.
    """
    keys = {
        key.strip().upper(): value.strip()
        for key, equals, value in (line.partition("=") for line in _start(path).splitlines())
        if equals
    }
    axes = ("NUM_Z", "NUM_Y", "NUM_X")
    if missing := [axis for axis in axes if axis not in keys]:
        raise InputError(f"{path}: no header of PyHST, {missing[0]} is missing; copy it again")
    shape = tuple(int(keys[axis]) for axis in axes)
    file = beside(path, path.name[: -len(".info")])
    stored = file.stat().st_size
    codes = {voxel_bytes(shape, code): code for code in ("u1", "u2", "f4")}
    if stored not in codes:
        raise InputError(
            f"{file}: {path.name} tells {shown(shape)} voxels, which its {stored} bytes do not "
            "hold as 8, 16 or 32 bits; copy both again"
        )
    order = ">" if keys.get("BYTEORDER", "LOWBYTEFIRST").upper() == "HIGHBYTEFIRST" else "<"
    edge = stated(keys.get("VOXELSIZE"))
    data = DataFile(file, shape, np.dtype(f"{order}{codes[stored]}"), 0, compressed=False)
    return data_source(data, path, (edge, edge, edge))


def _start(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(HEADER_LIMIT).decode("latin-1")


FORMATS = {
    ".mhd": Format(open_metaimage),
    ".mha": Format(open_metaimage),
    ".nrrd": Format(open_nrrd),
    ".nhdr": Format(open_nrrd),
    ".am": Format(open_amira),
    ".vol": Format(open_vol, takes="raw"),
    ".vgi": Format(open_vgi),
    ".vol.info": Format(open_vol_info),
}
