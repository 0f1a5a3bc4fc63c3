"""Open volumes stored in named pieces: Zarr chunks in a folder, streams in Zeiss's .txm files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone.errors import InputError, shown
from sandstone.sizes import check_compressed_length, check_length, voxel_bytes
from sandstone.volumes.runs import Turned, in_chunks, in_runs, is_volume, order_of
from sandstone.volumes.source import (
    UNKNOWN,
    FileVoxelSize,
    Format,
    Source,
    array_source,
    choose,
    micrometres,
    stated,
)

if TYPE_CHECKING:
    import zarr
    from olefile import OleFileIO

SPACE = ("z", "y", "x")
ZARR_CODECS = {
    *("bytes", "transpose", "crc32c", "sharding_indexed"),
    *("zstd", "gzip", "zlib", "blosc", "lz4", "bz2", "lzma", "shuffle", "delta"),
    *("adler32", "crc32", "fletcher32"),
}
ZEISS_TYPES = {3: "u1", 5: "<u2", 10: "<f4"}
IMAGES_IN_STORAGE = 100


def open_zarr(path: Path, dataset: str | None) -> Source:
    """Open an array of a local Zarr store (format 2 or 3); voxel size from OME-Zarr metadata.

    Without `dataset`, the first array of an OME-Zarr pyramid is taken, the finest; the pyramid may
    lie in a group, as bioformats2raw puts it. Axes in another order than z, y, x are turned.

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
    size, axes = UNKNOWN, None
    if isinstance(array, zarr.Group):
        array, level = _chosen(array, path, dataset)
        if level is not None:
            size, axes = level.voxel_size(), level.order(array.shape)
    elif dataset is not None:
        raise InputError(f"{path}: a single array without a name; remove dataset")
    # Chunks that were never written read as zeros, so a store without chunks seems whole.
    check_compressed_length(path, voxel_bytes(array.shape, array.dtype), array.nbytes_stored())
    _check_codecs(array, path)
    for chunks in filter(None, (array.chunks, array.shards)):
        check_chunk_size(chunks, array.dtype, path)
    if axes is None:
        return in_chunks(array_source(array, path, files, voxel_size_um=size), array.chunks)
    source = array_source(Turned(array, axes), path, files, voxel_size_um=size)
    return in_chunks(source, [array.chunks[axis] for axis in axes])


def _chosen(
    group: "zarr.Group", path: Path, dataset: str | None
) -> "tuple[zarr.Array, _Level | None]":
    """Return the array to read, and what its OME-Zarr pyramid says of it."""
    import zarr

    members = dict(group.members(max_depth=None))
    if outside := [name for name in members if ".." in name.split("/")]:
        raise InputError(f"{path}: its array {outside[0]!r} lies outside; give that store")
    groups = {"": group, **{n: each for n, each in members.items() if isinstance(each, zarr.Group)}}
    pyramids = {
        name: found for name, each in groups.items() if (found := _levels(each.attrs, name))
    }
    levels = {name: level for pyramid in pyramids.values() for name, level in pyramid.items()}
    arrays = {
        name: each
        for name, each in members.items()
        if isinstance(each, zarr.Array)
        and (is_volume(each.shape) or (name in levels and levels[name].order(each.shape)))
    }
    if dataset is None and pyramids:
        # The image of the store itself, else those of its groups; labels are no images.
        images = [""] if "" in pyramids else [n for n in pyramids if "labels" not in n.split("/")]
        finest = sorted(next(iter(pyramids[image])) for image in images)
        name = choose(path, finest or sorted(arrays), finest[0] if len(finest) == 1 else None)
    else:
        name = choose(path, sorted(arrays), dataset)
    return arrays[name], levels.get(name)


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


@dataclass(frozen=True)
class _Level:
    """What an OME-Zarr pyramid says of one of its arrays.

    Attributes
    ----------
    axes : tuple of (str, float or None)
        Name of each axis, and its unit in micrometres. Empty before version 0.3.
    scales : tuple of sequences
        Factors along the axes: of the whole pyramid, of the array. Each may be missing.
    """

    axes: tuple[tuple[str, float | None], ...]
    scales: tuple[Sequence[Any], ...]

    def voxel_size(self) -> FileVoxelSize:
        """Return the voxel size along z, y, x; None along an axis that lacks scale or unit."""
        names = [name for name, _ in self.axes]
        in_space = [name for name in names if name in SPACE]
        edges: dict[str, Any] = {name: unit for name, unit in self.axes if name in SPACE}
        if not self.scales:
            return UNKNOWN
        for scale in self.scales:
            # Some writers leave out the channels: as many factors as axes in space are theirs.
            along = names if len(scale) == len(names) else in_space
            if len(along) != len(scale):
                return UNKNOWN
            factors = dict(zip(along, scale, strict=True))
            edges = {name: stated(factors[name], edge) for name, edge in edges.items()}
        z, y, x = (edges.get(axis) for axis in SPACE)
        return z, y, x

    def order(self, shape: Sequence[int]) -> tuple[int, int, int] | None:
        """Return where z, y and x lie; None where they are the last three, or it is not said."""
        found = order_of([name for name, _ in self.axes], shape)
        return None if found == tuple(range(len(shape) - 3, len(shape))) else found


