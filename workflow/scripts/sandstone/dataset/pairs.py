"""The HDF5 layout of tile pairs and predictions: written streaming, read lazily."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self, TypeVar

import h5py
import numpy as np

from sandstone import hdf5
from sandstone.dataset.splits import SPLITS
from sandstone.errors import InputError, shortened, shown
from sandstone.fields import are, is_number, is_whole
from sandstone.hdf5 import Check, check_storage, refuse_links
from sandstone.imaging import grey

CORNERS = ("z", "y", "x")
SCALES = (2, 3, 4, 8)
# A tile's corner is 12 bytes: this many in a chunk make a page of the disk.
CORNER_CHUNK = 1024


@dataclass(frozen=True)
class PairsAttributes:
    """Root attributes of a pairs file.

    Voxel sizes are micrometres in the order z, y, x. `degradation` holds the kernel and
    the parameters that act with it; `grey_max` is the data range of the tiles.
    """

    sample: str
    scale: int
    hr_voxel_size_um: tuple[float, float, float]
    lr_voxel_size_um: tuple[float, float, float]
    degradation: dict[str, Any]
    seed: int
    guard_um: float
    guard_slices: int
    grey_max: int


@dataclass(frozen=True)
class PredictionsAttributes:
    """Root attributes of a predictions file; `hr_voxel_size_um` is z, y, x."""

    method: str
    sample: str
    scale: int
    hr_voxel_size_um: tuple[float, float, float]
    grey_max: int


@dataclass(frozen=True)
class Split:
    """One group of a pairs file.

    Attributes
    ----------
    slices : tuple of int
        First and last slice of the depth range, z of the raw volume, both included.
    hr, lr : h5py.Dataset
        Tiles, shapes (n, H, H) and (n, h, h), uint8 or uint16; an index reads from disk.
    z, y, x : ndarray of int32, shape (n,)
        Top left corner of each HR tile, voxels of the raw volume.
    """

    slices: tuple[int, int]
    hr: h5py.Dataset
    lr: h5py.Dataset
    z: np.ndarray
    y: np.ndarray
    x: np.ndarray

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.z)


_KINDS: dict[str, Callable[[Any], bool]] = {
    "sample": lambda value: isinstance(value, str),
    "method": lambda value: isinstance(value, str),
    "scale": lambda value: is_whole(value) and value in SCALES,
    "hr_voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "lr_voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "degradation": lambda value: isinstance(value, dict),
    "seed": is_whole,
    "guard_um": lambda value: is_number(value) and value >= 0,
    "guard_slices": lambda value: is_whole(value) and value >= 0,
    "grey_max": is_whole,
}


class _LayoutError(Exception):
    """What a file lacks; its opener adds the file's name and what to do."""


class _TileFile:
    """An HDF5 file open for reading, closed by a `with` block or by `close`."""

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

    def close(self) -> None:
        """Close the file; its tiles cannot be read any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Pairs(_TileFile):
    """A pairs file open for reading.

    Attributes
    ----------
    path : Path
    attrs : PairsAttributes
    dtype : numpy.dtype
        uint8 or uint16, of HR and LR tiles alike.
    hr_size, lr_size : int
        Edges of the tiles, voxels.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        super().__init__(path, file)
        self.attrs: PairsAttributes = _read_attributes(file, PairsAttributes)
        self.dtype = _dtype_of(self.attrs.grey_max)
        self.hr_size = int(_dataset(file, "train/hr").shape[-1])
        self.lr_size = self.hr_size // self.attrs.scale
        self._splits = {name: self._read_split(name) for name in SPLITS}

    def split(self, name: str) -> Split:
        """Return the split `train`, `val` or `test`."""
        return self._splits[name]

    def _read_split(self, name: str) -> Split:
        if name not in self._file or "slices" not in self._file[name].attrs:
            raise _LayoutError(f"group {name} with its slices is missing")
        group = self._file[name]
        z, y, x = _read_corners(group)
        first, last = group.attrs["slices"]
        return Split(
            slices=(int(first), int(last)),
            hr=_tiles(group, "hr", (len(z), self.hr_size, self.hr_size), self.dtype),
            lr=_tiles(group, "lr", (len(z), self.lr_size, self.lr_size), self.dtype),
            z=z,
            y=y,
            x=x,
        )


