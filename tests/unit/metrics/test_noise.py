"""The noise of HR: known noise is found, in rock, with and without a grain of its own."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sandstone.metrics import noise


def rock(rng: np.random.Generator) -> np.ndarray:
    """Return tiles with pores and grains of three grey levels, a few dozen voxels wide."""
    fields = gaussian_filter(rng.normal(size=(4, 200, 200)), (0, 12, 12))
    levels = np.digitize(fields / fields.std(), [-0.8, 0.9])
    return gaussian_filter(np.array([60.0, 130.0, 150.0])[levels], (0, 1, 1))


def noisy(sigma: float, grain: float, dtype: type = np.uint8) -> np.ndarray:
    rng = np.random.default_rng(0)
    added = gaussian_filter(rng.normal(size=(4, 200, 200)), (0, grain, grain))
    largest = np.iinfo(dtype).max
    levels = rock(rng) + sigma * added / added.std()
    return np.clip(np.rint(levels * (largest / 255)), 0, largest).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize(
    ("grain", "found"),
    [(0, pytest.approx(8, rel=0.06)), (0.8, pytest.approx(8, rel=0.08))],
)
def test_known_noise_is_found(grain: float, found: object, dtype: type) -> None:
    scale = np.iinfo(dtype).max / 255
    assert noise.deviation(noisy(8, grain, dtype)) / scale == found


def test_stronger_noise_is_found_stronger() -> None:
    weak, strong = (noise.deviation(noisy(sigma, 0)) for sigma in (4, 12))
    assert strong == pytest.approx(3 * weak, rel=0.12)


def test_black_and_white_do_not_pass_for_silence() -> None:
    tiles = noisy(8, 0)
    tiles[:, :120] = 0
    assert noise.deviation(tiles) == pytest.approx(8, rel=0.1)


@pytest.mark.parametrize("tiles", [np.zeros((4, 90, 90), np.uint8), np.ones((1, 20, 20), np.uint8)])
def test_where_nothing_tells_there_is_no_number(tiles: np.ndarray) -> None:
    assert math.isnan(noise.deviation(tiles))


def test_the_ceiling_is_the_psnr_of_noise_alone() -> None:
    assert noise.ceiling(2.55, 255) == pytest.approx(40)
    assert math.isnan(noise.ceiling(math.nan, 255))
    assert math.isnan(noise.ceiling(0.0, 255)), "without noise there is none"
