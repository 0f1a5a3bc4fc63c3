"""The normalised slices of one sample on disk: the stack, its rock mask and its JSON."""

from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import numpy as np
import tifffile

from sandstone.errors import InputError
from sandstone.fields import Kind, are, check_fields, is_number, is_whole
from sandstone.files import read_json

ROCK = 255
AGAIN = "delete it and run slice_volume.py again"


def _is_window(value: Any) -> bool:
    """Say whether what a window tells, if anything, is in numbers."""
    return (
        isinstance(value, dict)
        and all(is_number(value.get(end, 0)) for end in ("low", "high"))
        and are(is_number, value.get("percentiles", [0, 1]), 2)
    )


KINDS: dict[str, Kind] = {
    "sample": lambda value: isinstance(value, str),
    "voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "shape": lambda value: are(is_whole, value, 3) and min(value) > 0,
    "origin": lambda value: are(is_whole, value, 3) and min(value) >= 0,
    "window": _is_window,
    "grey_max": is_whole,
}
REQUIRED_KEYS = (
    "sample",
    "source",
    "voxel_size_um",
    "shape",
    "dtype",
    "origin",
    "window",
    "grey_max",
    "field_of_view",
)


class Slices:
    """The slices of one sample, read one at a time.

    Attributes
    ----------
    shape : tuple of int
        Depth, height and width, voxels.
    dtype : numpy.dtype
        uint8 or uint16.
    metadata : dict
        The JSON that `slice_volume` wrote; docs/design.md lists its keys.
    """

    def __init__(self, stack: "_Stack", mask: "_Stack", metadata: dict[str, Any]) -> None:
        self._stack = stack
        self._mask = mask
        self.metadata = metadata
        self.shape = stack.shape
        self.dtype = stack.dtype

    def read(self, z: int) -> np.ndarray:
        """Return slice `z` (counted from the top of the stack), shape (y, x)."""
        return self._stack.page(z)

    def read_mask(self, z: int) -> np.ndarray:
        """Return where slice `z` shows rock: bool, shape (y, x)."""
        return self._mask.page(z) > 0

    def close(self) -> None:
        """Close both files."""
        self._stack.close()
        self._mask.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_slices(
    slices_path: str | Path, mask_path: str | Path, metadata_path: str | Path
) -> Slices:
    """Open the three files that `slice_volume` writes for a sample.

    Raises
    ------
    InputError
        If a file is absent, damaged or truncated, or if the three disagree.
    """
    metadata = read_metadata(metadata_path)
    with ExitStack() as opened:
        stack = opened.enter_context(closing(_Stack(slices_path)))
        _check_agreement(stack, slices_path, metadata, metadata_path)
        mask = opened.enter_context(closing(_Stack(mask_path)))
        if mask.shape != stack.shape:
            raise InputError(
                f"{mask_path}: the mask's shape {mask.shape} is not the shape {stack.shape} of "
                f"{slices_path}; delete both and run slice_volume.py again"
            )
        opened.pop_all()
    return Slices(stack, mask, metadata)


def open_lr_slices(
    slices_path: str | Path, mask_path: str | Path, fine: Slices, scale: int
) -> Slices:
    """Open what `resample_coarse` writes: a real coarse scan on the LR pixels of `fine`.

    Its mask says where that scan shows the rock; its metadata are those of `fine`.

    Raises
    ------
    InputError
        If a file is absent or damaged, or holds other pixels or another dtype.
    """
    depth, height, width = fine.shape
    expected = ((depth, height // scale, width // scale), fine.dtype)
    with ExitStack() as opened:
        stack = opened.enter_context(closing(_Stack(slices_path)))
        mask = opened.enter_context(closing(_Stack(mask_path)))
        if (stack.shape, stack.dtype) != expected or mask.shape != stack.shape:
            raise InputError(
                f"{slices_path}: holds {stack.dtype} of shape {stack.shape}, not LR pixels of "
                f"scale {scale} for these slices; delete it and run resample_coarse.py again"
            )
        opened.pop_all()
    return Slices(stack, mask, fine.metadata)


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Return the JSON of a sample's slices.

    Raises
    ------
    InputError
        If the file is missing, damaged, or says something that slices cannot be.
    """
    metadata = read_json(path, keys=REQUIRED_KEYS, remedy=AGAIN)
    check_fields(metadata, KINDS, path, AGAIN)
    return metadata


def _check_agreement(
    stack: "_Stack",
    slices_path: str | Path,
    metadata: dict[str, Any],
    metadata_path: str | Path,
) -> None:
    shape, dtype = metadata["shape"], metadata["dtype"]
    if (shape, dtype) != (list(stack.shape), stack.dtype.name):
        raise InputError(
            f"{slices_path}: holds {stack.dtype.name} of shape {list(stack.shape)}, but "
            f"{metadata_path} says {dtype} of shape {shape}; delete both and run slice_volume.py "
            "again"
        )


def _require_file(path: str | Path) -> None:
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; make it with slice_volume.py")


class _Stack:
    """A TIFF of equal pages whose bytes are all there."""

    def __init__(self, path: str | Path) -> None:
        _require_file(path)
        try:
            self._file = tifffile.TiffFile(path)
        except Exception as error:  # the library raises types of every kind
            raise _damaged(path) from error
        try:
            self._pages = self._file.pages
            self.shape = (len(self._pages), *self._pages[0].shape)
            self.dtype = np.dtype(self._pages[0].dtype)
            last = self._pages[-1]
            end = max(
                start + size
                for start, size in zip(last.dataoffsets, last.databytecounts, strict=True)
            )
        except Exception as error:
            self._file.close()
            raise _damaged(path) from error
        if len(self.shape) != 3 or end > Path(path).stat().st_size:
            self._file.close()
            raise _damaged(path)
        self._path = path

    def page(self, z: int) -> np.ndarray:
        if not 0 <= z < self.shape[0]:
            raise IndexError(f"slice {z} is outside 0 to {self.shape[0] - 1}")
        try:
            return self._pages[z].asarray()
        except Exception as error:  # codecs raise types of their own
            raise _damaged(self._path) from error

    def close(self) -> None:
        self._file.close()


def _damaged(path: str | Path) -> InputError:
    return InputError(f"{path}: damaged or truncated TIFF; {AGAIN}")
