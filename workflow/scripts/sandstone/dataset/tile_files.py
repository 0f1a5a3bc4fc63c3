"""HDF5 files of tiles: growing datasets with corners, and attributes of known kinds."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, ClassVar, Self

import h5py
import numpy as np

from sandstone.errors import InputError, shortened
from sandstone.fields import Kind, check_fields
from sandstone.imaging import grey

CORNERS = ("z", "y", "x")
JSON_TEXTS = ("degradation", "correlation")  # attributes that hold a dict
# A tile's corner is 12 bytes: this many in a chunk make a page of the disk.
CORNER_CHUNK = 1024


class LayoutError(Exception):
    """What a file lacks; `TileFile.open` adds the file's name and what to do."""


class TileFile:
    """An HDF5 file open for reading, closed by a `with` block or by `close`.

    Attributes
    ----------
    MADE_BY : str
        Script that makes such files.
    path : Path
    """

    MADE_BY: ClassVar[str]

    def __init__(self, path: Path, file: h5py.File) -> None:
        self.path = path
        self._file = file

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Open a file for lazy reading.

        Raises
        ------
        InputError
            If the file is missing, truncated or laid out differently.
        """
        path = Path(path)
        if not path.is_file():
            raise InputError(f"{path} does not exist; make it with {cls.MADE_BY}")
        try:
            file = h5py.File(path, "r")
        except OSError as error:
            raise InputError(
                f"{path} is not a whole, readable HDF5 file; {cls._remedy()}"
            ) from error
        try:
            return cls(path, file)
        except InputError:
            file.close()
            raise
        except Exception as error:  # HDF5 and h5py raise types of every kind on a damaged file
            file.close()
            raise InputError(
                f"{path} is not laid out as expected: {shortened(error)}; {cls._remedy()}"
            ) from error

    def close(self) -> None:
        """Close the file; its tiles cannot be read any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def _remedy(cls) -> str:
        return f"delete it and run {cls.MADE_BY} again"

    def _attributes(self, kind: type, kinds: Mapping[str, Kind]) -> Any:
        """Return the root attributes as a `kind`, a dataclass; `kinds` says what each may be."""
        names = [field.name for field in fields(kind)]
        missing = [name for name in names if name not in self._file.attrs]
        if missing:
            raise LayoutError(f"attribute {missing[0]} is missing")
        values = {name: _plain(name, self._file.attrs) for name in names}
        check_fields(values, {name: kinds[name] for name in names}, self.path, self._remedy())
        return kind(**values)


def _plain(name: str, attributes: h5py.AttributeManager) -> Any:
    """Return an attribute as plain Python: JSON text parsed, NumPy types gone."""
    value = attributes[name]
    if name in JSON_TEXTS:
        return json.loads(value)
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    return value.item() if isinstance(value, np.generic) else value


def dtype_of(grey_max: int) -> np.dtype:
    """Return the dtype of tiles with that data range."""
    for dtype in grey.GREY_DTYPES:
        if grey.grey_max(dtype) == grey_max:
            return np.dtype(dtype)
    raise LayoutError(f"grey_max is {grey_max}, not that of uint8 or uint16")


# --- reading ---


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """Return a list of whole numbers, or of tiles of them."""
    found = group.get(name)
    if not isinstance(found, h5py.Dataset):
        raise LayoutError(f"dataset {name} is missing")
    if len(found.shape) == 0 or found.dtype.kind not in "iu":
        raise LayoutError(f"dataset {name} holds no list of whole numbers")
    return found


def tiles(group: h5py.Group, name: str, shape: tuple[int, ...], dtype: np.dtype) -> h5py.Dataset:
    """Return the tiles of a group, checked for shape (n, y, x) and dtype."""
    found = dataset(group, name)
    if found.shape != shape or found.dtype != dtype:
        raise LayoutError(f"{found.name} is {found.dtype} {found.shape}, not {dtype} {shape}")
    return found


def read_corners(group: h5py.Group) -> list[np.ndarray]:
    """Return z, y and x of the tiles of a group, each of shape (n,)."""
    corners = [dataset(group, name)[:] for name in CORNERS]
    if any(each.ndim != 1 or len(each) != len(corners[0]) for each in corners):
        raise LayoutError("z, y and x are no corners of the same tiles")
    return corners


# --- writing ---


def write_attributes(file: h5py.File, attributes: Any) -> None:
    """Write a dataclass as root attributes, its dicts as JSON text."""
    for name, value in asdict(attributes).items():
        file.attrs[name] = json.dumps(value) if isinstance(value, dict) else value


def create_tiles(group: h5py.Group, name: str, size: int, dtype: np.dtype) -> None:
    """Create an empty, growing dataset of tiles; one chunk a tile makes random reads cheap."""
    group.create_dataset(
        name,
        shape=(0, size, size),
        maxshape=(None, size, size),
        chunks=(1, size, size),
        dtype=dtype,
        track_times=False,  # two runs give the same bytes
    )


def create_corners(group: h5py.Group) -> None:
    """Create the empty, growing datasets z, y and x."""
    for name in CORNERS:
        group.create_dataset(
            name,
            shape=(0,),
            maxshape=(None,),
            chunks=(CORNER_CHUNK,),
            dtype=np.int32,
            track_times=False,
        )


def extend(grown: h5py.Dataset, values: np.ndarray) -> None:
    """Append values to a growing dataset."""
    if len(values) == 0:
        return
    start = len(grown)
    grown.resize(start + len(values), axis=0)
    grown[start:] = values


def extend_corners(group: h5py.Group, corners: tuple[np.ndarray, ...]) -> None:
    """Append z, y and x of further tiles, each of shape (n,)."""
    for name, values in zip(CORNERS, corners, strict=True):
        extend(group[name], values)
