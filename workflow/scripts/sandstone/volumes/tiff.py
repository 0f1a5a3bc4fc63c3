"""Open TIFF files, and stacks of them, as volumes: plain, Big, OME and ImageJ TIFF."""

import logging
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from sandstone.errors import InputError, shortened
from sandstone.sizes import check_compressed_length, check_length, voxel_bytes
from sandstone.volumes.folder import TIFF
from sandstone.volumes.runs import in_runs
from sandstone.volumes.source import (
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    library_errors,
    micrometres,
    stated,
    stored_source,
)

# What tifffile finds wrong reaches the user as our one sentence.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

INCH = 2
RESOLUTION_UNITS_UM = {INCH: 25400.0, 3: 1e4, 4: 1e3, 5: 1.0}  # inch, cm, mm, µm a unit
# Dots per inch that image programs write unasked; they tell nothing about a rock.
PRINT_RESOLUTIONS = (72, 96, 150, 200, 300, 600)
# Nor do tags of a voxel this large: 1 a unit is a default, and others left the unit out.
COARSEST_UM = 1000.0
# Colours and dyes come in twos to fours. Programs that do not ask what a stack is (tifffile without
# axes) file longer ones as channels too: those are slices.
MOST_CHANNELS = 4


def open_tiff(path: Path) -> Source:
    """Open one TIFF file whose pages are the slices of a volume.

    Contiguous uncompressed voxels are read as they lie; otherwise pages are decoded one by one.
    """
    tiff = tifffile.TiffFile(path, _multifile=False)
    try:
        return _source_of(tiff, path)
    except BaseException:
        tiff.close()
        raise


def open_stack(files: list[Path]) -> Source:
    """Open several TIFF files of one slice each, in the given order."""
    first = _open_slice(files[0])
    for file in files[1:]:
        other = _open_slice(file)
        if (other.shape, other.dtype.newbyteorder("=")) != (
            first.shape,
            first.dtype.newbyteorder("="),
        ):
            raise InputError(
                f"{file}: a slice of {other.dtype.name} and shape {other.shape[1:]}, but "
                f"{files[0].name} is {first.dtype.name} of shape {first.shape[1:]}; "
                "put only slices of one scan together"
            )
    shape = (len(files), *first.shape[1:])

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        size = (z1 - z0, len(range(*rows.indices(shape[1]))), shape[2])
        voxels = np.empty(size, dtype=first.dtype.newbyteorder("="))
        for i, file in enumerate(files[z0:z1]):
            voxels[i] = _read_slice(file, rows)
        return voxels

    return in_runs(Source(shape, first.dtype, read, tuple(files), first.voxel_size_um))


def _open_slice(file: Path) -> Source:
    """Return what a slice's header says, with its file closed again."""
    with library_errors(file):
        source = open_tiff(file)
        source.close()
    if source.shape[0] != 1:
        raise InputError(
            f"{file}: holds {source.shape[0]} slices, but a stack takes files of one slice each; "
            "give such a file alone"
        )
    return source


def _read_slice(file: Path, rows: slice) -> np.ndarray:
    with library_errors(file):
        source = open_tiff(file)
        try:
            return source.read(0, 1, rows)[0]
        finally:
            source.close()


def _source_of(tiff: tifffile.TiffFile, path: Path) -> Source:
    _check_page_chain(tiff, path)
    series = _only_series(tiff, path)
    shape = _volume_shape(series, path)
    _check_codec(series.keyframe, path)
    size = _voxel_size(tiff)
    if series.dataoffset is not None:
        stored = series.dtype.newbyteorder(tiff.byteorder)
        tiff.close()  # the source has a handle of its own
        return stored_source(path, shape, stored, series.dataoffset, voxel_size_um=size)
    _check_segments(series, shape, path)

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        size = (z1 - z0, len(range(*rows.indices(shape[1]))), shape[2])
        voxels = np.empty(size, dtype=series.dtype)
        for i, page in enumerate(_pages(series, z0, z1)):
            voxels[i] = page.asarray().reshape(shape[1:])[rows]
        return voxels

    return in_runs(Source(shape, series.dtype, read, (path,), size, tiff.close))


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
            "pages are expected; delete it, then copy or make it again"
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
    images = prod(imagej.get(key, 1) for key in ("channels", "slices", "frames"))
    if images > prod(series.shape) // prod(series.keyframe.shape):
        raise InputError(
            f"{path}: ImageJ's header declares {images} slices, the file holds fewer; "
            "delete it, then copy or make it again"
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


def _voxel_size(tiff: tifffile.TiffFile) -> FileVoxelSize:
    """Return what OME or ImageJ metadata say, else the tags, which know the plane alone."""
    if tiff.ome_metadata:
        size = _ome_voxel_size(tiff.ome_metadata)
        if size != UNKNOWN:
            return size
    tags = tiff.pages.first.tags
    x, y = (_edge(tags.valueof(code)) for code in (282, 283))
    imagej = tiff.imagej_metadata or {}
    if scale := micrometres(imagej.get("unit")):
        return stated(imagej.get("spacing"), scale), stated(y, scale), stated(x, scale)
    return _tag_voxel_size(x, y, int(tags.valueof(296, default=1)))


def _edge(resolution: Any) -> float | None:
    """Return units per pixel of a resolution tag, which holds pixels per unit as a fraction."""
    if resolution is None:
        return None
    numerator, denominator = resolution
    return denominator / numerator if numerator else None


def _tag_voxel_size(x: float | None, y: float | None, unit: int) -> FileVoxelSize:
    scale = RESOLUTION_UNITS_UM.get(unit)
    y, x = stated(y, scale), stated(x, scale)
    if x is None or y is None or max(y, x) >= COARSEST_UM:
        return UNKNOWN
    if unit == INCH and round(RESOLUTION_UNITS_UM[INCH] / x) in PRINT_RESOLUTIONS:
        return UNKNOWN
    return None, y, x


def _ome_voxel_size(xml: str) -> FileVoxelSize:
    """Return PhysicalSizeZ, Y, X of the first image, micrometres where no unit stands.

    Schema: https://www.openmicroscopy.org/Schemas/OME/2016-06
    """
    images = tifffile.xml2dict(xml).get("OME", {}).get("Image", {})
    image = images[0] if isinstance(images, list) else images
    pixels = image.get("Pixels", {})
    z, y, x = (
        stated(
            pixels.get(f"PhysicalSize{axis}"),
            micrometres(pixels.get(f"PhysicalSize{axis}Unit", "µm")),
        )
        for axis in "ZYX"
    )
    return z, y, x


FORMATS = {suffix: Format(open_tiff) for suffix in TIFF}
