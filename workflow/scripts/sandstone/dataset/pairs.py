"""Files of tile pairs and of predictions: written streaming, read lazily."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sandstone import hdf5
from sandstone.choices import SCALES
from sandstone.dataset import tile_files
from sandstone.dataset.splits import SPLITS
from sandstone.dataset.tile_files import CORNERS, LayoutError, TileFile
from sandstone.errors import InputError
from sandstone.fields import Kind, are, is_number, is_whole


@dataclass(frozen=True)
class PairsAttributes:
    """Root attributes of a pairs file.

    Voxel sizes are micrometres in the order z, y, x. `degradation` holds the kernel and
    the parameters that act with it. `depth_step` is the distance of the slices that were taken.
    `correlation` is a `guard.Correlation` of them all: `lags`, `values` and `length`, slices.
    `grey_max` is the data range of the tiles.
    """

    sample: str
    scale: int
    hr_voxel_size_um: tuple[float, float, float]
    lr_voxel_size_um: tuple[float, float, float]
    degradation: dict[str, Any]
    seed: int
    guard_um: float
    guard_slices: int
    depth_step: int
    correlation: dict[str, Any]
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


def _is_correlation(value: Any) -> bool:
    """Say whether a value is what a `guard.Correlation` is written as."""
    if not isinstance(value, dict) or value.keys() != {"lags", "values", "length"}:
        return False
    lags, values, length = value["lags"], value["values"], value["length"]
    return (
        isinstance(lags, list)
        and are(is_whole, lags, len(lags))
        and are(is_number, values, len(lags))
        and is_whole(length)
        and length in [0, *lags]
    )


KINDS: dict[str, Kind] = {
    "sample": lambda value: isinstance(value, str),
    "method": lambda value: isinstance(value, str),
    "scale": lambda value: is_whole(value) and value in SCALES,
    "hr_voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "lr_voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "degradation": lambda value: isinstance(value, dict),
    "seed": is_whole,
    "guard_um": lambda value: is_number(value) and value >= 0,
    "guard_slices": lambda value: is_whole(value) and value >= 0,
    "depth_step": lambda value: is_whole(value) and value >= 1,
    "correlation": _is_correlation,
    "grey_max": is_whole,
}


class Pairs(TileFile):
    """A pairs file open for reading.

    Attributes
    ----------
    attrs : PairsAttributes
    dtype : numpy.dtype
        uint8 or uint16, of HR and LR tiles alike.
    hr_size, lr_size : int
        Edges of the tiles, voxels.
    """

    MADE_BY = "make_pairs.py"

    def __init__(self, path: Path, file: h5py.File) -> None:
        super().__init__(path, file)
        self.attrs: PairsAttributes = self._attributes(PairsAttributes, KINDS)
        self.dtype = tile_files.dtype_of(self.attrs.grey_max)
        self.hr_size = int(tile_files.dataset(file, "train/hr").shape[-1])
        self.lr_size = self.hr_size // self.attrs.scale
        self._splits = {name: self._read_split(name) for name in SPLITS}

    def split(self, name: str) -> Split:
        """Return the split `train`, `val` or `test`."""
        return self._splits[name]

    def _read_split(self, name: str) -> Split:
        if name not in self._file or "slices" not in self._file[name].attrs:
            raise LayoutError(f"group {name} with its slices is missing")
        group = self._file[name]
        z, y, x = tile_files.read_corners(group)
        first, last = group.attrs["slices"]
        return Split(
            slices=(int(first), int(last)),
            hr=tile_files.tiles(group, "hr", (len(z), self.hr_size, self.hr_size), self.dtype),
            lr=tile_files.tiles(group, "lr", (len(z), self.lr_size, self.lr_size), self.dtype),
            z=z,
            y=y,
            x=x,
        )


class Predictions(TileFile):
    """A predictions file open for reading.

    Attributes
    ----------
    attrs : PredictionsAttributes
    sr : h5py.Dataset
        Super-resolved tiles, shape (n, H, H), uint8 or uint16; an index reads from disk.
    z, y, x : ndarray of int32, shape (n,)
        Top left corner of each tile, voxels of the raw volume.
    """

    MADE_BY = "super_resolve.py"

    def __init__(self, path: Path, file: h5py.File) -> None:
        super().__init__(path, file)
        self.attrs: PredictionsAttributes = self._attributes(PredictionsAttributes, KINDS)
        self.z, self.y, self.x = tile_files.read_corners(file)
        size = tile_files.dataset(file, "sr").shape[-1]
        dtype = tile_files.dtype_of(self.attrs.grey_max)
        self.sr = tile_files.tiles(file, "sr", (len(self.z), size, size), dtype)

    def __len__(self) -> int:
        """Return the number of tiles."""
        return len(self.z)


class PairsWriter:
    """Appends tile pairs to the splits of a new pairs file."""

    def __init__(self, file: h5py.File, check: hdf5.Check) -> None:
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
        tile_files.extend(group["hr"], hr)
        tile_files.extend(group["lr"], lr)
        tile_files.extend_corners(group, corners)
        self._check()


class PredictionsWriter:
    """Appends super-resolved tiles to a new predictions file."""

    def __init__(self, file: h5py.File, check: hdf5.Check) -> None:
        self._file = file
        self._check = check

    def append(self, sr: np.ndarray, corners: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
        """Append tiles `sr` (n, H, H) with the z, y and x that their pairs have, each (n,)."""
        tile_files.extend(self._file["sr"], sr)
        tile_files.extend_corners(self._file, corners)
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
    dtype = tile_files.dtype_of(attributes.grey_max)
    with hdf5.create(path) as (file, check):
        tile_files.write_attributes(file, attributes)
        for name in SPLITS:
            group = file.create_group(name)
            group.attrs["slices"] = np.asarray(slices[name], dtype=np.int32)
            tile_files.create_tiles(group, "hr", hr_size, dtype)
            tile_files.create_tiles(group, "lr", hr_size // attributes.scale, dtype)
            tile_files.create_corners(group)
        yield PairsWriter(file, check)


@contextmanager
def write_predictions(
    path: str | Path, attributes: PredictionsAttributes, *, hr_size: int
) -> Iterator[PredictionsWriter]:
    """Open a new predictions file for appending; it appears when the block succeeds."""
    with hdf5.create(path) as (file, check):
        tile_files.write_attributes(file, attributes)
        tile_files.create_tiles(file, "sr", hr_size, tile_files.dtype_of(attributes.grey_max))
        tile_files.create_corners(file)
        yield PredictionsWriter(file, check)


def open_pairs(path: str | Path) -> Pairs:
    """Open a pairs file for lazy reading; see `TileFile.open`."""
    return Pairs.open(path)


def open_predictions(path: str | Path) -> Predictions:
    """Open a predictions file for lazy reading; see `TileFile.open`."""
    return Predictions.open(path)


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
