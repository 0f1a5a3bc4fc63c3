"""The metrics of a tile with every setting stated, and the border that none of them looks at.

Most compare SR with HR. Some compare SR, degraded again, with the LR that it was made from.
A metric is its function and its entry in `METRICS`. The per-tile tables, the summary, the model
cards and the figures follow from the entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from sandstone.choices import SSIM_EDGE
from sandstone.errors import InputError

SSIM_SIGMA = 1.5


def cut_border(image: np.ndarray, border: int) -> np.ndarray:
    """Return a view of `image` without `border` pixels on each side.

    Parameters
    ----------
    image : ndarray, shape (..., y, x)
        One tile or a stack of them.
    border : int
        HR pixels, 0 or more.

    Raises
    ------
    InputError
        If `border` is negative or leaves no pixel.
    """
    height, width = image.shape[-2:]
    if not 0 <= 2 * border < min(height, width):
        raise InputError(
            f"a border of {border} pixels does not fit a tile of {height} x {width} pixels:"
            " choose one from 0 to less than half the edge"
        )
    return image[..., border : height - border, border : width - border]


def psnr(reference: np.ndarray, image: np.ndarray, *, data_range: float, border: int = 0) -> float:
    """Peak signal-to-noise ratio in dB.

    Parameters
    ----------
    reference, image : ndarray, shape (y, x)
        Integers or floats on one scale; differences are taken in float64, so that unsigned
        grey levels do not wrap.
    data_range : float
        The largest possible value minus the smallest: 255 for uint8, 1 for [0, 1]. Naming
        half of it costs 6.02 dB, so it is never guessed from the image.
    border : int
        HR pixels cut from each side first.

    Returns
    -------
    float
        10 log10(data_range² / mean squared error); infinity for identical images.

    Raises
    ------
    InputError
        If the shapes differ or are not 2-D, a value is not finite, the data range is not
        a positive number, or the border does not fit.

    Notes
    -----
    Infinity is kept, not replaced by a large number: it marks a flat tile or a reference
    compared with itself, and both deserve to be seen.
    """
    reference, image = _comparable(reference, image, data_range, border)
    if np.array_equal(reference, image):
        return float("inf")
    return float(peak_signal_noise_ratio(reference, image, data_range=data_range))


def ssim(reference: np.ndarray, image: np.ndarray, *, data_range: float, border: int = 0) -> float:
    """Mean structural similarity, 1 for identical images.

    The setting is that of the paper: an 11 x 11 Gaussian window of sigma 1.5 pixels,
    K1 = 0.01, K2 = 0.03, variances divided by n, and a mean over the windows that lie
    wholly inside the image.

    Parameters
    ----------
    reference, image : ndarray, shape (y, x)
        Integers or floats on one scale; computed in float64.
    data_range : float
        The largest possible value minus the smallest.
    border : int
        HR pixels cut from each side first.

    Raises
    ------
    InputError
        As for `psnr`, and if less than one window is left.

    References
    ----------
    Wang, Bovik, Sheikh, Simoncelli (2004), Image quality assessment: from error visibility
    to structural similarity, IEEE Transactions on Image Processing 13(4), 600-612.
    """
    reference, image = _comparable(reference, image, data_range, border)
    if min(reference.shape) < SSIM_EDGE:
        raise InputError(
            f"SSIM needs {SSIM_EDGE} x {SSIM_EDGE} pixels and a border of {border} leaves"
            f" {reference.shape[0]} x {reference.shape[1]}: take larger tiles or a smaller border"
        )
    return float(
        structural_similarity(
            reference,
            image,
            data_range=data_range,
            gaussian_weights=True,
            sigma=SSIM_SIGMA,
            use_sample_covariance=False,
            K1=0.01,
            K2=0.03,
        )
    )


def rmse_percent(
    reference: np.ndarray, image: np.ndarray, *, data_range: float, border: int = 0
) -> float:
    """Root mean square error in percent of the data range, 0 for identical images.

    Parameters
    ----------
    reference, image : ndarray, shape (y, x)
        Integers or floats on one scale; differences are taken in float64.
    data_range : float
        The largest possible value minus the smallest.
    border : int
        Pixels cut from each side first.

    Raises
    ------
    InputError
        As for `psnr`.
    """
    reference, image = _comparable(reference, image, data_range, border)
    return float(100 * np.sqrt(np.mean((reference - image) ** 2)) / data_range)


def _comparable(
    reference: np.ndarray, image: np.ndarray, data_range: float, border: int
) -> tuple[np.ndarray, np.ndarray]:
    """Check two images and return them as float64 without their border."""
    reference = np.asarray(reference, dtype=np.float64)
    image = np.asarray(image, dtype=np.float64)
    if reference.shape != image.shape or reference.ndim != 2:
        raise InputError(
            f"a metric compares two 2-D images of one shape, not {reference.shape} with"
            f" {image.shape}: pass single tiles of the same size"
        )
    if not 0 < data_range < float("inf"):
        raise InputError(
            f"data range {data_range} is not a positive number: give the dtype's largest value"
        )
    reference, image = cut_border(reference, border), cut_border(image, border)
    if not (np.isfinite(reference).all() and np.isfinite(image).all()):
        raise InputError(
            "an image holds NaN or infinity, which no metric can judge:"
            " check the model that made it"
        )
    return reference, image


@dataclass(frozen=True)
class Metric:
    """What tables and figures know of a metric.

    Attributes
    ----------
    column : str
        Its column in the tables.
    name : str
        What readers know it by.
    better : {"higher", "lower"}
    digits : int
        After the point, in figures.
    of_tile : callable, optional
        Takes reference and image, shape (y, x), and the keyword `data_range`. Without it, the
        metric is the distance of a network with weights of its own, which `compute_metrics.py`
        loads; its column is absent where the weights are.
    unit : str, optional
    grid : {"hr", "denoised", "lr"}, optional
        What it compares: SR with HR, SR with de-noised HR, or SR that was degraded again with LR.
        The column of the second is absent where nobody asks for it, that of the last where nobody
        knows how LR came from HR.
    """

    column: str
    name: str
    better: Literal["higher", "lower"]
    digits: int
    of_tile: Callable[..., float] | None = None
    unit: str = ""
    grid: Literal["hr", "denoised", "lr"] = "hr"

    @property
    def label(self) -> str:
        """Name, unit and direction, for an axis."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{self.name}{unit}, {self.better} is better"

    def text(self, value: float) -> str:
        """Return a value with its unit."""
        return f"{value:.{self.digits}f} {self.unit}".rstrip()

    def gain(self, values: npt.ArrayLike, reference: npt.ArrayLike) -> np.ndarray:
        """Return how much better values are than others, positive for better in any metric.

        Two tiles that both equal HR have the same infinite PSNR, so neither gains: 0, not NaN.

        Parameters
        ----------
        values, reference : array_like of float, of one shape

        Returns
        -------
        ndarray of float64, in the metric's unit
        """
        values, reference = np.asarray(values, np.float64), np.asarray(reference, np.float64)
        more, less = (values, reference) if self.better == "higher" else (reference, values)
        return np.subtract(more, less, out=np.zeros_like(values), where=values != reference)


METRICS = (
    Metric("psnr_db", "PSNR", "higher", digits=2, of_tile=psnr, unit="dB"),
    Metric("ssim", "SSIM", "higher", digits=3, of_tile=ssim),
    Metric("psnr_denoised_db", "PSNR, HR de-noised", "higher", 2, psnr, "dB", grid="denoised"),
    Metric("lr_rmse", "LR error", "lower", 2, rmse_percent, "%", grid="lr"),
    Metric("lpips", "LPIPS", "lower", digits=3),
)
# Columns of every per-tile table, whatever weights there are and however LR was made.
ALWAYS = tuple(metric.column for metric in METRICS if metric.of_tile and metric.grid == "hr")


def described(column: str) -> Metric:
    """Return the metric of a column.

    Raises
    ------
    InputError
        If there is none.
    """
    for metric in METRICS:
        if metric.column == column:
            return metric
    raise InputError(f"{column} is the column of no metric; measure the methods again")
