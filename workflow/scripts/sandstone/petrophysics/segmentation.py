"""Which voxels are pore: a threshold derived from HR, a sweep around it, and no speckles."""

import numpy as np
from skimage.filters import threshold_multiotsu
from skimage.morphology import remove_small_holes, remove_small_objects

from sandstone.errors import InputError

MOST_BINS = 256  # of the histogram: a threshold of 16 bits is as fine as one of 8


def pore_threshold(counts: np.ndarray, phases: int) -> float:
    """Return the grey level that best parts the darkest phase, the pores, from the others.

    Parameters
    ----------
    counts : ndarray of int, shape (levels,)
        How many voxels have each grey level, from 0.
    phases : int
        2 for pores and solid; 3 where clay or bright minerals are a phase of their own, which two
        phases would mistake for the solid, and the rest for pores.

    Raises
    ------
    InputError
        If there are fewer grey levels than phases.

    References
    ----------
    Otsu (1979), A threshold selection method from gray-level histograms, IEEE Transactions on
    Systems, Man, and Cybernetics 9(1), 62-66. Liao, Chen, Chung (2001), A fast algorithm for
    multilevel thresholding, Journal of Information Science and Engineering 17(5), 713-727.
    """
    present = np.flatnonzero(counts)
    if len(present) < phases:
        levels = ", ".join(map(str, present))
        raise InputError(
            f"there are {len(present)} grey levels ({levels}), from which {phases} phases cannot "
            "be told apart; choose slices with pores"
        )
    low, high = present[0], present[-1] + 1
    # Of 65,536 levels the search would tabulate the square.
    step = -(-(high - low) // MOST_BINS)
    firsts = np.arange(low, high, step)
    hist = (np.add.reduceat(counts[:high], firsts), firsts + (step - 1) / 2)
    return float(threshold_multiotsu(classes=phases, hist=hist)[0])


def sweep(
    threshold: float, data_range: float, percent: float, steps: int
) -> list[tuple[float, float]]:
    """Return thresholds around one, each with its offset in % of the data range.

    One threshold may favour a method by luck; an error that keeps its rank over the sweep does
    not hang on it.

    Parameters
    ----------
    threshold : float
        Grey level.
    data_range : float
        Largest possible grey level minus the smallest.
    percent : float
        How far the sweep goes to either side, % of the data range.
    steps : int
        Thresholds on either side.
    """
    offsets = (percent * np.arange(-steps, steps + 1) / max(steps, 1)).tolist()
    return [(offset, threshold + offset / 100 * data_range) for offset in offsets]


def segment(levels: np.ndarray, threshold: float, speckle: int) -> np.ndarray:
    """Return the pores, bool, of grey levels: all up to the threshold, without speckles.

    Noise leaves specks of solid in pores and of pore in grains. They corrupt surface, Euler number
    and permeability, of HR as of any other image, so all are cleaned alike.

    Parameters
    ----------
    levels : ndarray, shape (y, x) or (z, y, x)
    threshold : float
        Grey level.
    speckle : int
        Edge of the largest speck, voxels: components of up to `speckle` ** dimensions voxels that
        touch face to face are removed; 0 for none.
    """
    pores = levels <= threshold
    if not speckle:
        return pores
    most = speckle**levels.ndim
    without_specks = remove_small_objects(pores, max_size=most, connectivity=1)
    return remove_small_holes(without_specks, max_size=most, connectivity=1)
