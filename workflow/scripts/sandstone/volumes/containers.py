"""Open volumes inside HDF5, NetCDF and Zarr containers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.errors import InputError, shortened, shown
from sandstone.hdf5 import check_chunk_size, check_storage
from sandstone.sizes import check_compressed_length, voxel_bytes
from sandstone.volumes.runs import in_runs
from sandstone.volumes.source import (
    UNKNOWN,
    ArrayLike,
    FileVoxelSize,
    Source,
    array_source,
    micrometres,
    stated,
)

if TYPE_CHECKING:
    import h5py
    import zarr
    from scipy.io import netcdf_file

CLASSIC_NETCDF = b"CDF"
ZARR_CODECS = {
    *("bytes", "transpose", "crc32c", "sharding_indexed"),
    *("zstd", "gzip", "zlib", "blosc", "lz4", "bz2", "lzma", "shuffle", "delta"),
    *("adler32", "crc32", "fletcher32"),
}
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

    archive = h5py.File(path, "r")
    try:
        if dataset is not None:
            _refuse_links(archive, dataset, path)
        name = _choose(path, _hdf5_volumes(archive), dataset)
        voxels = archive[name]
        check_storage(voxels, path)
        if "element_size_um" in voxels.attrs:
            size = _last_three(np.ravel(voxels.attrs["element_size_um"]))
        else:
            size = _anu_voxel_size(archive.attrs)
        voxels = _with_true_sign(voxels, name, voxels.attrs, archive.attrs)
        source = array_source(voxels, path, (path,), voxel_size_um=size, close=archive.close)
        return _in_chunks(source, archive[name].chunks)
    except BaseException:
        archive.close()
        raise


def _hdf5_volumes(archive: "h5py.File") -> list[str]:
    """Return the names of datasets that could be volumes; links are not followed."""
    import h5py

    names = []

    def collect(name: str, item: "h5py.Dataset | h5py.Group") -> None:
        if isinstance(item, h5py.Dataset) and _is_volume(item.shape):
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
            name for name, variable in archive.variables.items() if _is_volume(variable.shape)
        )
        name = _choose(path, volumes, dataset)
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


def open_zarr(path: Path, dataset: str | None) -> Source:
    """Open an array of a local Zarr store (format 2 or 3); voxel size from OME-Zarr metadata.

    In an OME-Zarr pyramid the first level, the finest, is taken when `dataset` is silent.

    Raises
    ------
    InputError
        If the array is missing or ambiguous.
    """
    import zarr

    if not path.is_dir():
        raise InputError(f"{path}: a Zarr store is a folder, this is a file; unpack it")
    files = _store_files(path)
    array = zarr.open(zarr.storage.LocalStore(path, read_only=True), mode="r")
    size = UNKNOWN
    if isinstance(array, zarr.Group):
        levels = _ome_levels(array.attrs)
        arrays = {
            name: member
            for name, member in array.members(max_depth=None)
            if isinstance(member, zarr.Array) and _is_volume(member.shape)
        }
        if outside := [name for name in arrays if ".." in name.split("/")]:
            raise InputError(f"{path}: its array {outside[0]!r} lies outside; give that store")
        name = _choose(path, sorted(arrays), dataset or next(iter(levels), None))
        array, size = arrays[name], levels.get(name, UNKNOWN)
    elif dataset is not None:
        raise InputError(f"{path}: a single array without a name; remove dataset")
    # Chunks that were never written read as zeros, so a store without chunks seems whole.
    check_compressed_length(path, voxel_bytes(array.shape, array.dtype), array.nbytes_stored())
    _check_codecs(array, path)
    for chunks in filter(None, (array.chunks, array.shards)):
        check_chunk_size(chunks, array.dtype, path)
    return _in_chunks(array_source(array, path, files, voxel_size_um=size), array.chunks)


def _in_chunks(source: Source, chunks: Sequence[int] | None) -> Source:
    """Return a source that unpacks a chunk once for all slices in it."""
    return in_runs(source, chunks[-3]) if chunks and len(chunks) >= 3 else source


def _store_files(path: Path) -> tuple[Path, ...]:
    """Return the files of a store; a link out of it could lead to any file of the machine."""
    files = []
    inside = path.resolve()
    for entry in sorted(path.rglob("*")):
        if entry.is_symlink() and not entry.resolve().is_relative_to(inside):
            raise InputError(f"{entry}: a link out of its Zarr store; copy the file itself")
        if entry.is_file():
            files.append(entry)
        elif not entry.is_dir():
            raise InputError(f"{entry}: neither file nor folder in a Zarr store; remove it")
    return tuple(files)


def _check_codecs(array: "zarr.Array", path: Path) -> None:
    """Refuse codecs that are no compressors of numbers: some run code that a chunk holds."""
    for codec in _codecs(array.metadata.to_dict()):
        name = str(codec.get("id", codec.get("name"))).removeprefix("numcodecs.")
        if name not in ZARR_CODECS:
            raise InputError(f"{path}: codec {shown(name)} is not supported; save it with zstd")


def _codecs(metadata: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the description of every codec, those within shards too."""
    several = ("codecs", "index_codecs", "filters", "compressor")
    for value in filter(None, map(metadata.get, several)):
        for codec in [value] if isinstance(value, Mapping) else value:
            yield codec
            yield from _codecs(codec.get("configuration") or {})


def _ome_levels(attributes: Mapping[str, Any]) -> dict[str, FileVoxelSize]:
    """Return the voxel size of each level of an OME-Zarr image, finest first.

    References
    ----------
    https://ngff.openmicroscopy.org, versions 0.4 (keys at the top) and 0.5 (under `ome`).
    """
    images = attributes.get("ome", attributes).get("multiscales", [])
    if not images:
        return {}
    units = [micrometres(axis.get("unit")) for axis in images[0].get("axes", [])]
    common = _scale(images[0], len(units))
    return {
        level["path"]: _last_three(
            stated(length, unit)
            for length, unit in zip(common * _scale(level, len(units)), units, strict=True)
        )
        for level in images[0]["datasets"]
    }


def _scale(holder: Mapping[str, Any], axes: int) -> np.ndarray:
    steps = holder.get("coordinateTransformations", [])
    scales = [step["scale"] for step in steps if step.get("type") == "scale"]
    return np.array(scales[0] if scales else [1.0] * axes)


def _choose(path: Path, volumes: Sequence[str], dataset: str | None) -> str:
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


def _is_volume(shape: Sequence[int] | None) -> bool:
    """Say whether an array has three axes, leading ones of length 1 aside."""
    return shape is not None and len(shape) >= 3 and all(length == 1 for length in shape[:-3])


def _anu_voxel_size(attributes: Mapping[str, Any]) -> FileVoxelSize:
    if "voxel_size_xyz" not in attributes:
        return UNKNOWN
    scale = micrometres(attributes.get("voxel_unit"))
    x, y, z = (stated(length, scale) for length in np.ravel(attributes["voxel_size_xyz"]))
    return z, y, x


def _last_three(sizes: Iterable[Any]) -> FileVoxelSize:
    z, y, x = [None, None, None, *(stated(size) for size in sizes)][-3:]
    return z, y, x
