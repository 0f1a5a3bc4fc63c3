"""Open the formats of medical scanners: NIfTI volumes."""

import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sandstone.errors import InputError, note
from sandstone.volumes.raw import ANY_DEFLATE_HEADER, DataFile, data_source, is_gzip
from sandstone.volumes.source import (
    HEADER_LIMIT,
    FileVoxelSize,
    Format,
    Source,
    micrometres,
    stated,
    unreadable_is_silent,
)

if TYPE_CHECKING:
    from nibabel.nifti1 import Nifti1Header

SINGLE_FILE = (b"n+1", b"n+2")  # magic of NIfTI-1 and -2 whose voxels follow the header
AS_THE_WORLD = ("R", "A", "S")  # x to the right of a patient, y to the front, z to the head


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


FORMATS = {".nii": Format(open_nifti), ".nii.gz": Format(open_nifti)}
