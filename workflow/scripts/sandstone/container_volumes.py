"""Open volumes inside HDF5, NetCDF and Zarr containers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.cli import InputError
from sandstone.volume_source import (
    UNKNOWN,
    FileVoxelSize,
    Source,
    array_source,
    check_compressed_length,
    check_length,
    micrometres,
    stated,
    volume_shape,
    voxel_bytes,
)

if TYPE_CHECKING:
    import h5py
    import zarr

CLASSIC_NETCDF = b"CDF"
ANU_DATASET = "tomo"
# Classic NetCDF knows no unsigned types: ANU's tools store these variables as signed.
ANU_UNSIGNED = {"tomo": "u2", "proju16": "u2", "segmented": "u1"}


def open_hdf5(path: Path, dataset: str | None) -> Source:
    """Open a dataset of an HDF5 file; voxel size from `element_size_um`, in z, y, x.

    Raises
    ------
    InputError
        If the dataset is missing, ambiguous, or would be read from another file.
    """
    import h5py

    archive = h5py.File(path, "r")
    try:
        candidates = _hdf5_candidates(archive)
        name = _choose(path, candidates, dataset, listed=dataset in (None, *candidates))
        voxels = _hdf5_dataset(archive, name, path)
        sizes = voxels.attrs.get("element_size_um")
        return array_source(
            voxels,
            path,
            (path,),
            voxel_size_um=_last_three(sizes) if sizes is not None else _anu_size(archive.attrs),
            close=archive.close,
        )
    except BaseException:
        archive.close()
        raise


def _hdf5_candidates(archive: "h5py.File") -> list[str]:
    """Return the datasets of three axes; links are not followed."""
    import h5py

    names = []

    def collect(name: str, item: "h5py.Dataset | h5py.Group") -> None:
        if isinstance(item, h5py.Dataset) and _is_volume(item.shape):
            names.append(name)

    archive.visititems(collect)
    return sorted(names)


def _hdf5_dataset(archive: "h5py.File", name: str, path: Path) -> "h5py.Dataset":
    """Return a dataset that lies in this file itself, whole."""
    import h5py

    parts = name.strip("/").split("/")
    for depth in range(1, len(parts) + 1):
        link = archive.get("/".join(parts[:depth]), getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            raise InputError(
                f"{path}: {name} is a link to {link.path}; "
                "name the dataset itself and the file that holds it"
            )
    voxels = archive.get(name)
    if not isinstance(voxels, h5py.Dataset):
        raise InputError(f"{path}: {name} is no dataset of it; correct dataset")
    if voxels.external or voxels.is_virtual:
        raise InputError(f"{path}: {name} keeps its voxels in other files; copy them into one")
    stored = voxels.id.get_storage_size()
    expected = voxel_bytes(volume_shape(voxels.shape, path), voxels.dtype)
    check = check_length if voxels.chunks is None else check_compressed_length
    check(path, expected, stored)
    return voxels


def open_netcdf(path: Path, dataset: str | None) -> Source:
    """Open a variable of a NetCDF file, classic or NetCDF-4; `tomo` when there are several.

    Voxel size from `voxel_size_xyz` and `voxel_unit`, the metadata of ANU's CT laboratory.
    """
    with path.open("rb") as stream:
        magic = stream.read(len(CLASSIC_NETCDF))
    if magic == CLASSIC_NETCDF:
        return _open_classic_netcdf(path, dataset)
    return open_hdf5(path, dataset)


def _open_classic_netcdf(path: Path, dataset: str | None) -> Source:
    from scipy.io import netcdf_file

    archive = netcdf_file(path, "r", mmap=True)
    try:
        candidates = sorted(
            name for name, variable in archive.variables.items() if _is_volume(variable.shape)
        )
        known = dataset in (None, *archive.variables)
        name = _choose(path, candidates, dataset, listed=known)
        attributes = archive._attributes  # noqa: SLF001 - scipy lists attributes nowhere else
        size = _anu_size(attributes)
        variable = archive.variables[name]
        voxels = _ClassicVariable(variable, _true_dtype(name, variable, is_anu=size != UNKNOWN))
    except BaseException:
        archive.close()
        raise
    return array_source(voxels, path, (path,), voxel_size_um=size, close=archive.close)


class _ClassicVariable:
    """A variable whose voxels are copied as they are read.

    scipy cannot unmap a file while anyone holds a view of it, so views never leave.
    """

    def __init__(self, variable: Any, dtype: np.dtype) -> None:
        self._variable = variable
        self.shape = tuple(variable.shape)
        self.ndim = len(self.shape)
        self.dtype = dtype

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(self._variable[index]).view(self.dtype)


def _true_dtype(name: str, variable: Any, *, is_anu: bool) -> np.dtype:
    """Return the type of a variable, unsigned where NetCDF's classic types could not say so."""
    stored = np.dtype(variable.data.dtype)
    marked = getattr(variable, "_Unsigned", b"false") in (b"true", "true")
    if stored.kind == "i" and (marked or (is_anu and name in ANU_UNSIGNED)):
        return np.dtype(f"{stored.byteorder}u{stored.itemsize}")
    return stored