class Predictions(_TileFile):
    """A predictions file open for reading.

    Attributes
    ----------
    path : Path
    attrs : PredictionsAttributes
    sr : h5py.Dataset
        Super-resolved tiles, shape (n, H, H), uint8 or uint16; an index reads from disk.
    z, y, x : ndarray of int32, shape (n,)
        Top left corner of each tile, voxels of the raw volume.
    """

    def __init__(self, path: Path, file: h5py.File) -> None:
        super().__init__(path, file)
        self.attrs: PredictionsAttributes = _read_attributes(file, PredictionsAttributes)
        self.z, self.y, self.x = _read_corners(file)
        size = _dataset(file, "sr").shape[-1]
        dtype = _dtype_of(self.attrs.grey_max)
        self.sr = _tiles(file, "sr", (len(self.z), size, size), dtype)

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.z)


class PairsWriter:
    """Appends tile pairs to the splits of a new pairs file."""

    def __init__(self, file: h5py.File, check: Check) -> None:
        self._file = file
        self._check = check

    def append(
        self,
        split: str,
        hr: np.ndarray,
        lr: np.ndarray,
        corners: tuple[np.ndarray, np.ndarray, np.ndarray],
    ) -> None:
        """Append tiles `hr` (n, H, H) and `lr` (n, h, h) with their z, y and x, each (n,)."""
        group = self._file[split]
        _extend(group["hr"], hr)
        _extend(group["lr"], lr)
        _extend_corners(group, corners)
        self._check()


