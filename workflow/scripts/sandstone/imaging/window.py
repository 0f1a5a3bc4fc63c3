"""The intensity window of a volume: percentiles of its rock, gathered slice by slice."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sandstone.errors import InputError
from sandstone.imaging import grey

DIGIT = 16  # bits that are counted at once
PIECE = 1 << 18  # voxels, likewise

Voxels = Callable[[], Iterable[np.ndarray]]


def find(
    voxels: Voxels,
    dtype: npt.DTypeLike,
    percentiles: tuple[float, float],
    *,
    source: object = "the volume",
) -> list[float]:
    """Return the grey levels (low, high) at two percentiles of all voxels.

    The percentiles are exact, of whatever type: voxels are counted by the leading 16 bits of
    their level, then by the next 16 among those that share the leading ones, and so on. A
    single absurd voxel therefore costs the others no precision.

    Parameters
    ----------
    voxels : callable
        Each call returns the voxels afresh, as arrays of shape (n,), one a slice.
    dtype : dtype
        Of the voxels.
    percentiles : tuple of float
        From 0 to 100, the low one first.
    source : object, optional
        What an error names: the file of the voxels.

    Raises
    ------
    InputError
        If there are no voxels, or all between the percentiles have one grey level.
    """
    levels = _select(voxels, np.dtype(dtype), percentiles)
    if not levels:
        raise InputError(
            f"{source}: no rock found; give field_of_view as full or as a box z0:z1,y0:y1,x0:x1"
        )
    low, high = levels
    if low >= high:
        raise InputError(
            f"{source}: the rock is constant: grey level {low:g} at both ends of the window "
            f"{list(percentiles)}; widen slices.window (of a volume to upscale, its window), or "
            "check the volume"
        )
    return levels


def apply(
    image: np.ndarray, low: float, high: float, dtype: npt.DTypeLike = np.uint8
) -> np.ndarray:
    """Stretch `low` to black and `high` to white; what lies beyond saturates."""
    return grey.from_unit((image.astype(np.float64) - low) / (high - low), dtype)


def to_unit(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """Map grey levels to float32, `low` to 0 and `high` to 1; what lies beyond saturates."""
    # float64 inside: float32 has no room for 32-bit levels.
    unit = (image.astype(np.float64) - low) / (high - low)
    return np.clip(unit, 0, 1, out=unit).astype(np.float32)


def from_unit(unit: np.ndarray, low: float, high: float, dtype: npt.DTypeLike) -> np.ndarray:
    """Map floats in [0, 1] back to grey levels of `dtype`, the reverse of `to_unit`.

    Integers are rounded and kept within their type, so that no level wraps around.

    Raises
    ------
    ValueError
        If a value is not finite.
    """
    dtype = np.dtype(dtype)
    if not np.isfinite(unit).all():
        raise ValueError("values that are not finite are no grey levels")
    # In place from here on: passes through memory are what this costs beside the network.
    levels = np.multiply(unit, high - low, dtype=np.float64)
    levels += low
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return np.clip(levels, -largest, largest, out=levels).astype(dtype)
    limits = np.iinfo(dtype)
    # The largest 64-bit integers are no floats: stay below.
    top = float(limits.max) if float(limits.max) <= limits.max else np.nextafter(limits.max, 0)
    np.rint(levels, out=levels)
    return np.clip(levels, float(limits.min), top, out=levels).astype(dtype)


def _select(voxels: Voxels, dtype: np.dtype, percentiles: Sequence[float]) -> list[float]:
    """Return the levels at percentiles, digit by digit from the most significant: radix selection.

    A percentile is the lowest level with that share of the voxels at it or below; 0 is the first.
    Of no voxels there are none.
    """
    bits = 8 * dtype.itemsize
    width = min(DIGIT, bits)
    leading = [0 for _ in percentiles]
    ranks: list[int] = []
    for shift in range(bits - width, -1, -width):
        counts = _count(voxels, leading, shift, width)
        if not ranks:
            total = counts[0].sum()
            if not total:
                return []
            ranks = [max(1, math.ceil(share * total / 100)) for share in percentiles]
        for place, cumulative in enumerate(np.cumsum(counts, axis=1)):
            digit = int(np.searchsorted(cumulative, ranks[place]))
            ranks[place] -= int(cumulative[digit - 1]) if digit else 0
            leading[place] = leading[place] << width | digit
    return [float(_from_key(key, dtype)) for key in leading]


def _count(voxels: Voxels, leading: Sequence[int], shift: int, width: int) -> np.ndarray:
    """Count the digits at `shift` of the voxels that begin with each of `leading`, (n, digits)."""
    counts = np.zeros((len(leading), 2**width), np.int64)
    for part in _pieces(voxels()):
        keys = _to_keys(part)
        begins = keys >> (shift + width) if shift + width < 8 * keys.itemsize else None
        digits = (keys >> shift) & (2**width - 1)
        for place, key in enumerate(leading):
            own = digits if begins is None else digits[begins == key]
            counts[place] += np.bincount(own, minlength=2**width)
    return counts


def _pieces(arrays: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield arrays in pieces, since counting takes several times the memory of what it counts."""
    for array in arrays:
        yield from np.split(array, range(PIECE, array.size, PIECE))


def _to_keys(levels: np.ndarray) -> np.ndarray:
    """Return unsigned integers in the order of `levels`.

    Two's complement needs its sign bit inverted; IEEE 754, where the sign is apart from the
    size, needs all bits of negative numbers inverted.
    """
    bits = np.ascontiguousarray(levels).view(f"u{levels.itemsize}")
    if levels.dtype.kind == "u":
        return bits
    sign = bits.dtype.type(1 << (8 * bits.itemsize - 1))
    if levels.dtype.kind == "i":
        return bits ^ sign
    return np.where(bits & sign, ~bits, bits | sign)


def _from_key(key: int, dtype: np.dtype) -> np.ndarray:
    """Return the level of a key, of no axes: the inverse of `_to_keys`."""
    sign = 1 << (8 * dtype.itemsize - 1)
    if dtype.kind == "i" or (dtype.kind == "f" and key & sign):
        key ^= sign
    elif dtype.kind == "f":
        key ^= 2 * sign - 1
    return np.array(key, f"u{dtype.itemsize}").view(dtype)
