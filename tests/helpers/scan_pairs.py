"""Two scans of one made-up rock, of which everything is known that a fit has to find."""

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates, uniform_filter1d


def rock(shape, seed=0, texture=1.5):
    """Grains and pores with some texture: float64 in [0, 1], shape (z, y, x)."""
    rng = np.random.default_rng(seed)
    grains = gaussian_filter(rng.standard_normal(shape), 3)
    fine = gaussian_filter(rng.standard_normal(shape), texture)
    grey = np.where(grains > np.quantile(grains, 0.25), 0.7, 0.25) + 0.15 * fine / fine.std()
    return np.clip(grey, 0.02, 0.98)


def coarse_scan(fine, coarse_shape, first, *, scale, sigma):
    """What a coarse scanner sees: blur, mean over `scale` voxels along y and x, sampled.

    Written as SciPy has it, not as the code under test does. `first` is where the centre of the
    first coarse voxel lies in the fine scan, voxels.
    """
    seen = gaussian_filter(fine, sigma)
    for axis in (1, 2):
        seen = uniform_filter1d(seen, scale, axis=axis)
    # Of an even number of voxels, SciPy's mean belongs to half a voxel before.
    half = np.array([0.0, 0.5, 0.5]) * (scale % 2 == 0)
    starts = np.add(first, half)
    places = [s + scale * np.arange(n) for s, n in zip(starts, coarse_shape, strict=True)]
    return map_coordinates(seen, np.meshgrid(*places, indexing="ij"), order=3)


def noise(shape, *, deviation=1.0, grain=0.0, seed=1):
    """Noise of that standard deviation, shaped by a Gaussian of `grain` voxels."""
    white = np.random.default_rng(seed).standard_normal(shape)
    shaped = gaussian_filter(white, grain, mode="wrap") if grain else white
    return deviation * shaped / shaped.std()
