import numpy as np
import pytest

from sandstone.imaging import grey
from sandstone.imaging.degrade import Degradation, degrade
from sandstone.imaging.redegrade import degrade_again, margin, without_noise

MADE = [
    {"kernel": "bicubic"},
    {"kernel": "aliased_bilinear"},
    {"kernel": "psf", "psf_sigma": 1.5, "noise": 0.02},
    {"kernel": "scanned", "psf_sigma": [0.9, 2.0, 3.5]},
]


def image(edge: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (edge, edge), dtype=np.uint8)


@pytest.mark.parametrize("scale", [2, 3, 4])
@pytest.mark.parametrize("made", MADE)
def test_a_tile_of_hr_gives_the_lr_of_the_whole_slice_inside_its_margin(made, scale):
    whole = image(60 * scale)
    degradation = without_noise(made)
    lr = degrade(grey.to_unit(whole), scale, degradation, np.random.default_rng(1))
    tile = whole[20 * scale : 40 * scale, 20 * scale : 40 * scale]
    again = degrade_again(tile[None], scale, degradation)[0]
    border = margin(degradation, scale)
    inside = slice(border, 20 - border)
    expected = grey.from_unit(lr, np.dtype(np.uint8))[20:40, 20:40]
    np.testing.assert_array_equal(again[inside, inside], expected[inside, inside])
    assert (again.shape, again.dtype) == ((20, 20), np.uint8)


@pytest.mark.parametrize("made", MADE[2:] + MADE[:1])
def test_pixels_of_the_margin_miss_what_lies_beyond(made):
    whole = image(240)
    degradation = without_noise(made)
    lr = degrade(grey.to_unit(whole), 4, degradation, np.random.default_rng(1))
    again = degrade_again(whole[None, 80:160, 80:160], 4, degradation)[0]
    assert (again != grey.from_unit(lr, np.dtype(np.uint8))[20:40, 20:40]).any()


def test_the_blur_of_a_scanner_is_taken_within_the_slice():
    degradation = without_noise(MADE[3])
    assert degradation == Degradation("psf", psf_sigma=(0.9, 2.0, 3.5), noise=0.0)
    assert margin(degradation, 4) == 4
    point = np.zeros((1, 80, 80), np.uint8)
    point[0, 40, 40] = 255
    seen = degrade_again(point, 1, degradation)[0]
    assert seen[40].max() == seen.max() > 0
    assert np.count_nonzero(seen[40]) > np.count_nonzero(seen[:, 40])


def test_the_blur_of_a_fitted_scanner_is_taken_without_its_noise():
    fitted = Degradation("fitted", (0.9, 2.0, 2.0), 0.1, 0.01, 1.5, "pair").effective()
    assert without_noise(fitted) == Degradation("psf", psf_sigma=(0.9, 2.0, 2.0), noise=0.0)


def test_noise_is_left_out():
    flat = np.full((1, 32, 32), 100, np.uint8)
    np.testing.assert_array_equal(degrade_again(flat, 4, without_noise(MADE[2])), 100)


def test_nobody_knows_how_a_scanner_blurs_that_was_not_measured():
    assert without_noise({"kernel": "scanned"}) is None


@pytest.mark.parametrize(("made", "alone", "with_border"), [(0, 2, 3), (1, 0, 1), (2, 2, 3)])
def test_the_margin_in_lr_pixels(made, alone, with_border):
    degradation = without_noise(MADE[made])
    assert margin(degradation, 4) == alone
    assert margin(degradation, 4, border=4) == with_border
