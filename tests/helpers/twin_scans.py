"""Two scans of one rock made of soft grains, exact at any place, turn, scale and blur.

A grain is an isotropic Gaussian. A blurred one is a wider one, a turned and scaled one lies
elsewhere: the coarse scan needs no resampling, so that its truth is known to the last digit.
"""

from dataclasses import dataclass

import numpy as np

from sandstone.registration.transform import Transform, centres_um

LEVELS = (128.0, 40.0)  # mean grey level, and what a grain adds or takes


@dataclass(frozen=True)
class Grains:
    """Centres (n, 3) and standard deviations (n,), micrometres; signed weights (n,)."""

    centres: np.ndarray
    sizes: np.ndarray
    weights: np.ndarray


def grains(extent_um, *, size_um, count, seed):
    """Return grains all over a box, and a little around it."""
    rng = np.random.default_rng(seed)
    low, high = -0.2 * np.array(extent_um), 1.2 * np.array(extent_um)
    return Grains(
        rng.uniform(low, high, (count, 3)),
        size_um * rng.uniform(0.7, 1.4, count),
        rng.choice([-1.0, 1.0], count),
    )


def scan(rock, shape, voxel_size_um, *, transform=None, blur_um=0.0, noise=0.0, seed=0):
    """Return grey levels, float64 (z, y, x), of the rock as a scan sees it."""
    transform = transform or Transform()
    centres = transform.to_coarse(rock.centres)
    sizes = transform.scale * rock.sizes
    wide = np.hypot(sizes, blur_um)
    weights = rock.weights * (sizes / wide) ** 3
    along = [
        np.exp(-((axis[np.newaxis] - centres[:, [i]]) ** 2) / (2 * wide[:, np.newaxis] ** 2))
        for i, axis in enumerate(centres_um(shape, voxel_size_um))
    ]
    planes = np.einsum("n,ny,nx->nyx", weights, along[1], along[2])
    seen = np.tensordot(along[0].T, planes, 1)
    low, contrast = LEVELS
    rng = np.random.default_rng(seed)
    return low + contrast * seen + noise * rng.standard_normal(shape)


@dataclass
class InMemory:
    """An array with what registration asks of a volume."""

    voxels: np.ndarray
    voxel_size_um: tuple[float, float, float]
    name: str = "scan.tif"

    @property
    def shape(self):
        """Shape, voxels."""
        return self.voxels.shape

    @property
    def dtype(self):
        """Type of the voxels."""
        return self.voxels.dtype

    @property
    def files(self):
        """A name for sentences."""
        return (self.name,)

    def read(self, z0, z1, rows=slice(None)):
        """Return rows of some slices."""
        return self.voxels[z0:z1, rows].copy()
