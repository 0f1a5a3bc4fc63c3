import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from sandstone.choices import DEGRADATIONS
from sandstone.imaging.degrade import Degradation, degrade

QUIET = {"psf_sigma": 1.5, "noise": 0.0}


def rng():
    return np.random.default_rng(7)


def noise_image(shape=(48, 72)):
    return np.random.default_rng(3).random(shape, dtype=np.float32)


@pytest.mark.parametrize("kernel", DEGRADATIONS)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_lr_pixels_cover_whole_blocks_without_shift(kernel, scale):
    hr = np.tile(np.arange(32 * scale, dtype=np.float32), (24 * scale, 1)) / (32 * scale)
    lr = degrade(hr, scale, Degradation(kernel, **QUIET), rng())
    blocks = hr.reshape(24, scale, 32, scale).mean(axis=(1, 3))
    assert lr.shape == (24, 32)
    assert lr.dtype == np.float32
    np.testing.assert_allclose(lr[4:-4, 4:-4], blocks[4:-4, 4:-4], atol=1e-5)


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_aliased_bilinear_interpolates_at_lr_centres(scale):
    hr = noise_image()
    y, x = (scale * np.arange(n // scale) + (scale - 1) / 2 for n in hr.shape)
    expected = map_coordinates(hr, np.meshgrid(y, x, indexing="ij"), order=1)
    lr = degrade(hr, scale, Degradation("aliased_bilinear"), rng())
    np.testing.assert_allclose(lr, expected, atol=1e-6)


def test_only_the_aliased_kernel_lets_fine_stripes_through():
    stripes = np.tile(np.float32([0, 1, 1, 0]), (64, 16))
    contrast = {
        kernel: np.abs(degrade(stripes, 4, Degradation(kernel, **QUIET), rng())[4:-4, 4:-4] - 0.5)
        for kernel in DEGRADATIONS
    }
    assert contrast["aliased_bilinear"].min() == 0.5
    assert contrast["bicubic"].max() < 0.05
    assert contrast["psf"].max() < 0.05


def test_psf_without_blur_and_noise_is_the_mean_of_each_block():
    hr = noise_image()
    lr = degrade(hr, 4, Degradation("psf", psf_sigma=0, noise=0), rng())
    np.testing.assert_allclose(lr, hr.reshape(12, 4, 18, 4).mean(axis=(1, 3)), atol=1e-6)


def test_psf_blurs_by_its_sigma_in_hr_voxels():
    point = np.zeros((65 * 3, 65 * 3), np.float32)
    point[97, 97] = 1
    lr = degrade(point, 3, Degradation("psf", psf_sigma=6, noise=0), rng())
    profile = lr.sum(axis=0) * 9
    place = 3 * np.arange(65) + 1 - 97
    assert profile.sum() == pytest.approx(1, abs=1e-3)
    # Binning adds the variance of a 3-voxel box, (3² - 1) / 12.
    assert (profile * place**2).sum() == pytest.approx(36 + 8 / 12, rel=0.02)


def test_noise_is_a_share_of_the_data_range_added_after_binning():
    lr = degrade(np.full((800, 800), 0.5, np.float32), 4, Degradation("psf", noise=0.02), rng())
    assert (lr - 0.5).std() == pytest.approx(0.02, rel=0.02)
    assert (lr - 0.5).mean() == pytest.approx(0, abs=4e-4)


def test_noise_follows_its_generator():
    hr = noise_image()
    once, again, other = (
        degrade(hr, 4, Degradation("psf"), np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("kernel", DEGRADATIONS)
def test_a_flat_image_stays_flat_up_to_its_border(kernel):
    lr = degrade(np.full((32, 48), 0.25, np.float32), 4, Degradation(kernel, **QUIET), rng())
    np.testing.assert_allclose(lr, 0.25, atol=1e-6)


def test_only_parameters_that_act_are_recorded():
    assert Degradation("bicubic", psf_sigma=2, noise=0.1).effective() == {"kernel": "bicubic"}
    assert Degradation("psf", psf_sigma=2, noise=0.1).effective() == {
        "kernel": "psf",
        "psf_sigma": 2,
        "noise": 0.1,
    }
