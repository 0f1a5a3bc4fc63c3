"""Open TIFF files, and stacks of them, as volumes: plain, Big, OME and ImageJ TIFF."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from sandstone import ome_set
from sandstone.errors import InputError, note, shortened
from sandstone.sizes import check_compressed_length, check_length, voxel_bytes
from sandstone.volumes.folder import TIFF
from sandstone.volumes.runs import Part, in_runs, joined
from sandstone.volumes.source import (
    INCH_UM,
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    is_print,
    library_errors,
    micrometres,
    stated,
    stored_source,
    unreadable_is_silent,
)

# What tifffile finds wrong reaches the user as our one sentence.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

INCH = 2
RESOLUTION_UNITS_UM = {INCH: INCH_UM, 3: 1e4, 4: 1e3, 5: 1.0}  # inch, cm, mm, µm a unit
TAG_UNITS_UM = (INCH_UM, 1e4)  # the units that every program knows
# Tags of a voxel this large say nothing: 1 a unit is a default, and others left the unit out.
COARSEST_UM = 1000.0
# Colours and dyes come in twos to fours. Programs that do not ask what a stack is (tifffile without
# axes) file longer ones as channels too: those are slices.
MOST_CHANNELS = 4


def open_tiff(path: Path) -> Source:
    """Open one TIFF file whose pages are the slices of a volume, or the OME-TIFF set it is part of.

    Contiguous uncompressed voxels are read as they lie; otherwise pages are decoded one by one.
    """
    if found := ome_set.find(path):
        return _open_set(found)
    with _opened(path) as tiff:
        _check_page_chain(tiff, path)
        size, bare = _voxel_size(tiff)
        if tiff.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
            note(f"{path}: its lowest level is white; grey levels are turned back")
        source = _source_of(tiff, path)
        return replace(source, voxel_size_um=size, bare_size=bare)


def open_stack(files: list[Path]) -> Source:
    """Open several TIFF files as one volume: slices, or the parts of a stack, in the given order.

    An OME-TIFF set comes in its own order, and must be whole.
    """
    with library_errors(files[0]):
        found = ome_set.find(files[0])
    if found:
        given, whole = ({file.resolve() for file in each} for each in (files, found.files))
        if odd := sorted(given ^ whole):
            raise InputError(
                f"{odd[0]}: {'part' if odd[0] in whole else 'no part'} of the OME-TIFF set of "
                f"{files[0]}; give the files of one whole set, and no others"
            )
        return _open_set(found)
    with library_errors(files[0]):
        first = open_tiff(files[0])
        first.close()
    source = _joined(files)
    if first.shape[0] > 1:
        note(f"{files[0]}: joined with {len(files) - 1} more to {source.shape[0]} slices")
    return replace(source, voxel_size_um=first.voxel_size_um, bare_size=first.bare_size)


def _open_set(found: ome_set.OmeSet) -> Source:
    source = _joined(found.files)
    if found.planes != source.shape[0]:
        raise InputError(
            f"{found.files[0]}: its OME-TIFF set has {found.planes} planes, its {len(found.files)} "
            f"files hold {source.shape[0]}; copy the whole set again, or save it as one volume"
        )
    return replace(source, voxel_size_um=_ome_voxel_size(found.xml))


def _joined(files: list[Path]) -> Source:
    """Join the slices of several files, which must be alike."""
    seen = [_seen(file) for file in files]
    first = seen[0]
    for file, other in zip(files, seen, strict=True):
        if (other.shape[1:], other.dtype.newbyteorder("=")) != (
            first.shape[1:],
            first.dtype.newbyteorder("="),
        ):
            raise InputError(
                f"{file}: a slice of {other.dtype.name} and shape {other.shape[1:]}, but "
                f"{files[0].name} is {first.dtype.name} of shape {first.shape[1:]}; "
                "put only slices of one scan together"
            )
    depths = [source.shape[0] for source in seen]
    # The last part of a stack may be one slice; elsewhere, slices beside a stack double it.
    same_kind = depths if depths[0] == 1 else depths[:-1]
    for file, depth in zip(files, same_kind, strict=False):
        if (depth == 1) != (depths[0] == 1):
            raise InputError(
                f"{file}: slices in it: {depth}, in {files[0].name}: {depths[0]}; put either "
                "single slices or the parts of one stack together"
            )
    parts = [
        Part(file, depth, partial(_open_part, file))
        for file, depth in zip(files, depths, strict=True)
    ]
    return in_runs(joined(parts, first))


def _seen(file: Path) -> Source:
    """Return what a file's header says, with the file closed again."""
    with library_errors(file):
        source = _open_part(file)
        source.close()
    return source


def _open_part(file: Path) -> Source:
    """Open a file of several, by its own pages, whatever OME metadata say of the others."""
    with _opened(file, is_ome=False) as tiff:
        _check_page_chain(tiff, file)
        return _source_of(tiff, file)


