"""How far a number may be off by the luck of a training, and whether that holds the truth."""

from typing import NamedTuple

import numpy as np


class Spread(NamedTuple):
    """An interval of a mean over images, from trainings that differ in their seed alone.

    Attributes
    ----------
    low, high : float
        Where the mean of one more training would lie; NaN for fewer than two trainings.
    held : float
        Share in % of the images whose own interval, made alike, holds what HR has.
    """

    low: float
    high: float
    held: float


NONE = Spread(float("nan"), float("nan"), float("nan"))


def spread(values: np.ndarray, hr: np.ndarray, confidence: float) -> Spread:
    """Return the interval that several trainings give, and how often it holds HR.

    It is Student's prediction interval, mean ± t s √(1 + 1/n): of another training of the kind, not
    of the truth. All trainings share what the data, the network and the blur of LR keep from them,
    and `held` tells how much that is.

    Parameters
    ----------
    values : ndarray, shape (trainings, images)
        An image for which a training, or HR, has no number counts for none.
    hr : ndarray, shape (images,)
    confidence : float
        From 0 to 1.
    """
    trainings = len(values)
    known = np.isfinite(values).all(axis=0) & np.isfinite(hr)
    if trainings < 2 or not known.any():
        return NONE
    values, hr = values[:, known], hr[known]
    low, high = prediction_interval(values, confidence)
    whole = prediction_interval(values.mean(axis=1), confidence)
    held = 100 * np.mean((low <= hr) & (hr <= high))
    return Spread(float(whole[0]), float(whole[1]), float(held))


def prediction_interval(values: np.ndarray, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return where one more training would lie: Student's interval along the first axis."""
    from scipy.stats import t

    n = len(values)
    reach = t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(1 + 1 / n)
    middle, half = values.mean(axis=0), reach * values.std(axis=0, ddof=1)
    return middle - half, middle + half
