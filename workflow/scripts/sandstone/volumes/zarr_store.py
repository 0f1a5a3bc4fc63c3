"""Open volumes inside local Zarr stores, OME-Zarr pyramids among them."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.errors import InputError, shown
from sandstone.sizes import check_compressed_length, voxel_bytes
from sandstone.volumes.containers import choose, is_volume
from sandstone.volumes.runs import in_chunks
from sandstone.volumes.source import (
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    array_source,
    last_three,
    micrometres,
    stated,
)

if TYPE_CHECKING:
    import zarr

ZARR_CODECS = {
    *("bytes", "transpose", "crc32c", "sharding_indexed"),
    *("zstd", "gzip", "zlib", "blosc", "lz4", "bz2", "lzma", "shuffle", "delta"),
    *("adler32", "crc32", "fletcher32"),
}


def open_zarr(path: Path, dataset: str | None) -> Source:
    """Open an array of a local Zarr store (format 2 or 3); voxel size from OME-Zarr metadata.

    Without `dataset`, the first array of an OME-Zarr pyramid is taken, the finest.

    Raises
    ------
    InputError
        If the array is missing or ambiguous.
    """
    import zarr

    from sandstone.hdf5 import check_chunk_size

    if not path.is_dir():
        raise InputError(f"{path}: a Zarr store is a folder, this is a file; unpack it")
    files = _store_files(path)
    array = zarr.open(zarr.storage.LocalStore(path, read_only=True), mode="r")
    size = UNKNOWN
    if isinstance(array, zarr.Group):
        resolutions = _resolutions(array.attrs)
        arrays = {
            name: member
            for name, member in array.members(max_depth=None)
            if isinstance(member, zarr.Array) and is_volume(member.shape)
        }
        if outside := [name for name in arrays if ".." in name.split("/")]:
            raise InputError(f"{path}: its array {outside[0]!r} lies outside; give that store")
        name = choose(path, sorted(arrays), dataset or next(iter(resolutions), None))
        array, size = arrays[name], resolutions.get(name, UNKNOWN)
    elif dataset is not None:
        raise InputError(f"{path}: a single array without a name; remove dataset")
    # Chunks that were never written read as zeros, so a store without chunks seems whole.
    check_compressed_length(path, voxel_bytes(array.shape, array.dtype), array.nbytes_stored())
    _check_codecs(array, path)
    for chunks in filter(None, (array.chunks, array.shards)):
        check_chunk_size(chunks, array.dtype, path)
    return in_chunks(array_source(array, path, files, voxel_size_um=size), array.chunks)


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


def _resolutions(attributes: Mapping[str, Any]) -> dict[str, FileVoxelSize]:
    """Return the voxel size of each array of an OME-Zarr pyramid, finest first.

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
        array["path"]: last_three(
            stated(length, unit)
            for length, unit in zip(common * _scale(array, len(units)), units, strict=True)
        )
        for array in images[0]["datasets"]
    }


def _scale(holder: Mapping[str, Any], axes: int) -> np.ndarray:
    steps = holder.get("coordinateTransformations", [])
    scales = [step["scale"] for step in steps if step.get("type") == "scale"]
    return np.array(scales[0] if scales else [1.0] * axes)


FORMATS = {".zarr": Format(open_zarr, takes="dataset")}
