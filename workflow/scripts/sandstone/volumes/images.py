"""Open BMP, PNG and JPEG slices, and the voxel size that SkyScan's log tells of slices."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sandstone.errors import InputError, note
from sandstone.sizes import check_compressed_length, voxel_bytes
from sandstone.volumes.folder import IMAGES, KINDS, suffix_of
from sandstone.volumes.runs import Part, joined
from sandstone.volumes.source import (
    HEADER_LIMIT,
    UNKNOWN,
    Format,
    Source,
    library_errors,
    stated,
)

if TYPE_CHECKING:
    from PIL import Image

Described = tuple[tuple[int, int], np.dtype]  # height and width, type

READ_AS = ("BMP", "PNG", "JPEG")  # whatever the name says; Pillow knows formats that run programs
# Pillow's modes of one grey level a pixel; P is an index into a table, which must be grey.
GREY_TYPES = {"L": "u1", "P": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4"}
# NRecon writes what it reconstructed, the scanner what it recorded; a binned volume differs.
PIXEL_SIZES = (
    re.compile(r"(?im)^Pixel Size \(um\)\s*=\s*([0-9.eE+-]+)"),
    re.compile(r"(?im)^Image Pixel Size \(um\)\s*=\s*([0-9.eE+-]+)"),
)


def open_image(path: Path) -> Source:
    """Open one image as a volume of one slice."""
    _say_if_lossy(path)
    return _slice(path)


def open_stack(files: list[Path]) -> Source:
    """Open several images of one slice each, in the given order.

    Raises
    ------
    InputError
        If one is unreadable, in colours, or of another shape or type than the first.
    """
    _say_if_lossy(files[0])
    first = _described(files[0])
    for file in files[1:]:
        check_alike(file, _described(file), files[0], first)
    parts = [Part(file, 1, partial(_slice, file)) for file in files]
    return joined(parts, _slice(files[0]))


def check_alike(file: Path, found: Described, first_file: Path, first: Described) -> None:
    """Refuse a slice of another shape or type than the first.

    Raises
    ------
    InputError
        Naming both files.
    """
    if found != first:
        raise InputError(
            f"{file}: a slice of {found[1].name} and shape {found[0]}, but {first_file.name} is "
            f"{first[1].name} of shape {first[0]}; put only slices of one scan together"
        )


def _say_if_lossy(path: Path) -> None:
    if KINDS[suffix_of(path)] == "JPEG":
        note(f"{path}: JPEG has lost detail and adds blocks of 8 pixels; use the original slices")


def _slice(path: Path) -> Source:
    (height, width), dtype = _described(path)

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        return _decoded(path, dtype)[np.newaxis, rows][z0:z1]

    return Source((1, height, width), dtype, read, (path,))


def _described(path: Path) -> Described:
    """Return height, width and type of an image from its header."""
    with library_errors(path), _opened(path) as image:
        if image.mode not in GREY_TYPES or not _is_grey(image):
            raise InputError(f"{path}: an image in {image.mode}, not in grey; convert it to grey")
        shape, dtype = (image.height, image.width), np.dtype(GREY_TYPES[image.mode])
    check_compressed_length(path, voxel_bytes(shape, dtype), path.stat().st_size)
    return shape, dtype


@contextmanager
def _opened(path: Path) -> "Iterator[Image.Image]":
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None  # slices are larger than photographs; we check what files hold
    with path.open("rb") as stream, Image.open(stream, formats=READ_AS) as image:
        yield image


def _is_grey(image: "Image.Image") -> bool:
    """Say whether a table of colours, if there is one, holds greys alone."""
    if image.mode != "P":
        return True
    table = image.getpalette("RGB") or []
    return table[0::3] == table[1::3] == table[2::3]


def _decoded(path: Path, dtype: np.dtype) -> np.ndarray:
    with _opened(path) as image:
        grey = image.convert("L") if image.mode == "P" else image
        return np.asarray(grey).astype(dtype)


def with_log(source: Source, log: Path | None) -> Source:
    """Return slices with the voxel size of their SkyScan log, where they tell none themselves."""
    if log is None or not (source.bare_size or source.voxel_size_um == UNKNOWN):
        return source
    with log.open("rb") as stream:
        text = stream.read(HEADER_LIMIT).decode("latin-1")
    for line in PIXEL_SIZES:
        found = line.findall(text)
        if found and (size := stated(found[-1])) is not None:
            return replace(
                source, voxel_size_um=(size,) * 3, bare_size=False, files=(*source.files, log)
            )
    return source


FORMATS = {suffix: Format(open_image) for suffix in IMAGES}