def open_zarr(path: Path, dataset: str | None) -> Source:
    """Open an array of a local Zarr store (version 2 or 3); voxel size from OME-Zarr metadata.

    In an OME-Zarr pyramid the first level, the finest, is taken when `dataset` is silent.
    """
    import zarr

    if not path.is_dir():
        raise InputError(f"{path}: a Zarr store is a folder; unpack it")
    node = zarr.open(zarr.storage.LocalStore(path, read_only=True), mode="r")
    size = UNKNOWN
    if isinstance(node, zarr.Group):
        levels = _ome_levels(node.attrs)
        arrays = {
            name: item
            for name, item in node.members(max_depth=None)
            if isinstance(item, zarr.Array) and _is_volume(item.shape)
        }
        finest = next(iter(levels), None)
        name = _choose(
            path, sorted(arrays), dataset or finest, listed=(dataset or finest) in arrays
        )
        node, size = arrays[name], levels.get(name, UNKNOWN)
    elif dataset is not None:
        raise InputError(f"{path}: is a single array without names; remove dataset")
    check_compressed_length(path, voxel_bytes(node.shape, node.dtype), node.nbytes_stored())
    files = tuple(sorted(file for file in path.rglob("*") if file.is_file()))
    return array_source(node, path, files, voxel_size_um=size)


def _ome_levels(attributes: Mapping[str, Any]) -> dict[str, FileVoxelSize]:
    """Return the voxel size of each level of an OME-Zarr image, finest first.

    Format: https://ngff.openmicroscopy.org/latest, versions 0.4 (top level) and 0.5 (`ome`).
    """
    images = attributes.get("ome", attributes).get("multiscales", [])
    if not images:
        return {}
    image = images[0]
    units = [micrometres(axis.get("unit")) for axis in image.get("axes", [])]
    outer = _scale(image)
    levels = {}
    for level in image["datasets"]:
        scale = np.array(_scale(level) or [1.0] * len(units)) * (outer or 1.0)
        levels[level["path"]] = (
            _last_three([stated(length, unit) for length, unit in zip(scale, units, strict=True)])
            if units
            else UNKNOWN
        )
    return levels


def _scale(holder: Mapping[str, Any]) -> list[float] | None:
    steps = holder.get("coordinateTransformations", [])
    return next((step["scale"] for step in steps if step.get("type") == "scale"), None)


def _choose(path: Path, candidates: list[str], dataset: str | None, *, listed: bool) -> str:
    """Return the array to read: the one asked for, the only one, or ANU's."""
    if dataset is not None:
        if not listed and dataset.strip("/") not in candidates and path.suffix != ".h5":
            raise InputError(
                f"{path}: holds no volume {dataset!r}; dataset may be {', '.join(candidates)}"
            )
        return dataset
    if len(candidates) == 1:
        return candidates[0]
    if path.suffix.lower() == ".nc" and ANU_DATASET in candidates:
        return ANU_DATASET
    if not candidates:
        raise InputError(
            f"{path}: holds no volume of three axes (links are not followed); check dataset"
        )
    raise InputError(
        f"{path}: holds several volumes; set dataset to one of {', '.join(candidates)}"
    )


def _is_volume(shape: Sequence[int] | None) -> bool:
    """Say whether an array has three axes, leading ones of length 1 aside."""
    return shape is not None and len(shape) >= 3 and all(n == 1 for n in shape[:-3])


def _anu_size(attributes: Mapping[str, Any]) -> FileVoxelSize:
    if "voxel_size_xyz" not in attributes:
        return UNKNOWN
    scale = micrometres(attributes.get("voxel_unit"))
    x, y, z = (stated(length, scale) for length in np.ravel(attributes["voxel_size_xyz"]))
    return z, y, x


def _last_three(sizes: Sequence[Any]) -> FileVoxelSize:
    z, y, x = [None, None, None, *(stated(size) for size in sizes)][-3:]
    return z, y, x
