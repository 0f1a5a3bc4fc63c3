"""How much better than plain interpolation a method is, tile by tile, and how sure that is.

Methods of one sample are measured on the same tiles, and a hard tile is hard for all of them. That
widens the interval of every mean, but cancels in the differences.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from sandstone.choices import BASELINES
from sandstone.metrics import bootstrap
from sandstone.metrics.quality import Metric


class Gain(NamedTuple):
    """The mean gain of a method over an interpolation on the same tiles.

    `mean` is in the metric's unit, positive for better. The ends of its confidence interval,
    `low` and `high`, are NaN where none can be given.
    """

    baseline: str
    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval says of the method, in words; without one there is no verdict."""
        if not self.low <= self.high:
            return "no verdict"
        if self.low > 0:
            return "better"
        return "worse" if self.high < 0 else "not distinguishable"

    def text(self, digits: int) -> str:
        """Return the mean and its interval, with their signs."""
        mean, low, high = (f"{value:+z.{digits}f}" for value in (self.mean, self.low, self.high))
        return f"{mean} [{low}, {high}]" if self.low <= self.high else f"{mean} [none]"


def best_baseline(metric: Metric, values: Mapping[str, np.ndarray]) -> str | None:
    """Return the interpolation with the best mean, the first of equals; None without any.

    It is chosen on the very tiles that are compared, which favours it: what is better than this
    one is better than each of them. Tiles that all reproduce exactly (infinite PSNR) favour none.

    Parameters
    ----------
    metric : Metric
    values : mapping of str to ndarray of float, shape (n,)
        The metric on the same tiles, by method.
    """
    present = [method for method in values if method in BASELINES]

    def gain(method: str) -> float:
        mean = bootstrap.mean(metric.gain(values[method], values[present[0]]))
        return 0.0 if np.isnan(mean) else mean

    return max(present, key=gain, default=None)
