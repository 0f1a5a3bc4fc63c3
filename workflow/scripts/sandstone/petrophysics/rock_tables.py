"""The tables of petrophysics: their columns, and the errors against HR with their intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from sandstone.petrophysics.columns import PERCOLATES
from sandstone.petrophysics.measures import MEASURES
from sandstone.petrophysics.spread import spread
from sandstone.seeds import Stage

OF_HR = "_hr"  # ends the column of what HR has
IMAGE_COLUMNS = ("sample", "method", "image", "z", "y", "x", "offset", "threshold")
ROCK_COLUMNS = (
    *("sample", "method", "measure", "hr", "sr", "error", "error_low", "error_high"),
    *("swept", "gain", "gain_low", "gain_high", "lost", "n"),
    *("seeds", "seed_low", "seed_high", "held"),
)


class Row(NamedTuple):
    """One measure of one method, in the order of `ROCK_COLUMNS`.

    Errors are in % of HR. NaN where none can be given.

    Attributes
    ----------
    hr, sr : float
        Means over images, at the threshold derived from HR.
    error, error_low, error_high : float
        Of `sr` against `hr`, with its confidence interval.
    swept : float
        Mean of the absolute errors over all thresholds.
    gain, gain_low, gain_high : float
        By how much `swept` is below that of the interpolation, in percentage points.
    lost : float
        Images that percolate in HR and not here, over all thresholds; NaN for other measures.
    n : int
        Images.
    seeds : int
        Trainings that differ in their seed alone, this one among them.
    seed_low, seed_high, held : float
        What they say of `sr` together, and in how many % of the images that holds HR; see `spread`.
    """

    sample: str
    method: str
    measure: str
    hr: float
    sr: float
    error: float
    error_low: float
    error_high: float
    swept: float
    gain: float
    gain_low: float
    gain_high: float
    lost: float
    n: int
    seeds: int
    seed_low: float
    seed_high: float
    held: float


class Draws(NamedTuple):
    """How often each depth block is drawn, and the shares of draws that bound an interval."""

    counts: np.ndarray
    tails: tuple[float, float]


def draws(blocks: int, *, confidence: float, resamples: int, seed: int) -> Draws | None:
    """Return draws of whole depth blocks, the same for every method; None for fewer than two."""
    if blocks < 2:
        return None
    random = np.random.default_rng([seed, Stage.BOOTSTRAP])
    drawn = random.integers(blocks, size=(resamples, blocks))
    counts = np.stack([np.bincount(draw, minlength=blocks) for draw in drawn])
    tail = (1 - confidence) / 2
    return Draws(counts.astype(np.float64), (tail, 1 - tail))


class Errors(NamedTuple):
    """Errors of a method's mean against HR's in %, by threshold.

    Attributes
    ----------
    found : ndarray, shape (thresholds,)
    drawn : ndarray, shape (resamples, thresholds)
        Of the draws; no row where there are none.
    """

    found: np.ndarray
    drawn: np.ndarray


def errors(sr: np.ndarray, hr: np.ndarray, blocks: np.ndarray, resampled: Draws | None) -> Errors:
    """Return the errors of means over images.

    An image where either has no value, such as the width of pores where there are none, counts for
    neither.

    Parameters
    ----------
    sr, hr : ndarray, shape (images, thresholds)
    blocks : ndarray of int, shape (images,)
        Depth block of each image.
    resampled : Draws, optional
    """
    known = np.isfinite(sr) & np.isfinite(hr)
    sr, hr = np.where(known, sr, 0.0), np.where(known, hr, 0.0)
    member = np.eye(int(blocks.max()) + 1)[blocks]  # (images, blocks)
    sums = [member.T @ each for each in (sr, hr)]  # (blocks, thresholds)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 100 * (sr.sum(0) / hr.sum(0) - 1)
        if resampled is None:
            return Errors(found, np.empty((0, len(found))))
        drawn = [resampled.counts @ each for each in sums]
        return Errors(found, 100 * (drawn[0] / drawn[1] - 1))


def interval(values: np.ndarray, resampled: Draws | None) -> tuple[float, float]:
    """Return the ends of the interval of drawn values, NaN where none can be given."""
    if resampled is None or not np.isfinite(values).all():
        return float("nan"), float("nan")
    low, high = np.quantile(values, resampled.tails)
    return float(low), float(high)


def rows_of(
    table: pd.DataFrame,
    reference: pd.DataFrame,
    blocks: np.ndarray,
    resampled: Draws | None,
    *,
    siblings: Sequence[pd.DataFrame] = (),
    confidence: float = 0.95,
) -> list[Row]:
    """Return what each measure says of one method.

    Parameters
    ----------
    table, reference : DataFrame
        Of the method, and of the interpolation that it is held against: a row an image and
        threshold, with `IMAGE_COLUMNS`, in one order.
    blocks : ndarray of int
        Depth block of each image.
    resampled : Draws, optional
    siblings : sequence of DataFrame
        Of trainings that differ from the method in their seed alone.
    confidence : float
        Of the interval that all of them give.
    """
    found = []
    columns = [each.column for each in MEASURES if each.column in table.columns]
    offsets = sorted(set(table["offset"]))
    middle = offsets.index(0)
    for column in columns:
        sr, hr = (_by_threshold(table, name) for name in (column, column + OF_HR))
        own = errors(sr, hr, blocks, resampled)
        other = errors(_by_threshold(reference, column), hr, blocks, resampled)
        swept = [
            np.abs(each).mean(axis=-1) if np.isfinite(each).all() else np.abs(each[..., middle])
            for each in (own.found, other.found, own.drawn, other.drawn)
        ]
        of_seeds = [_by_threshold(each, column)[:, middle] for each in (table, *siblings)]
        found.append(
            Row(
                str(table["sample"].iloc[0]),
                str(table["method"].iloc[0]),
                column,
                _mean(hr[:, middle]),
                _mean(sr[:, middle]),
                float(own.found[middle]),
                *interval(own.drawn[:, middle], resampled),
                float(swept[0]),
                float(swept[1] - swept[0]),
                *interval(swept[3] - swept[2], resampled),
                _lost(sr, hr) if column.startswith(PERCOLATES) else float("nan"),
                len(blocks),
                len(of_seeds),
                *spread(np.stack(of_seeds), hr[:, middle], confidence),
            )
        )
    return found


def _by_threshold(table: pd.DataFrame, column: str) -> np.ndarray:
    """Return a column as (images, thresholds), thresholds ascending."""
    return table.pivot_table(
        index="image", columns="offset", values=column, dropna=False, sort=True
    ).to_numpy(dtype=np.float64)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _lost(sr: np.ndarray, hr: np.ndarray) -> float:
    """Return how often HR percolates and SR does not."""
    return float(np.count_nonzero((hr > 0) & (sr == 0)))


def reference_of(methods: Sequence[str], baselines: Sequence[str]) -> str | None:
    """Return the interpolation that others are held against: bicubic, or the first there is."""
    present = [method for method in methods if method in baselines]
    return "bicubic" if "bicubic" in present else next(iter(present), None)
