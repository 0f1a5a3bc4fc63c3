"""Sections through both scans, before and after registration: what a figure of it shows."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import h5py
import numpy as np

from sandstone import hdf5
from sandstone.errors import InputError
from sandstone.registration.pairs import Pair, blur_um, overlap, pair_of
from sandstone.registration.register import Registration
from sandstone.registration.scans import Box, Scan
from sandstone.registration.transform import Transform
from sandstone.sizes import zyx

PLANES = {"xy": 0, "xz": 1}  # and the axis that each is normal to
LARGEST_EDGE = 256  # coarse voxels
FINE_EDGE = 1024  # the same in fine voxels: bounds memory
REMEDY = "delete it and run register_volumes.py again"


@dataclass(frozen=True)
class Section:
    """One plane of the coarse scan, and what the fine one predicts there.

    Attributes
    ----------
    coarse, before, after : ndarray of float32, shape (rows, columns)
        Grey levels of the coarse scan: as scanned, and as the fine scan predicts them without and
        with the transform; NaN where that scan does not reach.
    voxel_size_um : tuple of float
        Of rows and columns.
    """

    coarse: np.ndarray
    before: np.ndarray
    after: np.ndarray
    voxel_size_um: tuple[float, float]


def sections(fine: Scan, coarse: Scan, found: Registration) -> dict[str, Section]:
    """Return sections through the middle of what both scans show.

    Parameters
    ----------
    fine, coarse : Scan
    found : Registration
        With which they overlap.

    Returns
    -------
    dict of Section
        By the names of `PLANES`.
    """
    whole = overlap(fine, coarse, found.transform)
    if whole is None:
        raise ValueError("scans without overlap have no section")
    return {
        name: _section(fine, coarse, found, _middle(fine, coarse, whole, normal), normal)
        for name, normal in PLANES.items()
    }


def _middle(fine: Scan, coarse: Scan, whole: Box, normal: int) -> Box:
    """Return a plane of coarse voxels in the middle of a box."""
    box = []
    for axis, part in enumerate(whole):
        ratio = coarse.voxel_size_um[axis] / fine.voxel_size_um[axis]
        most = 1 if axis == normal else max(1, min(LARGEST_EDGE, int(FINE_EDGE / ratio)))
        length = min(part.stop - part.start, most)
        start = (part.start + part.stop - length) // 2
        box.append(slice(start, start + length))
    return zyx(box)


def _section(fine: Scan, coarse: Scan, found: Registration, box: Box, normal: int) -> Section:
    sigma = blur_um(coarse, found.blur)
    predicted = []
    for transform in (Transform(), found.transform):
        pair = pair_of(fine, coarse, transform, found.blur, box)
        predicted.append(_predicted(pair, transform, sigma).squeeze(normal))
    before, after = predicted
    height, width = (each for axis, each in enumerate(coarse.voxel_size_um) if axis != normal)
    return Section(pair.coarse.voxels.squeeze(normal), before, after, (height, width))


def _predicted(pair: Pair, transform: Transform, sigma_um: tuple[float, ...]) -> np.ndarray:
    """Return the prediction in grey levels of the coarse scan, NaN outside the fine one."""
    image = np.full(pair.coarse.shape, np.nan, np.float32)
    if not pair.inside.any():
        return image
    levels = pair.predicted(pair.fine.blurred(sigma_um), transform)
    spread = levels.std()
    gain = pair.seen.std() / spread if spread > 0 else 0.0
    image[pair.inside] = (levels - levels.mean()) * gain + pair.seen.mean()
    return image


def write_sections(path: str | Path, shown: Mapping[str, Section]) -> None:
    """Write sections as HDF5: a group each, with a dataset for each image."""
    with hdf5.create(path) as (file, _):
        for name, section in shown.items():
            group = file.create_group(name)
            group.attrs["voxel_size_um"] = section.voxel_size_um
            for image in IMAGES:
                group.create_dataset(image, data=getattr(section, image))


IMAGES = [field.name for field in fields(Section) if field.name != "voxel_size_um"]


def read_sections(path: str | Path) -> dict[str, Section]:
    """Return what `write_sections` wrote.

    Raises
    ------
    InputError
        If the file is missing or laid out differently.
    """
    if not Path(path).is_file():
        raise InputError(f"{path} does not exist; make it with register_volumes.py")
    try:
        with h5py.File(path, "r") as file:
            hdf5.refuse_links(file, Path(path))
            return {name: _read(file[name], Path(path)) for name in PLANES}
    except InputError:
        raise
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} holds no sections of two scans; {REMEDY}") from error


def _read(group: h5py.Group, path: Path) -> Section:
    images = {}
    for name in IMAGES:
        hdf5.check_storage(group[name], path)
        images[name] = group[name][:].astype(np.float32)
    shapes = {image.shape for image in images.values()}
    if len(shapes) > 1 or len(shapes.pop()) != 2:
        raise InputError(f"{path}: the images of {group.name} differ in shape; {REMEDY}")
    height, width = (float(size) for size in group.attrs["voxel_size_um"])
    return Section(**images, voxel_size_um=(height, width))
