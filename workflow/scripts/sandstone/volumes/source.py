"""What every reader of a volume format shares: the source of voxels, its checks, its units."""

import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, Literal, ParamSpec, Protocol

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError, note, shortened, shown
from sandstone.sizes import check_length, voxel_bytes

P = ParamSpec("P")
FileVoxelSize = tuple[float | None, float | None, float | None]
UNKNOWN: FileVoxelSize = (None, None, None)
HEADER_LIMIT = 1 << 16  # bytes; a text header is a page long

DECIMAL_COMMA = re.compile(r"[+-]?\d+,(\d{1,2}|\d{4,})|[+-]?0,\d+")  # 2,5 but not 2,500

ANU_DEFAULT = "tomo"  # the reconstruction, in the files of the CT laboratory of ANU

INCH_UM = 25400.0
# Dots per inch that image programs write unasked; they tell nothing about a rock. They are written
# rounded, to whole dots an inch or a centimetre, or to some digits of a pixel's edge.
PRINT_RESOLUTIONS = (
    *(72, 75, 90, 96, 100, 120, 150, 180, 240, 254, 300, 400, 600, 1200, 2400),
    200,  # fax
)
DPI_ROUNDED = 0.5
SHARE_ROUNDED = 1e-3

# Bytes of planes that are turned at once: single voxels would miss the processor's cache.
TURNED_BYTES = 1 << 24

MICROMETRES = {
    "pm": 1e-6,
    "angstrom": 1e-4,
    "å": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "nanometre": 1e-3,
    "um": 1.0,
    "micron": 1.0,
    "micrometer": 1.0,
    "micrometre": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "millimetre": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "centimetre": 1e4,
    "inch": INCH_UM,
    "in": INCH_UM,
    "m": 1e6,
    "meter": 1e6,
    "metre": 1e6,
}


class ArrayLike(Protocol):
    """What NumPy, HDF5 and Zarr arrays have in common."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis, voxels."""

    @property
    def dtype(self) -> np.dtype:
        """Type of a voxel."""

    def __getitem__(self, index: Any) -> Any:
        """Return the voxels that a tuple of slices names."""


@dataclass(frozen=True)
class Source:
    """Voxels of one opened format, before the config has had its say.

    Attributes
    ----------
    shape : tuple of int
        Depth, height and width, voxels.
    dtype : dtype
        As stored, of any byte order.
    read : callable
        ``read(z0, z1, rows)`` returns the rows that the slice `rows` names of the slices z0 to
        z1 - 1, shape (z1 - z0, y, x).
    files : tuple of Path
        Every file that holds voxels or their description, in reading order.
    voxel_size_um : tuple of float or None
        What the format says along z, y, x, micrometres; None along an axis of which it
        says nothing.
    close : callable
        Lets go of open files.
    in_memory : bool
        Whether the first read unpacks the whole volume into memory.
    bare_size : bool
        Whether that size comes from resolution tags, which any image program writes, rather
        than from metadata that name their unit on purpose.
    """

    shape: tuple[int, int, int]
    dtype: np.dtype
    read: Callable[[int, int, slice], np.ndarray]
    files: tuple[Path, ...]
    voxel_size_um: FileVoxelSize = UNKNOWN
    close: Callable[[], None] = lambda: None
    in_memory: bool = False
    bare_size: bool = False


@dataclass(frozen=True)
class Format:
    """How the files of one suffix are opened: an entry of a reader's `FORMATS`.

    Attributes
    ----------
    open : callable
        Takes the path and, where the format `takes` an option, what the user gave or None;
        returns a `Source`. It imports the library of its format itself.
    takes : str or None
        Which option of `open_volume` describes the file further; the others are refused.
    """

    open: Callable[..., Source]
    takes: Literal["raw", "dataset"] | None = None


