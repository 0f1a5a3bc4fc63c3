import numpy as np
import pytest

from sandstone.metrics import gains, quality

PSNR, LPIPS = quality.described("psnr_db"), quality.described("lpips")


def test_the_best_interpolation_has_the_best_mean_whichever_direction_is_better() -> None:
    values = {"bicubic": np.array([1.0, 5.0]), "lanczos": np.array([2.0, 3.0])}
    assert gains.best_baseline(PSNR, values) == "bicubic"
    assert gains.best_baseline(LPIPS, values) == "lanczos"


def test_a_model_is_no_interpolation_and_the_first_of_equals_is_best() -> None:
    values = {"srgan": np.array([9.0]), "lanczos": np.array([2.0]), "nearest": np.array([2.0])}
    assert gains.best_baseline(PSNR, values) == "lanczos"
    assert gains.best_baseline(PSNR, {"srgan": values["srgan"]}) is None


def test_infinite_means_are_compared() -> None:
    values = {"nearest": np.array([20.0, 21.0]), "lanczos": np.array([np.inf, 21.0])}
    assert gains.best_baseline(PSNR, values) == "lanczos"
    assert gains.best_baseline(PSNR, dict(reversed(values.items()))) == "lanczos"


def test_tiles_that_all_reproduce_exactly_favour_none() -> None:
    values = {"nearest": np.array([np.inf, 20.0]), "lanczos": np.array([np.inf, 21.0])}
    assert gains.best_baseline(PSNR, values) == "lanczos"


def test_infinite_gains_either_way_leave_the_first() -> None:
    values = {"nearest": np.array([np.inf, 20.0]), "lanczos": np.array([20.0, np.inf])}
    assert gains.best_baseline(PSNR, values) == "nearest"


@pytest.mark.parametrize(
    ("low", "high", "verdict", "text"),
    [
        (0.0044, 0.0122, "better", "+0.009 [+0.004, +0.012]"),
        (-0.2, -0.1, "worse", "+0.009 [-0.200, -0.100]"),
        (-0.0001, 0.2, "not distinguishable", "+0.009 [+0.000, +0.200]"),
        (0.0, 0.0, "not distinguishable", "+0.009 [+0.000, +0.000]"),
        (np.nan, np.nan, "no verdict", "+0.009 [none]"),
    ],
)
def test_a_gain_in_words(low: float, high: float, verdict: str, text: str) -> None:
    gain = gains.Gain("lanczos", 0.0085, low, high)
    assert gain.verdict == verdict
    assert gain.text(3) == text
