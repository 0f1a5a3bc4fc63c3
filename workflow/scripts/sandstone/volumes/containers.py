"""Open volumes inside HDF5 and NetCDF files."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sandstone import bdv_xml
from sandstone.errors import InputError, note, shortened
from sandstone.volumes.folder import beside
from sandstone.volumes.runs import Part, Turned, Unsigned, in_chunks, is_volume, joined, order_of
from sandstone.volumes.source import (
    UNKNOWN,
    ArrayLike,
    FileVoxelSize,
    Format,
    Source,
    array_source,
    choose,
    last_three,
    library_errors,
    micrometres,
    numbers,
    stated,
    unreadable_is_silent,
)

if TYPE_CHECKING:
    import h5py
    from scipy.io import netcdf_file

CLASSIC_NETCDF = b"CDF"
# Classic NetCDF has no unsigned types: the tools of ANU's CT laboratory store these as signed.
ANU_UNSIGNED = ("tomo", "proju16", "segmented")
HDF4 = b"\x0e\x03\x13\x01"
# BigDataViewer: timepoint, setup, level, the finest first. It stores unsigned numbers as signed.
BDV_CELLS = re.compile(r"(?P<views>t\d+/s(?P<setup>\d+))/(?P<level>\d+)/cells")
# EPICS areaDetector's NetCDF plugin: its array, and the values of `dataType` that are unsigned.
AREA_DETECTOR, AREA_DETECTOR_UNSIGNED = "array_data", (1, 3, 5)
NAMED_SIZE = re.compile(r"(?:.*/)?voxel_size_(nm|um|mm|cm)")


def open_hdf5(path: Path, dataset: str | None) -> Source:
    """Open a dataset of an HDF5 file: NeXus, MATLAB v7.3, ilastik, BigDataViewer and plain ones.

    Voxel size from `element_size_um`, in z, y, x, else from a dataset such as `voxel_size_um`, else
    from BigDataViewer's XML.

    Raises
    ------
    InputError
        If the dataset is missing, ambiguous, or keeps its voxels in another file.
    """
    import h5py

    from sandstone.hdf5 import check_storage, refuse_links_to

    _refuse_other_formats(path)
    archive = h5py.File(path, "r")
    try:
        if dataset is not None:
            refuse_links_to(archive, dataset, path)
        name = _chosen(archive, path, dataset)
        voxels = archive[name]
        check_storage(voxels, path)
        if "element_size_um" in voxels.attrs:
            size = last_three(numbers(voxels.attrs["element_size_um"]))
        else:
            size = _anu_voxel_size(archive.attrs)
        if size == UNKNOWN:
            size = _named_voxel_size(archive)
        described = beside(path)
        if size == UNKNOWN and described and (cells := BDV_CELLS.fullmatch(name)):
            size = _bdv_voxel_size(archive, cells, *described)
        axes = _axes(voxels)
        array = _with_true_sign(voxels, name, voxels.attrs, archive.attrs)
        array = array if axes is None else Turned(array, axes)
        files = (path, *described)
        source = array_source(array, path, files, voxel_size_um=size, close=archive.close)
        chunks = voxels.chunks
        return in_chunks(source, chunks if axes is None else chunks and [chunks[i] for i in axes])
    except BaseException:
        archive.close()
        raise


def _refuse_other_formats(path: Path) -> None:
    """Refuse what shares the suffixes of HDF5: HDF4, and MATLAB's own format before v7.3."""
    with path.open("rb") as stream:
        start = stream.read(len(b"MATLAB 5.0"))
    if start.startswith(HDF4):
        raise InputError(f"{path}: HDF4, which is not read; convert it by h4toh5")
    if start == b"MATLAB 5.0":
        raise InputError(f"{path}: MATLAB before v7.3; save it by save(file, name, '-v7.3')")


def _chosen(archive: "h5py.File", path: Path, dataset: str | None) -> str:
    """Return the name of the dataset to read."""
    import h5py

    if dataset is not None:
        asked = archive.get(dataset.strip("/"))  # by any of its names: hard links give several
        if isinstance(asked, h5py.Dataset) and _may_be_volume(asked):
            return dataset.strip("/")
    volumes = _hdf5_volumes(archive)
    finest = [
        name for name in volumes if (level := BDV_CELLS.fullmatch(name)) and level["level"] == "0"
    ]
    pyramids = all(BDV_CELLS.fullmatch(name) for name in volumes)
    return choose(path, finest if finest and pyramids and dataset is None else volumes, dataset)


