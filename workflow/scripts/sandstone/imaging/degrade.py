"""HR to LR: what a scanner with larger voxels would have seen."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, gaussian_filter1d

from sandstone.choices import FITTED, acting
from sandstone.imaging import grey, resample


@dataclass(frozen=True)
class Degradation:
    """How LR images come from HR ones; all but the kernel acts with `psf` and `fitted`.

    Attributes
    ----------
    kernel : {"bicubic", "psf", "fitted", "aliased_bilinear"}
    psf_sigma : float or tuple of float
        Standard deviation of the blur, HR voxels: of one within the slice, or along z, y and x.
    noise : float
        Standard deviation of the noise on black, share of the data range.
    noise_slope : float
        What the noise's variance grows by from black to white, share of the data range squared:
        the line of photon transfer, `noise ** 2 + noise_slope * grey`.
    noise_correlation : float
        Standard deviation of the Gaussian that shapes the noise, LR voxels; 0 for white noise.
    pair : str
        The pair of scans that the numbers of `fitted` are from.
    """

    kernel: str = "bicubic"
    psf_sigma: float | tuple[float, float, float] = 1.5
    noise: float = 0.01
    noise_slope: float = 0.0
    noise_correlation: float = 0.0
    pair: str = ""

    def effective(self) -> dict[str, Any]:
        """Return the kernel with the parameters that act with it."""
        if self.kernel == FITTED:
            numbers = acting({**asdict(self), "kernel": "psf"})
            return {**numbers, "kernel": FITTED, "from": self.pair}
        return acting(asdict(self))

    @property
    def depth_sigma(self) -> float:
        """Standard deviation of the blur along z, HR voxels; 0 where slices are seen alone."""
        sigma = self.effective().get("psf_sigma")
        return sigma[0] if isinstance(sigma, tuple) else 0.0

    @property
    def depth_reach(self) -> int:
        """How many slices above and below it an LR slice shows."""
        return len(gaussian_weights(self.depth_sigma)) // 2


def degrade(
    hr: np.ndarray, scale: int, degradation: Degradation, rng: np.random.Generator
) -> np.ndarray:
    """Return the LR image whose pixel `i` covers the HR pixels `scale * i` and following.

    Degrade whole slices and cut tiles afterwards: then the pixels at a tile's border know
    their true neighbours, as they do when a whole scan is upscaled.

    Parameters
    ----------
    hr : ndarray of float32 in [0, 1], shape (y, x)
        Both edges are multiples of `scale`. Where the blur acts along z too: what
        `blur_in_depth` returned.
    scale : int
        HR voxels per LR voxel.
    degradation : Degradation
        `bicubic` is antialiased; `psf` and `fitted` blur, average `scale` x `scale` voxels and
        add Gaussian noise; `aliased_bilinear` is `cv2.resize` with its default settings.
    rng : numpy.random.Generator
        Source of the noise.

    Returns
    -------
    ndarray of float32, shape (y // scale, x // scale)
        May leave [0, 1] a little by overshoot or noise.
    """
    return KERNELS[degradation.kernel](hr, scale, degradation, rng)


def blur_in_depth(
    read: Callable[[int], np.ndarray], z: int, depth: int, sigma: float
) -> np.ndarray:
    """Return slice `z` with what a Gaussian along z brings of its neighbours.

    Parameters
    ----------
    read : callable
        Returns slice 0 to `depth` - 1: uint8 or uint16, shape (y, x). Slices are asked for in
        order, and one is held at a time. Beyond both ends, the last one repeats.
    z, depth : int
    sigma : float
        Voxels; at 0 the neighbours are not read.

    Returns
    -------
    ndarray of float32 in [0, 1], shape (y, x)
    """
    weights = gaussian_weights(sigma)
    reach = len(weights) // 2
    if not reach:
        return grey.to_unit(read(z))
    places = np.clip(np.arange(z - reach, z + reach + 1), 0, depth - 1)
    blurred = np.zeros(read(z).shape, np.float32)
    for place in range(places[0], places[-1] + 1):
        blurred += np.float32(weights[places == place].sum()) * grey.to_unit(read(place))
    return blurred


def gaussian_weights(sigma: float) -> np.ndarray:
    """Return the weights of SciPy's Gaussian filter, shape (2 * reach + 1,): 1 without blur."""
    reach = int(4 * sigma + 0.5)
    impulse = np.zeros(2 * reach + 1)
    impulse[reach] = 1
    return gaussian_filter1d(impulse, sigma, mode="constant") if reach else impulse


def shaped_noise(
    shape: tuple[int, int], correlation: float, rng: np.random.Generator
) -> np.ndarray:
    """Return Gaussian noise of variance 1: white, or shaped by a Gaussian.

    The noise is drawn beyond the border, so that its variance is the same up to there.

    Parameters
    ----------
    shape : tuple of int
        Height and width.
    correlation : float
        Standard deviation of the Gaussian, pixels; 0 for white noise.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float32, shape `shape`
    """
    weights = gaussian_weights(correlation)
    reach = len(weights) // 2
    height, width = shape
    noise = rng.standard_normal((height + 2 * reach, width + 2 * reach), dtype=np.float32)
    if not reach:
        return noise
    smooth = gaussian_filter(noise, correlation)[reach:-reach, reach:-reach]
    return smooth / np.float32(np.sum(weights**2))


def _bicubic(
    hr: np.ndarray, scale: int, _degradation: Degradation, _rng: np.random.Generator
) -> np.ndarray:
    height, width = hr.shape
    return resample.resize(hr, (height // scale, width // scale), "bicubic")


def _psf(
    hr: np.ndarray, scale: int, degradation: Degradation, rng: np.random.Generator
) -> np.ndarray:
    sigma = degradation.psf_sigma
    in_plane = sigma[1:] if isinstance(sigma, tuple) else sigma
    binned = _bin(gaussian_filter(hr, in_plane, mode="nearest"), scale)
    noise = shaped_noise(binned.shape, degradation.noise_correlation, rng)
    return binned + _deviation(binned, degradation) * noise


def _deviation(image: np.ndarray, degradation: Degradation) -> np.ndarray | np.float32:
    """Return the standard deviation of the noise of each pixel, or of all."""
    if not degradation.noise_slope:
        return np.float32(degradation.noise)
    variance = degradation.noise**2 + degradation.noise_slope * np.clip(image, 0, 1)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)


def _aliased_bilinear(
    image: np.ndarray, scale: int, _degradation: Degradation, _rng: np.random.Generator
) -> np.ndarray:
    """Interpolate at the LR pixels' centres.

    A centre lies on an HR pixel where `scale` is odd, midway between two where it is even.
    """
    low, high = (scale - 1) // 2, scale // 2
    rows = (image[low::scale] + image[high::scale]) / 2
    return (rows[:, low::scale] + rows[:, high::scale]) / 2


def _bin(image: np.ndarray, scale: int) -> np.ndarray:
    height, width = image.shape
    blocks = image.reshape(height // scale, scale, width // scale, scale)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


Kernel = Callable[[np.ndarray, int, Degradation, np.random.Generator], np.ndarray]
KERNELS: dict[str, Kernel] = {
    "bicubic": _bicubic,
    "psf": _psf,
    "fitted": _psf,
    "aliased_bilinear": _aliased_bilinear,
}