def _levels(attributes: Mapping[str, Any], group: str) -> dict[str, _Level]:
    """Return the arrays of the first OME-Zarr pyramid in a group, finest first.

    References
    ----------
    https://ngff.openmicroscopy.org, versions 0.1 to 0.4 (keys at the top) and 0.5 (under `ome`);
    up to 0.3 axes are names alone, without units, and there is no scale.
    """
    images = attributes.get("ome", attributes).get("multiscales", [])
    if not images:
        return {}
    axes = tuple(
        (axis, None) if isinstance(axis, str) else (axis["name"], micrometres(axis.get("unit")))
        for axis in images[0].get("axes", [])
    )
    common = _scales(images[0])
    return {
        f"{group}/{array['path']}".lstrip("/"): _Level(axes, (*common, *_scales(array)))
        for array in images[0]["datasets"]
    }


def _scales(holder: Mapping[str, Any]) -> list[Sequence[Any]]:
    steps = holder.get("coordinateTransformations", [])
    return [step["scale"] for step in steps if step.get("type") == "scale"][:1]


# --- Zeiss ---


def open_txm(path: Path) -> Source:
    """Open a reconstruction of a Zeiss Xradia scanner: a compound file (OLE2), a stream a slice.

    The slices are ``ImageData{k}/Image{i}``, i from 1 and a hundred in each storage k. Numbers are
    little-endian, the edge of a pixel is in micrometres and that of a cubic voxel.

    Raises
    ------
    InputError
        If a slice or what describes it is missing, or its voxels are of a type that no
        reconstruction has.

    References
    ----------
    `read_txm` in dxchange/reader.py of https://github.com/data-exchange/dxchange; the types as in
    `XrmDataTypes` of https://github.com/DiamondLightSource/txrm2tiff
    """
    from olefile import OleFileIO

    archive = OleFileIO(path)
    try:
        return in_runs(_txm_source(path, archive))
    except BaseException:
        archive.close()
        raise


def _txm_source(path: Path, archive: "OleFileIO") -> Source:
    height, width = (int(_told(path, archive, name)) for name in ("ImageHeight", "ImageWidth"))
    count = int(_told(path, archive, "NoOfImages", "ImagesTaken"))
    code = int(_told(path, archive, "DataType"))
    if code not in ZEISS_TYPES:
        raise InputError(
            f"{path}: voxels of Zeiss's type {code} are not read; export them with 8 or 16 bits"
        )
    dtype = np.dtype(ZEISS_TYPES[code])
    slice_bytes = voxel_bytes((height, width), dtype)
    if not slice_bytes:
        raise InputError(f"{path}: slices of {width} x {height} voxels hold none; copy it again")
    check_length(path, count * slice_bytes, path.stat().st_size)
    names = [f"ImageData{-(-i // IMAGES_IN_STORAGE)}/Image{i}" for i in range(1, count + 1)]
    for name in names:
        if not archive.exists(name) or archive.get_size(name) != slice_bytes:
            raise InputError(
                f"{path}: {name}, one of {count} slices of {width} x {height} voxels, is missing "
                "or of another size; copy the whole file again"
            )

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        voxels = np.empty((z1 - z0, len(range(*rows.indices(height))), width), dtype)
        for image, name in zip(voxels, names[z0:z1], strict=True):
            image[:] = _image(path, archive, name, dtype, width)[rows]
        return voxels

    edge = stated(str(_told(path, archive, "PixelSize", code="<f4", default=0)))
    return Source(
        (count, height, width), dtype, read, (path,), (edge, edge, edge), close=archive.close
    )


def _told(
    path: Path, archive: "OleFileIO", *names: str, code: str = "<u4", default: float | None = None
) -> float:
    """Return the first number of the first of these streams of ImageInfo that is there."""
    for name in names:
        if archive.exists(f"ImageInfo/{name}"):
            start = archive.openstream(f"ImageInfo/{name}").read(np.dtype(code).itemsize)
            return np.frombuffer(start, code)[0]
    if default is None:
        raise InputError(
            f"{path}: no reconstruction of Zeiss, ImageInfo/{names[0]} is missing; copy it again"
        )
    return default


def _image(path: Path, archive: "OleFileIO", name: str, dtype: np.dtype, width: int) -> np.ndarray:
    content = archive.openstream(name).read()
    if len(content) != archive.get_size(name):
        raise InputError(f"{path}: {name} is cut short; copy the whole file again")
    return np.frombuffer(content, dtype).reshape(-1, width)


FORMATS = {".zarr": Format(open_zarr, takes="dataset"), ".txm": Format(open_txm)}
