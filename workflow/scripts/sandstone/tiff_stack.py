"""Write a stack of slices as a TIFF that other programs open with the right voxel size."""

import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from sandstone.errors import InputError
from sandstone.files import atomic_path

# https://www.openmicroscopy.org/Schemas/OME/2016-06
OME_TYPES = ("int8", "int16", "int32", "uint8", "uint16", "uint32", "float32", "float64")
IMAGEJ_LIMIT = 2**32 - 2**24  # bytes; ImageJ stacks use 32-bit offsets, tags need some room


def write_stack(
    path: str | Path,
    pages: Iterable[np.ndarray],
    *,
    shape: tuple[int, int, int],
    dtype: npt.DTypeLike,
    voxel_size_um: tuple[float, float, float],
    compression: str | None = None,
) -> None:
    """Write a stack page by page as a TIFF that Fiji opens with the right voxel size.

    Up to 4 GB the file is an ImageJ stack; above that, where ImageJ's own format ends,
    an OME-BigTIFF. Neither holds a time or a random identifier, so equal stacks have equal bytes.

    Parameters
    ----------
    path : str or Path
        Where the file appears once it is complete.
    pages : iterable of ndarray, shape (y, x)
        The slices in order of depth; only one at a time is in memory.
    shape : tuple of int
        Depth, height and width of the stack, voxels.
    dtype : dtype
        uint8 or uint16.
    voxel_size_um : tuple of float
        Voxel edge (z, y, x), micrometres.
    compression : str, optional
        Name of a tifffile codec, such as ``zlib``.
    """
    dtype = np.dtype(dtype)
    fits_imagej = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize < IMAGEJ_LIMIT
    layout = _imagej_layout(voxel_size_um) if fits_imagej else ome_layout(voxel_size_um)
    with atomic_path(path) as temporary:
        tifffile.imwrite(
            temporary,
            (np.ascontiguousarray(page, dtype=dtype) for page in pages),
            shape=shape,
            dtype=dtype,
            compression=compression,
            photometric="minisblack",
            **layout,
        )


def _imagej_layout(voxel_size_um: tuple[float, float, float]) -> dict[str, Any]:
    z, y, x = voxel_size_um
    return {
        "imagej": True,
        "resolution": (1 / x, 1 / y),
        "metadata": {"axes": "ZYX", "spacing": z, "unit": "micron"},
    }


def check_ome_type(dtype: np.dtype, source: object) -> None:
    """Refuse a type of voxels that OME-TIFF does not have.

    Raises
    ------
    InputError
        Naming the file `source`.
    """
    if dtype.name not in OME_TYPES:
        raise InputError(
            f"{source}: OME-TIFF has no voxels of type {dtype.name}; take tiff out of formats, or "
            "convert the volume"
        )


def ome_layout(
    voxel_size_um: tuple[float, float, float], name: str | None = None
) -> dict[str, Any]:
    """Return arguments of `tifffile.imwrite` for an OME-BigTIFF of the same bytes each time.

    `name` is what viewers call the image, which tifffile numbers without one.
    """
    z, y, x = voxel_size_um
    micrometres = {f"PhysicalSize{axis}Unit": "µm" for axis in "XYZ"}
    sizes = {"PhysicalSizeX": x, "PhysicalSizeY": y, "PhysicalSizeZ": z}
    return {
        "ome": True,
        "bigtiff": True,
        # By default tifffile takes this identifier from the clock.
        "metadata": {
            "axes": "ZYX",
            "UUID": str(uuid.UUID(int=0)),
            **({} if name is None else {"Name": name}),
            **sizes,
            **micrometres,
        },
    }
