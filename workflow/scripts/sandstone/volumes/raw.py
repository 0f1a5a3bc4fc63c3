"""Open volumes of plain voxels: headerless files and NumPy's format."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from sandstone.errors import InputError, shown
from sandstone.sizes import voxel_bytes
from sandstone.volumes.runs import in_runs
from sandstone.volumes.source import HEADER_LIMIT, Format, Source, stored_source

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


def open_raw(path: Path, layout: RawLayout | None) -> Source:
    """Open a headerless file; its length must be exactly what the layout says."""
    if layout is None or layout.shape is None or layout.dtype is None:
        raise InputError(
            f"{path}: a .raw file does not say its shape and dtype; give them under raw"
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
    expected = offset + voxel_bytes(shape, voxel)
    if (actual := path.stat().st_size) > expected:
        raise InputError(
            f"{path}: offset, shape and dtype under raw describe {expected} bytes, but it holds "
            f"{actual}; correct them (a header belongs into offset)"
        )
    return stored_source(path, tuple(shape), voxel, offset)


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


FORMATS = {".raw": Format(open_raw, takes="raw"), ".npy": Format(open_npy)}
