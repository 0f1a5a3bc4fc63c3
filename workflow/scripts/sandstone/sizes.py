"""Bytes of an array, and whether a file can hold as many as its header declares."""

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError

# Deflate, the strongest compressor of real scans in these formats, reaches 1032:1 at best.
HIGHEST_COMPRESSION = 1100
# Other compressors shrink blank slices further; below this size a false header does no harm.
UNQUESTIONED_BYTES = 1 << 30
# Bytes that must be in memory at once: a slice, or a chunk of a container.
LARGEST_BLOCK = 1 << 31

T = TypeVar("T")

VoxelSize = tuple[float, float, float]  # edges along z, y, x, micrometres


def zyx(values: Iterable[T]) -> tuple[T, T, T]:
    """Return what belongs to the axes z, y and x as a tuple of exactly three."""
    z, y, x = values
    return z, y, x


def voxel_bytes(shape: tuple[int, ...], dtype: npt.DTypeLike) -> int:
    """Return the size of an array in bytes, without overflow."""
    return prod(int(length) for length in shape) * np.dtype(dtype).itemsize


def check_length(path: Path, expected: int, actual: int) -> None:
    """Refuse a file with fewer bytes than its shape and dtype need."""
    if actual < expected:
        raise InputError(
            f"{path}: shape and dtype need {expected} bytes, but it holds {actual}; "
            "correct the shape, or copy the whole file again"
        )


def check_compressed_length(path: Path, expected: int, stored: int) -> None:
    """Refuse a shape so large that no compressor could have stored it in `stored` bytes."""
    absurd = expected > max(stored * HIGHEST_COMPRESSION, UNQUESTIONED_BYTES)
    if absurd or (expected and not stored):
        raise InputError(
            f"{path}: its header declares {expected} bytes of voxels, but it holds only {stored} "
            "compressed bytes; copy the whole file again"
        )