@contextmanager
def library_errors(path: Path) -> Iterator[None]:
    """Turn whatever a reading library raises on `path` into an `InputError`."""
    try:
        yield
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path}: permission to read it is denied; ask its owner") from error
    except MemoryError as error:
        raise InputError(
            f"{path}: does not fit into memory ({error}); save it uncompressed, "
            "or use a larger machine"
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            f"{path}: cannot be read ({reason}); see whether it is whole and what its name says, "
            "or export it again from the program that made it, as TIFF"
        ) from error


def unreadable_is_silent(read: Callable[P, FileVoxelSize]) -> Callable[P, FileVoxelSize]:
    """Let a reader of voxel sizes say nothing, with a note, where metadata cannot be read.

    Voxels are whole whatever stands beside them, and the config can tell the size.
    """

    @functools.wraps(read)
    def size(*arguments: P.args, **options: P.kwargs) -> FileVoxelSize:
        try:
            return read(*arguments, **options)
        except Exception as error:  # noqa: BLE001 - every library raises its own
            reason = shortened(" ".join(str(error).split()) or type(error).__name__)
            note(f"the voxel size in the metadata cannot be read ({reason}); it counts as none")
            return UNKNOWN

    return size


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


def array_source(array: ArrayLike, path: Path, files: tuple[Path, ...], **details: Any) -> Source:
    """Return a source that slices `array`, lazily where the array is lazy.

    Two axes make one slice; axes of length 1 before the last three are dropped.

    Raises
    ------
    InputError
        If the array has other axes than a volume.
    """
    shape = volume_shape(array.shape, path)
    singletons = (0,) * (len(array.shape) - 3)

    def read(z0: int, z1: int, rows: slice) -> np.ndarray:
        if len(array.shape) == 2:
            return np.asarray(array[rows, :])[np.newaxis][z0:z1]
        return np.asarray(array[(*singletons, slice(z0, z1), rows)])

    return Source(shape, np.dtype(array.dtype), read, files, **details)


def volume_shape(shape: tuple[int, ...], path: Path) -> tuple[int, int, int]:
    """Return `shape` as depth, height, width.

    Raises
    ------
    InputError
        If that cannot be done without guessing.
    """
    excess = len(shape) - 3
    if len(shape) < 2 or any(length != 1 for length in shape[: max(excess, 0)]):
        advice = "convert it to grey" if shape[-1:] in [(3,), (4,)] else "save one grey volume"
        raise InputError(f"{path}: shape {shape} is not z, y, x; {advice}")
    if any(length < 0 for length in shape):
        raise InputError(f"{path}: shape {shape} holds no voxels; check where it comes from")
    depth, height, width = (1, *shape)[-3:]
    return depth, height, width


def stored_source(
    path: Path,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    offset: int = 0,
    *,
    x_slowest: bool = False,
    **details: Any,
) -> Source:
    """Return a source of plain voxels that begin `offset` bytes into `path`, x fastest.

    They are read rather than mapped into memory: a file that is cut short meanwhile, or a disk
    that fails, is then an error, while touching mapped memory would end the process (SIGBUS).

    Raises
    ------
    InputError
        If the shape is that of no volume, or the file is too short for it.
    """
    if any(length < 1 for length in shape):
        raise InputError(f"{path}: shape {shape} holds no voxels; check where it comes from")
    check_length(path, offset + voxel_bytes(shape, dtype), path.stat().st_size)
    voxels = _StoredVoxels(path, volume_shape(shape, path), np.dtype(dtype), offset)
    return Source(
        voxels.shape,
        voxels.dtype,
        voxels.read_x_slowest if x_slowest else voxels.read,
        close=voxels.close,
        **{"files": (path,), **details},
    )


