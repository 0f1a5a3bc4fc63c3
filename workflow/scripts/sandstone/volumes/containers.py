"""Open volumes inside HDF5 and NetCDF files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.errors import InputError, shortened, shown
from sandstone.volumes.runs import in_chunks
from sandstone.volumes.source import (
    UNKNOWN,
    ArrayLike,
    FileVoxelSize,
    Format,
    Source,
    array_source,
    last_three,
    micrometres,
    numbers,
    stated,
    unreadable_is_silent,
)

if TYPE_CHECKING:
    import h5py
    from scipy.io import netcdf_file

CLASSIC_NETCDF = b"CDF"
ANU_DEFAULT = "tomo"
# Classic NetCDF has no unsigned types: the tools of ANU's CT laboratory store these as signed.
ANU_UNSIGNED = ("tomo", "proju16", "segmented")


def open_hdf5(path: Path, dataset: str | None) -> Source:
    """Open a dataset of an HDF5 file; voxel size from `element_size_um`, in z, y, x.

    Raises
    ------
    InputError
        If the dataset is missing, ambiguous, or keeps its voxels in another file.
    """
    import h5py

    from sandstone.hdf5 import check_storage

    archive = h5py.File(path, "r")
    try:
        if dataset is not None:
            _refuse_links(archive, dataset, path)
        name = choose(path, _hdf5_volumes(archive), dataset)
        voxels = archive[name]
        check_storage(voxels, path)
        if "element_size_um" in voxels.attrs:
            size = last_three(numbers(voxels.attrs["element_size_um"]))
        else:
            size = _anu_voxel_size(archive.attrs)
        voxels = _with_true_sign(voxels, name, voxels.attrs, archive.attrs)
        source = array_source(voxels, path, (path,), voxel_size_um=size, close=archive.close)
        return in_chunks(source, archive[name].chunks)
    except BaseException:
        archive.close()
        raise


def _hdf5_volumes(archive: "h5py.File") -> list[str]:
    """Return the names of datasets that could be volumes; links are not followed."""
    import h5py

    names = []

    def collect(name: str, item: "h5py.Dataset | h5py.Group") -> None:
        if isinstance(item, h5py.Dataset) and is_volume(item.shape):
            names.append(name)

    archive.visititems(collect)
    return sorted(names)


def _refuse_links(archive: "h5py.File", dataset: str, path: Path) -> None:
    """Refuse a path through a link, which could lead to any file of the machine."""
    import h5py

    group = archive
    for part in dataset.strip("/").split("/"):
        if not isinstance(group, h5py.Group) or part not in group.keys():  # noqa: SIM118 - dangling links
            return
        link = group.get(part, getlink=True)
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            raise InputError(
                f"{path}: {dataset} leads through a link to {link.path}; "
                "set dataset to the array itself, in the file that holds it"
            )
        group = group[part]


def open_netcdf(path: Path, dataset: str | None) -> Source:
    """Open a variable of a NetCDF file, classic or NetCDF-4; `tomo` when there are several.

    Voxel size from `voxel_size_xyz` and `voxel_unit`, as the CT laboratory of ANU writes them.

    Raises
    ------
    InputError
        If the variable is missing or ambiguous.
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
        volumes = sorted(
            name for name, variable in archive.variables.items() if is_volume(variable.shape)
        )
        name = choose(path, volumes, dataset)
        attributes = vars(archive)  # scipy keeps a file's attributes among the object's own
        size = _anu_voxel_size(attributes)
        variable = _Copied(archive, name)
        voxels = _with_true_sign(variable, name, vars(archive.variables[name]), attributes)
        return array_source(voxels, path, (path,), voxel_size_um=size, close=archive.close)
    except BaseException:
        archive.close()
        raise


class _Copied:
    """A classic NetCDF variable of which only copies get out: views would keep its file open."""

    def __init__(self, archive: "netcdf_file", name: str) -> None:
        self._archive = archive
        self._name = name
        self.shape = tuple(archive.variables[name].shape)
        self.dtype = np.dtype(archive.variables[name].data.dtype)

    def __getitem__(self, index: Any) -> np.ndarray:
        return np.array(self._archive.variables[self._name][index])


class _Unsigned:
    """An array of signed type whose bits mean unsigned numbers."""

    def __init__(self, array: ArrayLike) -> None:
        self._array = array
        self.shape = array.shape
        self.dtype = np.dtype(f"{array.dtype.byteorder}u{array.dtype.itemsize}")

    def __getitem__(self, index: Any) -> np.ndarray:
        return self._array[index].view(self.dtype)


def _with_true_sign(
    array: ArrayLike, name: str, attributes: Mapping[str, Any], root: Mapping[str, Any]
) -> ArrayLike:
    """Return `array`, unsigned where NetCDF conventions or ANU's say that it is.

    References
    ----------
    NetCDF attribute `_Unsigned`: https://docs.unidata.ucar.edu/nug/2.0-draft/nug_conventions.html
    """
    marked = attributes.get("_Unsigned", b"") in (b"true", "true")
    is_anu = "voxel_size_xyz" in root and name in ANU_UNSIGNED
    return _Unsigned(array) if array.dtype.kind == "i" and (marked or is_anu) else array


def choose(path: Path, volumes: Sequence[str], dataset: str | None) -> str:
    """Return the name of the array to read: the one asked for, the only one, or ANU's."""
    names = shortened(", ".join(volumes))
    if dataset is not None:
        if dataset.strip("/") not in volumes:
            raise InputError(
                f"{path}: {shown(dataset)} is no volume in it; "
                + (f"dataset may be {names}" if volumes else "it holds none of three axes")
            )
        return dataset.strip("/")
    if path.suffix.lower() == ".nc" and ANU_DEFAULT in volumes:
        return ANU_DEFAULT
    if not volumes:
        raise InputError(
            f"{path}: holds no array of three axes (links are not followed); give another file"
        )
    if len(volumes) > 1:
        raise InputError(f"{path}: holds several volumes; set dataset to one of {names}")
    return volumes[0]


def is_volume(shape: Sequence[int] | None) -> bool:
    """Say whether an array has three axes, leading ones of length 1 aside."""
    return shape is not None and len(shape) >= 3 and all(length == 1 for length in shape[:-3])


@unreadable_is_silent
def _anu_voxel_size(attributes: Mapping[str, Any]) -> FileVoxelSize:
    if "voxel_size_xyz" not in attributes:
        return UNKNOWN
    scale = micrometres(attributes.get("voxel_unit"))
    x, y, z = (stated(length, scale) for length in np.ravel(attributes["voxel_size_xyz"]))
    return z, y, x


FORMATS = {
    ".h5": Format(open_hdf5, takes="dataset"),
    ".hdf5": Format(open_hdf5, takes="dataset"),
    ".nc": Format(open_netcdf, takes="dataset"),
}
