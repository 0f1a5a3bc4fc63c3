"""HR to LR: what a scanner with larger voxels would have seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from sandstone.imaging import resample


@dataclass(frozen=True)
class Degradation:
    """How LR images come from HR ones.

    Attributes
    ----------
    kernel : {"bicubic", "psf", "aliased_bilinear"}
    psf_sigma : float or tuple of float
        Standard deviation of the blur, HR voxels, of one number or along y and x; acts with `psf`.
    noise : float
        Standard deviation of the noise, share of the data range; acts with `psf`.
    """

    kernel: str = "bicubic"
    psf_sigma: float | tuple[float, ...] = 1.5
    noise: float = 0.01

    def effective(self) -> dict[str, Any]:
        """Return the kernel with the parameters that act with it."""
        if self.kernel == "psf":
            return {"kernel": "psf", "psf_sigma": self.psf_sigma, "noise": self.noise}
        return {"kernel": self.kernel}


def degrade(
    hr: np.ndarray, scale: int, degradation: Degradation, rng: np.random.Generator
) -> np.ndarray:
    """Return the LR image whose pixel `i` covers the HR pixels `scale * i` and following.

    Degrade whole slices and cut tiles afterwards: then the pixels at a tile's border know
    their true neighbours, as they do when a whole scan is upscaled.

    Parameters
    ----------
    hr : ndarray of float32 in [0, 1], shape (y, x)
        Both edges are multiples of `scale`.
    scale : int
        HR voxels per LR voxel.
    degradation : Degradation
        `bicubic` is antialiased; `psf` blurs, averages `scale` x `scale` voxels and adds
        Gaussian noise; `aliased_bilinear` is `cv2.resize` with its default settings.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of float32, shape (y // scale, x // scale)
        May leave [0, 1] a little by overshoot or noise.
    """
    if degradation.kernel == "bicubic":
        height, width = hr.shape
        return resample.resize(hr, (height // scale, width // scale), "bicubic")
    if degradation.kernel == "aliased_bilinear":
        return _sample_bilinear(hr, scale)
    binned = _bin(gaussian_filter(hr, degradation.psf_sigma, mode="nearest"), scale)
    noise = rng.standard_normal(binned.shape, dtype=np.float32)
    return binned + np.float32(degradation.noise) * noise


def _bin(image: np.ndarray, scale: int) -> np.ndarray:
    height, width = image.shape
    blocks = image.reshape(height // scale, scale, width // scale, scale)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _sample_bilinear(image: np.ndarray, scale: int) -> np.ndarray:
    """Interpolate at the LR pixels' centres.

    A centre lies on an HR pixel where `scale` is odd, midway between two where it is even.
    """
    low, high = (scale - 1) // 2, scale // 2
    rows = (image[low::scale] + image[high::scale]) / 2
    return (rows[:, low::scale] + rows[:, high::scale]) / 2