@contextmanager
def _opened(path: Path, **options: Any) -> Iterator[tifffile.TiffFile]:
    """Open a TIFF file, which stays open unless the block fails."""
    tiff = tifffile.TiffFile(path, _multifile=False, **options)
    try:
        yield tiff
    except BaseException:
        tiff.close()
        raise


def _source_of(tiff: tifffile.TiffFile, path: Path) -> Source:
    series = _only_series(tiff, path)
    shape = _volume_shape(series, path)
    _check_codec(series.keyframe, path)
    meant = _levels_meant(series.keyframe, path)
    if series.dataoffset is not None:
        stored = series.dtype.newbyteorder(tiff.byteorder)
        tiff.close()  # the source has a handle of its own
        return _as_meant(stored_source(path, shape, stored, series.dataoffset), meant)
    _check_segments(series, shape, path)

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        size = (z1 - z0, len(range(*rows.indices(shape[1]))), shape[2])
        voxels = np.empty(size, dtype=series.dtype)
        for i, page in enumerate(_pages(series, z0, z1)):
            voxels[i] = page.asarray().reshape(shape[1:])[rows]
        return voxels

    source = Source(shape, series.dtype, read, (path,), close=tiff.close)
    return in_runs(_as_meant(source, meant))


Levels = Callable[[np.ndarray], np.ndarray]


def _as_meant(source: Source, meant: Levels | None) -> Source:
    if meant is None:
        return source
    return replace(source, read=lambda z0, z1, rows: meant(source.read(z0, z1, rows)))


def _levels_meant(page: tifffile.TiffPage, path: Path) -> Levels | None:
    """Return what makes scanner's grey levels of stored numbers, None where these are the same."""
    if page.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return _levels_of_palette(page, path)
    if page.photometric != tifffile.PHOTOMETRIC.MINISWHITE:
        return None
    if page.dtype is None or page.dtype.kind != "u":
        return np.negative if page.dtype is not None and page.dtype.kind == "f" else np.invert
    white = page.dtype.type((1 << page.bitspersample) - 1)
    return lambda stored: white - stored


def _levels_of_palette(page: tifffile.TiffPage, path: Path) -> Levels | None:
    """Return a look-up in a palette of greys; an even ramp from black to white changes nothing."""
    if page.colormap is None:
        raise InputError(f"{path}: its table of colours is missing; convert it to grey")
    red, green, blue = page.colormap
    if (red != green).any() or (green != blue).any():
        raise InputError(
            f"{path}: its grey levels are numbers of colours in a table; convert it to grey (in "
            "Fiji choose Image > Lookup Tables > Grays, then save)"
        )
    bits = page.bitspersample
    # A palette holds 16 bits; the same level in fewer bits is its leading part.
    greys = (np.asarray(red) >> (16 - min(bits, 16))).astype(page.dtype)
    if (greys == np.arange(len(greys))).all():
        return None
    return lambda stored: greys[stored]


def _check_page_chain(tiff: tifffile.TiffFile, path: Path) -> None:
    """Refuse a file whose list of pages breaks off; tifffile would silently leave out the rest."""
    pages = tiff.pages
    behind = pages.next_page_offset if len(pages) else None
    complete = behind is not None
    if behind is not None:
        tiff.filehandle.seek(behind)
        end = tiff.filehandle.read(tiff.tiff.offsetsize)
        complete = len(end) == tiff.tiff.offsetsize and not any(end)
    if not complete:
        raise InputError(
            f"{path}: truncated after {len(pages)} pages and {path.stat().st_size} bytes, more "
            "pages are expected; copy the whole file again"
        )


