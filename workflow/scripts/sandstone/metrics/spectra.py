"""Radially averaged spectra: which details, by size, an image holds, and which of them are true."""

import math
from collections.abc import Sequence

import numpy as np

from sandstone.errors import InputError

RESOLVED = 0.5  # of the ring correlation


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
    return cross_spectrum(tile, tile, pixel_um)


def cross_spectrum(
    first: np.ndarray, second: np.ndarray, pixel_um: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the radially averaged cross-spectral density of two tiles of one place.

    What `radial_power_spectrum` says of windows, frequencies and units holds for it.

    Parameters
    ----------
    first, second : ndarray, shape (y, x)
        Grey levels as floats in [0, 1].
    pixel_um : float

    Returns
    -------
    frequency, power : ndarray, shape (k,)
        The power is the part that both share: the mean over the ring of the product of one
        transform and the other's conjugate, whose imaginary parts cancel.

    Raises
    ------
    InputError
        If the tiles differ in shape, are not 2-D, or are smaller than 4 pixels.
    """
    tiles = [np.asarray(tile, dtype=np.float64) for tile in (first, second)]
    shape = tiles[0].shape
    if tiles[1].shape != shape or len(shape) != 2 or min(shape) < 4:
        raise InputError(
            f"a spectrum needs a 2-D tile of 4 x 4 pixels or more, not {tiles[1].shape}:"
            " take larger tiles or a smaller border"
        )
    window = _hann(shape[0])[:, np.newaxis] * _hann(shape[1])
    one, other = (np.fft.fft2((tile - tile.mean()) * window) for tile in tiles)
    density = (one * other.conj()).real * pixel_um**2 / np.sum(window**2)

    edge = min(shape)
    ring = _ring_numbers(shape)
    wanted = slice(1, edge // 2 + 1)
    power = np.bincount(ring.ravel(), density.ravel())[wanted] / np.bincount(ring.ravel())[wanted]
    return np.arange(edge // 2 + 1)[wanted] / (edge * pixel_um), power


def ring_correlation(cross: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the Fourier ring correlation of two sets of tiles, 1 where they hold the same.

    Parameters
    ----------
    cross, first, second : ndarray, shape (k,)
        Sums over the tiles of their cross spectrum and of the power spectrum of each set.

    Returns
    -------
    ndarray, shape (k,)
        0 where either set holds nothing at all.

    References
    ----------
    Saxton, Baumeister (1982), The correlation averaging of a regularly arranged bacterial cell
    envelope protein, Journal of Microscopy 127(2), 127-138.
    """
    both = np.sqrt(first * second)
    return np.divide(cross, both, out=np.zeros_like(both), where=both > 0)


def resolution_um(frequency: np.ndarray, correlation: np.ndarray) -> float:
    """Return the size of the finest details that are true: where the correlation falls to 1/2.

    HR is taken as the truth, and half of the amplitude's agreement is asked for, as between a
    map and a model (Rosenthal, Henderson 2003, Journal of Molecular Biology 333(4), 721-745).

    Parameters
    ----------
    frequency : ndarray, shape (k,)
        Cycles per micrometre, rising.
    correlation : ndarray, shape (k,)
        Fourier ring correlation with HR.

    Returns
    -------
    float
        Period, micrometres: infinity if nothing is true, two pixels if all of it is.
    """
    below = np.flatnonzero(correlation < RESOLVED)
    if not below.size:
        return float(1 / frequency[-1])
    last = below[0]
    if not last:
        return float("inf")
    pair = slice(last - 1, last + 1)
    crossing = np.interp(-RESOLVED, -correlation[pair], frequency[pair])
    return float(1 / crossing)


def _hann(length: int) -> np.ndarray:
    """Return a periodic Hann window, whose own spectrum has only three lines."""
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def _ring_numbers(shape: tuple[int, int]) -> np.ndarray:
    """Return each bin's distance from zero, in whole cycles per shorter edge."""
    edge = min(shape)
    rows, columns = (np.fft.fftfreq(length, d=1 / edge) for length in shape)
    return np.rint(np.hypot(rows[:, np.newaxis], columns)).astype(np.int64)