class _StoredVoxels:
    """Plain voxels in an open file; see `stored_source`."""

    def __init__(
        self, path: Path, shape: tuple[int, int, int], dtype: np.dtype, offset: int
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._path, self._offset = path, offset
        self._stream = path.open("rb", buffering=0)
        self.close = self._stream.close

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Return rows of the slices z0 to z1 - 1, as `Source` describes."""
        _, height, width = self.shape
        first, stop, _ = rows.indices(height)
        voxels = np.empty((z1 - z0, stop - first, width), self.dtype)
        for z, image in enumerate(voxels, z0):
            self._fill(image, (z * height + first) * width)
        return voxels

    def read_x_slowest(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        """Do the same where the file runs along z first and along x last: in one pass over it."""
        depth, height, width = self.shape
        first, stop, _ = rows.indices(height)
        voxels = np.empty((z1 - z0, stop - first, width), self.dtype)
        plane_bytes = voxel_bytes((stop - first, depth), self.dtype)
        planes = np.empty(
            (min(width, max(1, TURNED_BYTES // max(1, plane_bytes))), stop - first, depth),
            self.dtype,
        )
        for x in range(0, width, len(planes)):
            several = planes[: width - x]
            for i, plane in enumerate(several):
                self._fill(plane, ((x + i) * height + first) * depth)
            voxels[:, :, x : x + len(several)] = several[:, :, z0:z1].T
        return voxels

    def _fill(self, voxels: np.ndarray, before: int) -> None:
        """Fill a contiguous array with the voxels that follow `before` others in the file."""
        rest = voxels.reshape(-1).view(np.uint8).data
        position = self._offset + before * self.dtype.itemsize
        while rest:
            count = os.preadv(self._stream.fileno(), [rest], position)
            if not count:
                raise InputError(
                    f"{self._path}: ends at byte {position}, though it was longer when it was "
                    "opened; start again once it is whole and nothing writes to it"
                )
            rest, position = rest[count:], position + count


def micrometres(unit: str | bytes | None) -> float | None:
    """Return how many micrometres one `unit` is, or None for an unknown unit."""
    if unit is None:
        return None
    text = unit.decode(errors="replace") if isinstance(unit, bytes) else str(unit)
    # ImageJ escapes the micro sign; Unicode has two of them.
    text = text.strip().strip('"').replace("\\u00B5", "u").replace("\\u00b5", "u")
    text = text.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u").lower()
    return MICROMETRES.get(text, MICROMETRES.get(text.removesuffix("s")))


def number(value: Any) -> float | None:
    """Return a number of metadata, also one that is text; None if it is none.

    A comma counts as a decimal point where it cannot part thousands.
    """
    text = value.decode(errors="replace") if isinstance(value, bytes) else value
    if isinstance(text, str):
        text = text.strip().strip(",;")
        text = text.replace(",", ".") if DECIMAL_COMMA.fullmatch(text) else text
    try:
        return float(text)
    except (TypeError, ValueError, OverflowError):
        return None


def numbers(values: Any) -> list[float | None]:
    """Return numbers of metadata that are an array, or one text such as ``2.5, 2.5, 2.5``."""
    text = values.decode(errors="replace") if isinstance(values, bytes) else values
    if isinstance(text, str):
        between = r"[\s,;]+" if "." in text else r"[\s;]+"
        return [number(each) for each in re.split(between, text.strip(" \t\r\n,;()[]"))]
    return [number(each) for each in np.ravel(values)]


def stated(size: Any, unit: float | None = 1.0) -> float | None:
    """Return `size`, a number or its text, times `unit` if both make a size, else None."""
    length = number(size)
    if length is None or unit is None:
        return None
    length *= unit
    return length if isfinite(length) and length > 0 else None


def last_three(sizes: Iterable[Any]) -> FileVoxelSize:
    """Return the voxel size along z, y, x from edges of which the last three lie in space."""
    z, y, x = [None, None, None, *(stated(size) for size in sizes)][-3:]
    return z, y, x


def is_print(edge_um: float | None) -> bool:
    """Say whether pixels have the edge of a print's or screen's, whatever unit it is given in."""
    if edge_um is None:
        return False
    per_inch, per_cm = INCH_UM / edge_um, 1e4 / edge_um
    whole = abs(per_cm - round(per_cm)) < SHARE_ROUNDED
    return any(
        abs(per_inch - dpi) <= max(DPI_ROUNDED, SHARE_ROUNDED * dpi)
        or (whole and round(per_cm) == round(dpi / 2.54))
        for dpi in PRINT_RESOLUTIONS
    )