def _hdf5_volumes(archive: "h5py.File") -> list[str]:
    """Return the names of datasets that could be volumes; links are not followed."""
    import h5py

    names = []

    def collect(name: str, item: "h5py.Dataset | h5py.Group") -> None:
        if isinstance(item, h5py.Dataset) and _may_be_volume(item):
            names.append(name)

    archive.visititems(collect)
    return sorted(names)


def _may_be_volume(dataset: "h5py.Dataset") -> bool:
    return is_volume(dataset.shape) or _axes(dataset) is not None


def _axes(dataset: "h5py.Dataset") -> tuple[int, int, int] | None:
    """Return where z, y and x lie if a program says it: ilastik, or MATLAB by its own order.

    MATLAB counts rows, columns and pages, with rows fastest: its pages are our slices, and HDF5
    shows pages, columns, rows.
    """
    if "MATLAB_class" in dataset.attrs and len(dataset.shape or ()) == 3:
        return 0, 2, 1
    try:
        tags = json.loads(dataset.attrs["axistags"])["axes"]
        return order_of([tag["key"] for tag in tags], dataset.shape)
    except (KeyError, TypeError, ValueError):
        return None


def _named_voxel_size(archive: "h5py.File") -> FileVoxelSize:
    """Return the one edge that a dataset such as `voxel_size_um` tells, of cubic voxels."""
    import h5py

    found = []

    def collect(name: str, item: "h5py.Dataset | h5py.Group") -> None:
        named = NAMED_SIZE.fullmatch(name)
        if named and isinstance(item, h5py.Dataset) and item.size in (1, 3):
            found.append([stated(edge, micrometres(named[1])) for edge in np.ravel(item[()])])

    archive.visititems(collect)
    # The order of three different edges is a matter of the program.
    (edge, *others) = {edge for edges in found for edge in edges} or {None}
    return UNKNOWN if others else (edge, edge, edge)


@unreadable_is_silent
def _bdv_voxel_size(archive: "h5py.File", cells: re.Match[str], xml: Path) -> FileVoxelSize:
    """Return what the XML says of a setup, times the factors by which its level is coarser."""
    told = bdv_xml.setup(xml, int(cells["setup"]))
    scale = micrometres(told.unit) if told else None
    if told is None or scale is None:
        return UNKNOWN
    if not told.describes(archive[f"{cells['views']}/0/cells"].shape):
        note(f"{xml}: tells of other voxels than {archive.filename}; their size is left out")
        return UNKNOWN
    factors = archive[f"s{cells['setup']}/resolutions"][int(cells["level"])]
    edges = zip(numbers(told.voxel_size), factors, strict=True)
    x, y, z = (stated(edge, scale * float(factor)) for edge, factor in edges)
    return z, y, x


def open_netcdf(path: Path, dataset: str | None) -> Source:
    """Open a variable of a NetCDF file, classic or NetCDF-4; `tomo` when there are several.

    Voxel size from `voxel_size_xyz` and `voxel_unit`, as the CT laboratory of ANU writes them.

    Raises
    ------
    InputError
        If the variable is missing or ambiguous, or the file is one of several blocks.
    """
    if (block := _block_of(path)) is not None:
        there = {file.name for file in path.parent.iterdir() if file.suffix.lower() == ".nc"}
        without = _without(block, there)
        advice = "copy the missing ones beside it, and " if without else ""
        raise InputError(
            f"{path}: only slices {block.first} to {block.last} of {block.depth}, one of "
            f"{block.count} blocks{without}; {advice}give the folder of all blocks"
        )
    return _open_netcdf(path, dataset)


def _open_netcdf(path: Path, dataset: str | None) -> Source:
    return (_open_classic_netcdf if _is_classic(path) else open_hdf5)(path, dataset)


def _is_classic(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(CLASSIC_NETCDF)) == CLASSIC_NETCDF


@dataclass(frozen=True)
class _Block:
    """Which slices of a volume of ANU's CT laboratory lie in one of its files."""

    path: Path
    first: int
    last: int
    depth: int  # of the volume
    count: int  # of all blocks


def _block_of(path: Path) -> _Block | None:
    """Return which block a NetCDF file is; None if it is a whole volume."""
    attributes = _netcdf_attributes(path)
    keys = ("number_of_files", "zdim_total", "zdim_range")
    if any(key not in attributes for key in keys):
        return None
    (count,), (depth,), (first, last) = (map(int, np.ravel(attributes[key])) for key in keys)
    whole = count == 1 or (first, last + 1) == (0, depth)
    return None if whole else _Block(path, first, last, depth, count)


