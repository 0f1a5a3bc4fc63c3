"""What a coarse scanner makes of a fine scan: blur, mean over its voxel, sample.

A coarse voxel shows the fine scan blurred by a Gaussian along z, y and x, averaged over `scale`
fine voxels along y and x, at the coarse voxel's centre. Along z nothing is averaged: how deep a
coarse voxel is, is a part of the blur along z, since tile pairs have an LR slice at the depth of
every HR slice. The kernel `psf` of `imaging/degrade.py` computes the same.

All of it is separable: one matrix an axis, from the fine voxels to the coarse ones.
"""

from collections.abc import Sequence

import numpy as np


def weights(positions: np.ndarray, length: int, sigma: float, box: int) -> np.ndarray:
    """Return how much each fine voxel of a line weighs in each coarse one.

    Parameters
    ----------
    positions : ndarray of float, shape (n,)
        The coarse voxels' centres, fine voxels, counted from the centre of the first.
    length : int
        Number of fine voxels.
    sigma : float
        Standard deviation of the Gaussian, fine voxels, above 0.
    box : int
        Number of fine voxels that are averaged after the blur; 1 for none.

    Returns
    -------
    ndarray of float32, shape (3, n, length)
        The weights, their derivative by `sigma`, and that by a shift of all positions.
    """
    offsets = np.arange(box) - (box - 1) / 2
    distance = np.arange(length) - (positions + offsets[:, np.newaxis])[..., np.newaxis]
    gauss = np.exp(-(distance**2) / (2 * sigma**2))
    gauss /= gauss.sum(axis=-1, keepdims=True)
    by_sigma = _derivative(gauss, distance**2 / sigma**3)
    by_shift = _derivative(gauss, distance / sigma**2)
    return np.stack([each.mean(axis=0) for each in (gauss, by_sigma, by_shift)]).astype(np.float32)


def predict(fine: np.ndarray, axes: Sequence[np.ndarray]) -> np.ndarray:
    """Return what the coarse scanner sees, and how that changes.

    Parameters
    ----------
    fine : ndarray of float32, shape (z, y, x)
    axes : sequence of three ndarrays
        The `weights` along z, y and x.

    Returns
    -------
    ndarray of float32, shape (7, n_z, n_y, n_x)
        The coarse image; its derivatives by sigma and by shift along z, then y, then x.
    """
    images = [fine]
    slopes: list[np.ndarray] = []
    # The last axis first: it is contiguous, and what follows has fewer voxels then.
    for axis in (2, 1, 0):
        value, by_sigma, by_shift = axes[axis]
        new = [_along(axis, matrix, images[0]) for matrix in (by_sigma, by_shift)]
        images = [_along(axis, value, image) for image in images]
        slopes = [*new, *(_along(axis, value, slope) for slope in slopes)]
    return np.stack([images[0], *slopes])


def _derivative(shares: np.ndarray, logarithmic: np.ndarray) -> np.ndarray:
    """Return the derivative of shares with the sum 1, from that of their logarithms before."""
    return shares * (logarithmic - (shares * logarithmic).sum(axis=-1, keepdims=True))


def _along(axis: int, matrix: np.ndarray, image: np.ndarray) -> np.ndarray:
    return np.moveaxis(np.tensordot(matrix, image, axes=(1, axis)), 0, axis)
