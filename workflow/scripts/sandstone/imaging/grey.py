"""Grey levels: data range, and the way to and from [0, 1] without wrap-around."""

import numpy as np
import numpy.typing as npt

GREY_DTYPES = ("uint8", "uint16")


def grey_max(dtype: npt.DTypeLike) -> int:
    """Return the largest grey level of an unsigned integer `dtype`: its data range."""
    return int(np.iinfo(np.dtype(dtype)).max)


def to_unit(grey: np.ndarray) -> np.ndarray:
    """Map unsigned integer grey levels to float32 in [0, 1]."""
    return grey.astype(np.float32) / np.float32(grey_max(grey.dtype))


def from_unit(values: np.ndarray, dtype: npt.DTypeLike) -> np.ndarray:
    """Map floats to grey levels of `dtype`: clipped to [0, 1], then rounded, so never wrapped.

    float64 carries the product, since float32 cannot hold every half step of 16 bits.

    Raises
    ------
    ValueError
        If a value is NaN, which is no grey level.
    """
    clipped = np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0)
    if np.isnan(clipped).any():
        raise ValueError("NaN is no grey level")
    return np.rint(clipped * grey_max(dtype)).astype(dtype)