class PredictionsWriter:
    """Appends super-resolved tiles to a new predictions file."""

    def __init__(self, file: h5py.File, check: Check) -> None:
        self._file = file
        self._check = check

    def append(self, sr: np.ndarray, corners: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Append tiles `sr` (n, H, H) with the z, y and x that their pairs have, each (n,)."""
        _extend(self._file["sr"], sr)
        _extend_corners(self._file, corners)
        self._check()


@contextmanager
def write_pairs(
    path: str | Path,
    attributes: PairsAttributes,
    *,
    slices: Mapping[str, tuple[int, int]],
    hr_size: int,
) -> Iterator[PairsWriter]:
    """Open a new pairs file for appending; it appears at `path` when the block succeeds.

    Parameters
    ----------
    path : path
    attributes : PairsAttributes
        Its `grey_max` decides the dtype of the tiles.
    slices : mapping
        First and last slice of each split, z of the raw volume.
    hr_size : int
        Edge of the HR tiles, voxels.
    """
    dtype = _dtype_of(attributes.grey_max)
    with hdf5.create(path) as (file, check):
        _write_attributes(file, attributes)
        for name in SPLITS:
            group = file.create_group(name)
            group.attrs["slices"] = np.asarray(slices[name], dtype=np.int32)
            _create_tiles(group, "hr", hr_size, dtype)
            _create_tiles(group, "lr", hr_size // attributes.scale, dtype)
            _create_corners(group)
        yield PairsWriter(file, check)


@contextmanager
def write_predictions(
    path: str | Path, attributes: PredictionsAttributes, *, hr_size: int
) -> Iterator[PredictionsWriter]:
    """Open a new predictions file for appending; it appears when the block succeeds."""
    with hdf5.create(path) as (file, check):
        _write_attributes(file, attributes)
        _create_tiles(file, "sr", hr_size, _dtype_of(attributes.grey_max))
        _create_corners(file)
        yield PredictionsWriter(file, check)


def open_pairs(path: str | Path) -> Pairs:
    """Open a pairs file for lazy reading.

    Raises
    ------
    InputError
        If the file is missing, truncated or laid out differently.
    """
    return _open(Path(path), Pairs, "make_pairs.py")


def open_predictions(path: str | Path) -> Predictions:
    """Open a predictions file for lazy reading.

    Raises
    ------
    InputError
        If the file is missing, truncated or laid out differently.
    """
    return _open(Path(path), Predictions, "super_resolve.py")


def check_aligned(pairs: Pairs, predictions: Predictions) -> None:
    """Check that `predictions` belong to the test tiles of `pairs`, in the same order.

    Raises
    ------
    InputError
        If sample, scale, data range, voxel size, tile size or any corner differs.
    """
    test = pairs.split("test")
    shared = ("sample", "scale", "grey_max", "hr_voxel_size_um")
    aligned = (
        all(getattr(pairs.attrs, name) == getattr(predictions.attrs, name) for name in shared)
        and test.hr.shape == predictions.sr.shape
        and all(np.array_equal(getattr(test, c), getattr(predictions, c)) for c in CORNERS)
    )
    if not aligned:
        raise InputError(
            f"{predictions.path} does not hold the test tiles of {pairs.path} in their order; "
            "delete it and run super_resolve.py on these pairs"
        )


_Opened = TypeVar("_Opened", Pairs, Predictions)


def _open(path: Path, kind: type[_Opened], script: str) -> _Opened:
    if not path.is_file():
        raise InputError(f"{path} does not exist; make it with {script}")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(
            f"{path} is not a whole, readable HDF5 file; delete it and run {script} again"
        ) from error
    try:
        refuse_links(file, path)
        return kind(path, file)
    except InputError:
        file.close()
        raise
    except Exception as error:  # HDF5 and h5py raise types of every kind on a damaged file
        file.close()
        raise InputError(
            f"{path} is not laid out as expected: {shortened(error)}; "
            f"delete it and run {script} again"
        ) from error


def _write_attributes(file: h5py.File, attributes: Any) -> None:
    for name, value in asdict(attributes).items():
        file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value


def _read_attributes(file: h5py.File, kind: type) -> Any:
    missing = [field.name for field in fields(kind) if field.name not in file.attrs]
    if missing:
        raise _LayoutError(f"attribute {missing[0]} is missing")
    values = {field.name: _plain(field.name, file.attrs) for field in fields(kind)}
    for name, value in values.items():
        if not _KINDS[name](value):
            raise _LayoutError(f"attribute {name} is {shown(value)}")
    return kind(**values)


def _plain(name: str, attributes: h5py.AttributeManager) -> Any:
    """Return an attribute as plain Python: JSON text parsed, NumPy types gone."""
    value = attributes[name]
    if name == "degradation":
        return json.loads(value)
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def _dtype_of(grey_max: int) -> np.dtype:
    for dtype in grey.GREY_DTYPES:
        if grey.grey_max(dtype) == grey_max:
            return np.dtype(dtype)
    raise _LayoutError(f"grey_max is {grey_max}, not that of uint8 or uint16")


def _create_tiles(group: h5py.Group, name: str, size: int, dtype: np.dtype) -> None:
    """Create an empty, growing dataset of tiles; one chunk a tile makes random reads cheap."""
    group.create_dataset(
        name,
        shape=(0, size, size),
        maxshape=(None, size, size),
        chunks=(1, size, size),
        dtype=dtype,
        track_times=False,  # two runs give the same bytes
    )


def _create_corners(group: h5py.Group) -> None:
    for name in CORNERS:
        group.create_dataset(
            name,
            shape=(0,),
            maxshape=(None,),
            chunks=(CORNER_CHUNK,),
            dtype=np.int32,
            track_times=False,
        )


def _extend(dataset: h5py.Dataset, values: np.ndarray) -> None:
    if len(values) == 0:
        return
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values


def _extend_corners(group: h5py.Group, corners: tuple[np.ndarray, ...]) -> None:
    for name, values in zip(CORNERS, corners, strict=True):
        _extend(group[name], values)


def _dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    dataset = group.get(name)
    if not isinstance(dataset, h5py.Dataset):
        raise _LayoutError(f"dataset {name} is missing")
    if len(dataset.shape) == 0 or dataset.dtype.kind not in "iu":
        raise _LayoutError(f"dataset {name} holds no list of whole numbers")
    check_storage(dataset, Path(dataset.file.filename))
    return dataset


def _tiles(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype) -> h5py.Dataset:
    dataset = _dataset(group, name)
    if dataset.shape != shape or dataset.dtype != dtype:
        raise _LayoutError(
            f"{dataset.name} is {dataset.dtype} {dataset.shape}, not {dtype} {shape}"
        )
    return dataset


def _read_corners(group: h5py.Group) -> list[np.ndarray]:
    corners = [_dataset(group, name)[:] for name in CORNERS]
    if any(each.ndim != 1 or len(each) != len(corners[0]) for each in corners):
        raise _LayoutError("z, y and x are no corners of the same tiles")
    return corners
