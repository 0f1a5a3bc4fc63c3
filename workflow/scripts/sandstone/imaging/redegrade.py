"""SR back to LR: what the scanner of the LR image would have seen of a super-resolved tile."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import numpy as np

from sandstone.imaging import grey
from sandstone.imaging.degrade import Degradation, degrade, gaussian_weights
from sandstone.sizes import zyx


def without_noise(made: Mapping[str, Any]) -> Degradation | None:
    """Return how LR came from HR, without noise; None where nobody knows.

    Parameters
    ----------
    made : mapping
        What a pairs file says of its degradation: a kernel, and `psf_sigma` where it blurs, of one
        number or along z, y and x, HR voxels. A real coarse scan has one only where its blur was
        measured.

    Returns
    -------
    Degradation, optional
        What it blurs along z is out of reach: `degrade_again` sees one slice.
    """
    sigma = made.get("psf_sigma")
    if sigma is not None:
        blur = sigma if isinstance(sigma, int | float) else zyx(sigma)
        return Degradation(kernel="psf", psf_sigma=blur, noise=0.0)
    kernel = made.get("kernel")
    return Degradation(kernel=kernel) if kernel in REACH else None


def margin(degradation: Degradation, scale: int, border: int = 0) -> int:
    """Return how many LR pixels at each side of a tile show what lies beyond it.

    Or, with a border of HR pixels that are not looked at: what lies in or beyond that.
    """
    return ceil((border + REACH[degradation.kernel](degradation, scale)) / scale)


def degrade_again(sr: np.ndarray, scale: int, degradation: Degradation) -> np.ndarray:
    """Return the LR tiles that SR tiles would have, clipped and rounded as LR was.

    Parameters
    ----------
    sr : ndarray of uint8 or uint16, shape (n, y, x)
    scale : int
    degradation : Degradation
        Without noise.

    Returns
    -------
    ndarray of the dtype of `sr`, shape (n, y // scale, x // scale)
        The outer pixels, as many as `margin` says, miss what lies beyond the tile.
    """
    unused = np.random.default_rng(0)
    lr = [degrade(tile, scale, degradation, unused) for tile in grey.to_unit(sr)]
    return grey.from_unit(np.stack(lr), sr.dtype)


def _of_gaussian(degradation: Degradation, _scale: int) -> int:
    sigma = degradation.psf_sigma
    in_plane = max(sigma[1:]) if isinstance(sigma, tuple) else sigma
    return len(gaussian_weights(in_plane)) // 2


# How far a kernel reaches beyond the HR pixels that an LR pixel covers, HR pixels. Pillow widens
# the bicubic kernel, two pixels to each side of a centre, by the scale.
REACH: dict[str, Callable[[Degradation, int], float]] = {
    "bicubic": lambda _degradation, scale: 1.5 * scale,
    "psf": _of_gaussian,
    "aliased_bilinear": lambda _degradation, _scale: 0,
}