def _netcdf_attributes(path: Path) -> dict[str, Any]:
    import h5py
    from scipy.io import netcdf_file

    if not _is_classic(path):
        with h5py.File(path, "r") as archive:
            return dict(archive.attrs)
    archive = netcdf_file(path, "r", mmap=True)
    try:
        return dict(vars(archive)["_attributes"])
    finally:
        archive.close()


def open_blocks(files: Sequence[Path], dataset: str | None) -> Source:
    """Open the blocks of a volume of ANU's CT laboratory as one, in the order of their slices.

    Raises
    ------
    InputError
        If a file is no block, blocks are missing or there twice, or they differ in shape or type.
    """
    blocks = []
    for file in files:
        with library_errors(file):
            block = _block_of(file)
        if block is None:
            raise InputError(
                f"{file}: a volume of its own, no block of a larger one; give it alone"
            )
        blocks.append(block)
    blocks.sort(key=lambda block: block.first)
    _check_complete(blocks)
    sources = [_closed(block, dataset) for block in blocks]
    for block, source in zip(blocks, sources, strict=True):
        facts = (source.shape, source.dtype)
        expected = (block.last + 1 - block.first, *sources[0].shape[1:])
        if facts != (expected, sources[0].dtype):
            raise InputError(
                f"{block.path}: holds {source.dtype.name} of shape {source.shape}, not "
                f"{sources[0].dtype.name} of shape {expected}; give blocks of one volume"
            )
    parts = [
        Part(block.path, source.shape[0], partial(_open_netcdf, block.path, dataset))
        for block, source in zip(blocks, sources, strict=True)
    ]
    return joined(parts, sources[0])


def _closed(block: _Block, dataset: str | None) -> Source:
    """Return what a block's header says, with its file closed again."""
    with library_errors(block.path):
        source = _open_netcdf(block.path, dataset)
        source.close()
    return source


def _check_complete(blocks: Sequence[_Block]) -> None:
    """Refuse blocks that are not exactly the slices of one volume."""
    behind = 0
    for block in blocks:
        if block.first < behind:
            raise InputError(
                f"{block.path}: its slices {block.first} to {block.last} are in another block too; "
                "give blocks of one volume, each once"
            )
        _refuse_gap(blocks, behind, block.first)
        behind = block.last + 1
    _refuse_gap(blocks, behind, blocks[-1].depth)


def _refuse_gap(blocks: Sequence[_Block], behind: int, next_one: int) -> None:
    if behind < next_one:
        first = blocks[0]
        without = _without(first, {block.path.name for block in blocks})
        raise InputError(
            f"{first.path.parent}: slices {behind} to {next_one - 1} of {first.depth} are missing, "
            f"{len(blocks)} of {first.count} blocks are there{without}; "
            "copy the missing ones beside them"
        )


def _without(block: _Block, there: set[str]) -> str:
    """Name the blocks that are not among files, where names are numbered from 0."""
    if (numbered := re.fullmatch(r"(.*?)(\d+)(\D*)", block.path.name)) is None:
        return ""
    before, digits, behind = numbered.groups()
    names = [f"{before}{i:0{len(digits)}d}{behind}" for i in range(block.count)]
    missing = [name for name in names if name not in there]
    found = len(names) - len(missing)
    if not missing or found != len(there):  # whole, or numbered in another way
        return ""
    return f", without {shortened(', '.join(missing))}"


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


def _with_true_sign(
    array: ArrayLike, name: str, attributes: Mapping[str, Any], root: Mapping[str, Any]
) -> ArrayLike:
    """Return `array`, unsigned where a program's or NetCDF's conventions say that it is.

    References
    ----------
    NetCDF attribute `_Unsigned`: https://docs.unidata.ucar.edu/nug/2.0-draft/nug_conventions.html
    """
    unsigned = (
        attributes.get("_Unsigned", b"") in (b"true", "true")
        or ("voxel_size_xyz" in root and name in ANU_UNSIGNED)
        or (name == AREA_DETECTOR and root.get("dataType") in AREA_DETECTOR_UNSIGNED)
        or BDV_CELLS.fullmatch(name) is not None
    )
    return Unsigned(array) if array.dtype.kind == "i" and unsigned else array


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
    ".hdf": Format(open_hdf5, takes="dataset"),
    ".nxs": Format(open_hdf5, takes="dataset"),
    ".mat": Format(open_hdf5, takes="dataset"),
    ".nc": Format(open_netcdf, takes="dataset"),
}