def _only_series(tiff: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    if len(tiff.series) != 1:
        shapes = ", ".join(str(series.shape) for series in tiff.series[:4])
        raise InputError(
            f"{path}: holds {len(tiff.series)} images that do not stack (shapes {shapes}); "
            "save slices of one shape and type"
        )
    series = tiff.series[0]
    if any(page is None for page in series.pages):
        raise InputError(
            f"{path}: part of a volume that is spread over several OME-TIFF files; save it as one"
        )
    imagej = tiff.imagej_metadata or {}
    counts = (imagej.get(key) for key in ("channels", "slices", "frames"))
    images = prod(count for count in counts if isinstance(count, int))
    if images > prod(series.shape) // prod(series.keyframe.shape):
        raise InputError(
            f"{path}: ImageJ's header declares {images} slices, the file holds fewer; "
            "copy the whole file again"
        )
    return series


def _volume_shape(series: tifffile.TiffPageSeries, path: Path) -> tuple[int, int, int]:
    """Return depth, height and width; two channels or two kinds of depth are refused."""
    lengths = list(zip(series.axes, series.shape, strict=True))
    if any(length > 1 for axis, length in lengths if axis == "S" or _is_colour(axis, length)):
        raise InputError(
            f"{path}: a colour or multi-channel image (axes {series.axes}, shape {series.shape}); "
            "convert it to grey"
        )
    depths = [length for axis, length in lengths if axis not in "YXS" and length > 1]
    if len(depths) > 1:
        raise InputError(
            f"{path}: axes {series.axes} of shape {series.shape} are no single volume; "
            "save one volume a file"
        )
    page = series.keyframe
    if page.imagedepth > 1:
        raise InputError(f"{path}: stores a volume in one page; save one slice a page")
    depth = depths[0] if depths else 1
    return depth, page.imagelength, page.imagewidth


def _pages(
    series: tifffile.TiffPageSeries, z0: int = 0, z1: int | None = None
) -> list[tifffile.TiffPage | tifffile.TiffFrame]:
    """Return the pages z0 to z1 - 1; `_only_series` has refused a series with gaps."""
    return [page for page in series.pages[z0:z1] if page is not None]


def _is_colour(axis: str, length: int) -> bool:
    return axis == "C" and length <= MOST_CHANNELS


def _check_codec(page: tifffile.TiffPage, path: Path) -> None:
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(page.compression, "name", page.compression)
        raise InputError(
            f"{path}: no codec reads its {shortened(name)} compression; "
            "install the package imagecodecs, or save the file uncompressed"
        )


def _check_segments(
    series: tifffile.TiffPageSeries, shape: tuple[int, int, int], path: Path
) -> None:
    """Refuse a file that ends before its last strip or tile."""
    if len(series.pages) != shape[0]:
        raise InputError(
            f"{path}: {len(series.pages)} pages cannot be {shape[0]} slices; save one slice a page"
        )
    segments = [
        (offset, count)
        for page in _pages(series)
        for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
    ]
    end = max((offset + count for offset, count in segments), default=0)
    check_length(path, end, path.stat().st_size)
    stored = sum(count for _, count in segments)
    page = series.keyframe
    if page.compression == tifffile.COMPRESSION.NONE:
        check_length(path, prod(shape) * page.bitspersample // 8, stored)
    check_compressed_length(path, voxel_bytes(shape, series.dtype), stored)


def _voxel_size(tiff: tifffile.TiffFile) -> tuple[FileVoxelSize, bool]:
    """Return what OME or ImageJ metadata say, else the tags, and whether these are the tags."""
    size = _named_voxel_size(tiff)
    return (size, False) if size != UNKNOWN else (_tag_voxel_size(tiff), True)


@unreadable_is_silent
def _named_voxel_size(tiff: tifffile.TiffFile) -> FileVoxelSize:
    """Return what metadata say that name their unit, OME's or ImageJ's."""
    if tiff.ome_metadata:
        size = _ome_voxel_size(tiff.ome_metadata)
        if size != UNKNOWN:
            return size
    imagej = tiff.imagej_metadata or {}
    unit = imagej.get("unit")
    x, y = _edges(tiff)
    if not (scale := micrometres(unit)):
        return UNKNOWN
    # ImageJ takes inches and centimetres over from the tags of other programs.
    if scale in TAG_UNITS_UM and is_print(stated(x, scale)):
        return UNKNOWN
    return stated(imagej.get("spacing"), scale), stated(y, scale), stated(x, scale)


@unreadable_is_silent
def _tag_voxel_size(tiff: tifffile.TiffFile) -> FileVoxelSize:
    """Return what the resolution tags say, which know the plane alone."""
    x, y = _edges(tiff)
    unit = tiff.pages.first.tags.valueof(296, default=INCH)
    scale = RESOLUTION_UNITS_UM.get(unit)
    y, x = stated(y, scale), stated(x, scale)
    if x is None or y is None or max(y, x) >= COARSEST_UM:
        return UNKNOWN
    return None, y, x


def _edges(tiff: tifffile.TiffFile) -> tuple[float | None, float | None]:
    """Return units per pixel along x and y by the resolution tags."""
    tags = tiff.pages.first.tags
    return _edge(tags.valueof(282)), _edge(tags.valueof(283))


def _edge(resolution: Any) -> float | None:
    """Return units per pixel of a resolution tag, which holds pixels per unit as a fraction."""
    if not isinstance(resolution, tuple) or len(resolution) != 2:
        return None
    numerator, denominator = resolution
    return denominator / numerator if numerator else None


@unreadable_is_silent
def _ome_voxel_size(xml: str) -> FileVoxelSize:
    """Return PhysicalSizeZ, Y, X of the first image, micrometres where no unit stands.

    Schema: https://www.openmicroscopy.org/Schemas/OME/2016-06
    """
    pixels = ome_set.images(xml)[0].get("Pixels", {})
    z, y, x = (
        stated(
            pixels.get(f"PhysicalSize{axis}"),
            micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm")),
        )
        for axis in "ZYX"
    )
    return z, y, x


FORMATS = {suffix: Format(open_tiff) for suffix in TIFF}
