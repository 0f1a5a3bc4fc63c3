"""Open the formats of medical scanners: NIfTI volumes, and series of DICOM slices."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.errors import InputError, note
from sandstone.sizes import check_length, voxel_bytes
from sandstone.volumes.folder import DICOM
from sandstone.volumes.images import Described, check_alike
from sandstone.volumes.raw import ANY_DEFLATE_HEADER, DataFile, data_source, is_gzip
from sandstone.volumes.runs import Part, joined
from sandstone.volumes.source import (
    HEADER_LIMIT,
    FileVoxelSize,
    Format,
    Source,
    library_errors,
    micrometres,
    stated,
    stored_source,
    unreadable_is_silent,
)

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header
    from pydicom import FileDataset

SINGLE_FILE = (b"n+1", b"n+2")  # magic of NIfTI-1 and -2 whose voxels follow the header
AS_THE_WORLD = ("R", "A", "S")  # x to the right of a patient, y to the front, z to the head

PLAIN_SYNTAXES = {  # transfer syntaxes whose pixels lie as they are, and their byte order
    "1.2.840.10008.1.2": "<",
    "1.2.840.10008.1.2.1": "<",
    "1.2.840.10008.1.2.2": ">",
}
UNNAMED_SYNTAX = "1.2.840.10008.1.2"
BLACK_IS_LOWEST = "MONOCHROME2"  # the others are colours, and MONOCHROME1, whose lowest is white
DEFERRED = 4096  # bytes; longer values than these, as the pixels, are not read with a header
MM_UM = 1e3
UNEVEN = 0.01  # relative; scanners round the places of slices


def open_nifti(path: Path) -> Source:
    """Open a NIfTI file, version 1 or 2, also one that gzip has packed.

    Levels are scaled by `scl_slope` and `scl_inter`, to floats. The orientation in space moves no
    voxel: x runs fastest, then y, then z.

    Raises
    ------
    InputError
        If it is no NIfTI file of one part, holds colours, or ends early.

    References
    ----------
    https://nifti.nimh.nih.gov/nifti-1 and https://nifti.nimh.nih.gov/nifti-2
    """
    packed = is_gzip(path)
    header = _nifti_header(path, packed=packed)
    dtype = header.get_data_dtype()
    if dtype.names:
        raise InputError(f"{path}: its voxels are colours; convert it to grey")
    before = max(int(header["vox_offset"]), header.single_vox_offset)
    shape = tuple(int(length) for length in reversed(header.get_data_shape()))
    data = DataFile(path, shape, dtype, 0 if packed else before, packed, before if packed else 0)
    source = data_source(data, path, _nifti_voxel_size(header))
    _say_how_it_lies(path, header)
    slope, intercept = header.get_slope_inter()
    if slope is None or (slope, intercept) == (1, 0):
        return source
    note(f"{path}: its levels are {slope:g} times the stored numbers plus {intercept:g}")
    return scaled(source, slope, intercept)


def _nifti_header(path: Path, *, packed: bool) -> "Nifti1Header":
    from nibabel.nifti1 import Nifti1Header
    from nibabel.nifti2 import Nifti2Header

    with path.open("rb") as stream:
        start = stream.read(HEADER_LIMIT)
    if packed:
        start = zlib.decompressobj(ANY_DEFLATE_HEADER).decompress(start, HEADER_LIMIT)
    for kind in (Nifti1Header, Nifti2Header):
        length = kind.template_dtype.itemsize
        if len(start) >= length and kind.may_contain_header(start[:length]):
            header = kind(start[:length], check=False)
            if header["magic"].item() in SINGLE_FILE:
                return header
    raise InputError(
        f"{path}: no NIfTI header with the voxels behind it; save it as one .nii, or copy it again"
    )


@unreadable_is_silent
def _nifti_voxel_size(header: "Nifti1Header") -> FileVoxelSize:
    unit = micrometres(header.get_xyzt_units()[0])
    # As text, a number of 32 bits has the digits that its writer meant.
    x, y, z = [*(stated(str(edge), unit) for edge in header.get_zooms()), None, None, None][:3]
    return z, y, x


def _say_how_it_lies(path: Path, header: "Nifti1Header") -> None:
    """Tell of an orientation other than that of the axes.

    Turned voxels would have other coordinates than in every program that shows the file by its
    axes, and to a network mirrored rock is rock.
    """
    from nibabel.orientations import aff2axcodes

    if header["sform_code"] <= 0 and header["qform_code"] <= 0:
        return
    try:
        axes = aff2axcodes(header.get_best_affine())
    except Exception:  # noqa: BLE001 - nibabel raises its own and NumPy's; it moves no voxel
        return
    if None not in axes and axes != AS_THE_WORLD:
        note(
            f"{path}: its axes x, y, z run towards {', '.join(axes)} of a patient; the voxels stay "
            "in the stored order, since rock has no left and right"
        )


def scaled(source: Source, slope: float, intercept: float) -> Source:
    """Return levels that are `slope` times the stored numbers plus `intercept`, as floats."""
    level = np.result_type(source.dtype, np.float32)

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        stored = source.read(z0, z1, rows).astype(level)
        return stored * level.type(slope) + level.type(intercept)

    return replace(source, dtype=level, read=read)


# --- DICOM ---


@dataclass(frozen=True)
class _Slice:
    """What the header of a DICOM file says of its slice.

    Attributes
    ----------
    path : Path
    shape : tuple of int
        Height and width, pixels.
    dtype : dtype
    offset : int
        Bytes before the first pixel.
    scale : tuple of float
        Slope and intercept that make levels of stored numbers.
    series : str
        Its series has the same.
    place : float or None
        Along the normal of the slices, mm.
    number : int or None
        Its number in the series.
    voxel_size_um : tuple of float or None
        Along z, y, x; z is the distance between slices that it tells itself.
    """

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype
    offset: int
    scale: tuple[float, float]
    series: str
    place: float | None
    number: int | None
    voxel_size_um: FileVoxelSize


def open_series(files: Sequence[Path]) -> Source:
    """Open a series of DICOM files of one slice each, in the order of their places.

    Without places they come in the order of their numbers in the series, else as given. Levels are
    scaled by RescaleSlope and RescaleIntercept, to floats.

    Raises
    ------
    InputError
        If one is unreadable, compressed, in colours, of another series, shape or type than the
        first, cut short, or two have one place.

    References
    ----------
    DICOM PS3.3, C.7.6.2 (Image Plane), C.7.6.3 (Image Pixel) and C.11.1 (Modality LUT),
    https://dicom.nema.org/medical/dicom/current/output/html/part03.html
    """
    slices = [_described(file) for file in files]
    first = slices[0]
    for each in slices[1:]:
        check_alike(each.path, (each.shape, each.dtype), first.path, (first.shape, first.dtype))
        if each.series != first.series:
            raise InputError(
                f"{each.path}: of another series than {first.path.name}; put only the slices of "
                "one series together"
            )
    to_floats = any(each.scale != (1, 0) for each in slices)
    if to_floats:
        note(f"{first.path}: levels are stored numbers times RescaleSlope plus RescaleIntercept")
    ordered = _in_order(slices)
    parts = [Part(each.path, 1, partial(_opened, each, scale=to_floats)) for each in ordered]
    like = _opened(first, scale=to_floats)
    like.close()
    return joined(parts, replace(like, voxel_size_um=_series_voxel_size(ordered)))


def open_dicom(path: Path) -> Source:
    """Open one DICOM file as a volume of one slice."""
    return open_series([path])


def _opened(each: _Slice, *, scale: bool) -> Source:
    source = stored_source(each.path, (1, *each.shape), each.dtype, each.offset)
    return scaled(source, *each.scale) if scale else source


def _described(path: Path) -> _Slice:
    """Read the header of a DICOM file and find its pixels."""
    from pydicom import dcmread

    with library_errors(path):
        order = _byte_order(path)
        header = dcmread(path, defer_size=DEFERRED)
        shape, dtype = _pixels(path, header, order)
        pixels: Any = header.get_item("PixelData", keep_deferred=True)  # raw: it tells its place
        if pixels is None:
            raise InputError(f"{path}: holds no pixels; give the slices of a scan")
        expected = voxel_bytes(shape, dtype)
        check_length(path, expected, pixels.length)
        check_length(path, pixels.value_tell + expected, path.stat().st_size)
        return _Slice(
            path,
            shape,
            dtype,
            pixels.value_tell,
            (float(header.get("RescaleSlope", 1)), float(header.get("RescaleIntercept", 0))),
            str(header.get("SeriesInstanceUID", "")),
            _place(header),
            header.get("InstanceNumber"),
            _slice_voxel_size(header),
        )


def _byte_order(path: Path) -> str:
    """Return the byte order of pixels; compressed ones are refused before anything unpacks them."""
    from pydicom.filereader import read_file_meta_info

    syntax = read_file_meta_info(path).get("TransferSyntaxUID", UNNAMED_SYNTAX)
    if syntax not in PLAIN_SYNTAXES:
        raise InputError(
            f"{path}: its pixels are compressed ({syntax.name}); save the series without "
            "compression, as by gdcmconv --raw"
        )
    return PLAIN_SYNTAXES[syntax]


def _pixels(path: Path, header: "FileDataset", order: str) -> Described:
    """Return the shape and the type of grey pixels."""
    frames = int(header.get("NumberOfFrames") or 1)
    if frames != 1:
        raise InputError(f"{path}: holds {frames} slices; save the series with one slice a file")
    levels = _told(path, header, "PhotometricInterpretation")
    if header.get("SamplesPerPixel", 1) != 1 or levels != BLACK_IS_LOWEST:
        raise InputError(f"{path}: pixels in {levels}; save them in grey, as {BLACK_IS_LOWEST}")
    bits = _told(path, header, "BitsAllocated")
    if bits not in (8, 16, 32):
        raise InputError(f"{path}: pixels take {bits} bits; save them with 8, 16 or 32")
    kind = "i" if _told(path, header, "PixelRepresentation") else "u"
    shape = int(_told(path, header, "Rows")), int(_told(path, header, "Columns"))
    return shape, np.dtype(f"{order}{kind}{bits // 8}")


def _told(path: Path, header: "FileDataset", name: str) -> Any:
    value = header.get(name)
    if value is None:
        raise InputError(f"{path}: no slice of a scan, {name} is missing; copy it again")
    return value


def _place(header: "FileDataset") -> float | None:
    """Return how far along the normal of the slices one lies, mm."""
    position = header.get("ImagePositionPatient")
    if position is None:
        return None
    along = np.array(header.get("ImageOrientationPatient") or (1, 0, 0, 0, 1, 0), dtype=float)
    return float(np.cross(along[:3], along[3:]) @ np.array(position, dtype=float))


@unreadable_is_silent
def _slice_voxel_size(header: "FileDataset") -> FileVoxelSize:
    y, x = header.get("PixelSpacing") or (None, None)
    z = header.get("SpacingBetweenSlices", header.get("SliceThickness"))
    return stated(z, MM_UM), stated(y, MM_UM), stated(x, MM_UM)


def _in_order(slices: list[_Slice]) -> list[_Slice]:
    """Return slices by place, else by number, else as they come."""
    for key in (lambda each: each.place, lambda each: each.number):
        values = [key(each) for each in slices]
        if None in values or (len(slices) > 1 and len(set(values)) == 1):
            continue
        ordered = sorted(slices, key=key)
        for one, other in pairwise(ordered):
            if key(one) == key(other):
                raise InputError(
                    f"{other.path}: lies where {one.path.name} does; put only the slices of one "
                    "volume together"
                )
        return ordered
    return slices


def _series_voxel_size(ordered: list[_Slice]) -> FileVoxelSize:
    """Return the voxel size of a series, along z from the places of its slices."""
    z, y, x = ordered[0].voxel_size_um
    places = [each.place for each in ordered if each.place is not None]
    if len(places) < len(ordered) or len(set(places)) < 2:
        return z, y, x
    gaps = np.diff(places)
    step = float(np.median(gaps))
    if np.ptp(gaps) > UNEVEN * step:
        note(
            f"{ordered[0].path.parent}: its slices lie {gaps.min():g} to {gaps.max():g} mm apart; "
            "are slices missing? They are taken for neighbours"
        )
    return stated(f"{step:.9g}", MM_UM), y, x


FORMATS = {
    ".nii": Format(open_nifti),
    ".nii.gz": Format(open_nifti),
    **dict.fromkeys(DICOM, Format(open_dicom)),
}
