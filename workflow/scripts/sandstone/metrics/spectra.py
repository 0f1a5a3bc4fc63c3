"""Radially averaged power spectra: which details, by size, an image holds."""

import math
from collections.abc import Sequence

import numpy as np

from sandstone.errors import InputError


def in_plane_voxel_size_um(voxel_size_um: Sequence[float]) -> float:
    """Return the one in-plane voxel edge of `voxel_size_um`, given as (z, y, x) in micrometres.

    Raises
    ------
    InputError
        If y and x differ by more than one part in a thousand: circles in a spectrum would
        then mix different directions' details.
    """
    _, height, width = voxel_size_um
    if not math.isclose(height, width, rel_tol=1e-3):
        raise InputError(
            f"a radial spectrum needs square pixels, not {height:g} x {width:g} micrometres:"
            " resample the volume to equal y and x"
        )
    return float(width)


def radial_power_spectrum(tile: np.ndarray, pixel_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the radially averaged power spectral density of one tile.

    The mean is removed and a Hann window fades the edges, so that neither leaks over all
    frequencies; dividing by the window's energy restores the level. White noise of
    variance v per pixel gives v * pixel_um² at every frequency (Parseval).

    Parameters
    ----------
    tile : ndarray, shape (y, x)
        Grey levels as floats in [0, 1], so that 8 and 16 bits compare.
    pixel_um : float
        Edge of the square pixels, micrometres.

    Returns
    -------
    frequency : ndarray, shape (k,)
        Cycles per micrometre: multiples of 1 / (shorter edge), from the first one to
        Nyquist. A ring holds the frequencies nearest to it; the corners beyond Nyquist are
        left out. The rings follow from the tile's shape alone.
    power : ndarray, shape (k,)
        Mean over the ring, micrometres² (grey squared per cycles per micrometre squared).

    Raises
    ------
    InputError
        If the tile is not 2-D or is smaller than 4 pixels.

    References
    ----------
    Welch (1967), The use of fast Fourier transform for the estimation of power spectra,
    IEEE Transactions on Audio and Electroacoustics 15(2), 70-73.
    """
    tile = np.asarray(tile, dtype=np.float64)
    if tile.ndim != 2 or min(tile.shape) < 4:
        raise InputError(
            f"a spectrum needs a 2-D tile of 4 x 4 pixels or more, not {tile.shape}:"
            " take larger tiles or a smaller border"
        )
    window = _hann(tile.shape[0])[:, np.newaxis] * _hann(tile.shape[1])
    transform = np.fft.fft2((tile - tile.mean()) * window)
    density = np.abs(transform) ** 2 * pixel_um**2 / np.sum(window**2)

    edge = min(tile.shape)
    ring = _ring_numbers(tile.shape)
    wanted = slice(1, edge // 2 + 1)
    power = np.bincount(ring.ravel(), density.ravel())[wanted] / np.bincount(ring.ravel())[wanted]
    return np.arange(edge // 2 + 1)[wanted] / (edge * pixel_um), power


def _hann(length: int) -> np.ndarray:
    """Return a periodic Hann window, whose own spectrum has only three lines."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def _ring_numbers(shape: tuple[int, int]) -> np.ndarray:
    """Return each bin's distance from zero, in whole cycles per shorter edge."""
    edge = min(shape)
    rows, columns = (np.fft.fftfreq(length, d=1 / edge) for length in shape)
    return np.rint(np.hypot(rows[:, np.newaxis], columns)).astype(np.int64)
