import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from sandstone.choices import DEGRADATIONS
from sandstone.imaging import grey
from sandstone.imaging.degrade import Degradation, blur_in_depth, degrade, shaped_noise

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
    assert Degradation("bicubic", noise_slope=0.1).effective() == {"kernel": "bicubic"}
    fitted = Degradation("fitted", psf_sigma=(3, 4, 5), noise=0.1, pair="plug").effective()
    numbers = {"psf_sigma": (3, 4, 5), "noise": 0.1}
    assert fitted == {"kernel": "fitted", **numbers, "from": "plug"}
    shaped = Degradation("psf", noise_slope=0.001, noise_correlation=0.7).effective()
    assert shaped == {
        "kernel": "psf",
        "psf_sigma": 1.5,
        "noise": 0.01,
        "noise_slope": 0.001,
        "noise_correlation": 0.7,
    }


# --- noise that depends on the grey level, or has a grain ---


def test_without_slope_and_correlation_no_bit_is_another_one():
    """Pairs from before these settings must still be what their config makes."""
    hr = noise_image((48, 80))
    blurred = gaussian_filter(hr, 1.3, mode="nearest")
    binned = blurred.reshape(12, 4, 20, 4).mean(axis=(1, 3), dtype=np.float32)
    noise = np.float32(0.02) * rng().standard_normal((12, 20), dtype=np.float32)
    np.testing.assert_array_equal(
        degrade(hr, 4, Degradation("psf", psf_sigma=1.3, noise=0.02), rng()), binned + noise
    )


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_the_variance_of_the_noise_grows_along_its_slope(level):
    flat = np.full((900, 900), level, np.float32)
    lr = degrade(flat, 3, Degradation("psf", noise=0.02, noise_slope=0.003), rng())
    assert (lr - level).std() == pytest.approx(np.sqrt(0.02**2 + 0.003 * level), rel=0.02)


@pytest.mark.parametrize("correlation", [0.0, 0.1, 0.5, 1.2, 3.0])
def test_shaped_noise_keeps_its_variance_up_to_the_border(correlation):
    noise = np.stack([shaped_noise((40, 60), correlation, rng_) for rng_ in rng().spawn(200)])
    assert noise.dtype == np.float32
    assert noise.std() == pytest.approx(1, rel=0.03)
    assert noise[:, 0].std() == pytest.approx(1, rel=0.05)
    assert noise[:, 20, 30].std() == pytest.approx(1, rel=0.15)


def test_shaped_noise_is_as_wide_as_its_correlation():
    noise = shaped_noise((800, 800), 1.5, rng())
    lag = np.mean(noise[:, 3:] * noise[:, :-3])
    assert lag == pytest.approx(np.exp(-(3**2) / (4 * 1.5**2)), abs=0.02)


# --- the blur between slices ---


def volume(depth=24, edge=24):
    return np.random.default_rng(5).integers(0, 256, (depth, edge, edge), dtype=np.uint8)


@pytest.mark.parametrize("sigma", [0.5, 1.7, 3.4])
def test_the_blur_in_depth_is_that_of_the_whole_volume(sigma):
    rock = volume()
    whole = gaussian_filter(grey.to_unit(rock), (sigma, 0, 0), mode="nearest")
    for z in (0, 2, 12, 23):
        plane = blur_in_depth(rock.__getitem__, z, len(rock), sigma)
        assert plane.dtype == np.float32
        np.testing.assert_allclose(plane, whole[z], atol=1e-6)


def test_the_blur_in_depth_asks_for_no_slice_beyond_its_reach():
    rock, asked = volume(), []

    def read(z):
        asked.append(z)
        return rock[z]

    degradation = Degradation("psf", psf_sigma=(1.0, 2.0, 2.0))
    assert degradation.depth_reach == 4
    blur_in_depth(read, 12, len(rock), degradation.depth_sigma)
    assert set(asked) == set(range(8, 17))
    asked.clear()
    np.testing.assert_array_equal(blur_in_depth(read, 12, len(rock), 0.0), grey.to_unit(rock[12]))
    assert set(asked) == {12}


def test_three_sigmas_blur_each_axis_by_its_own():
    point = np.zeros((65, 65), np.float32)
    point[32, 32] = 1
    lr = degrade(point, 1, Degradation("psf", psf_sigma=(9.0, 2.0, 5.0), noise=0), rng())
    place = np.arange(65) - 32
    assert (lr.sum(axis=1) * place**2).sum() == pytest.approx(4, rel=0.02)
    assert (lr.sum(axis=0) * place**2).sum() == pytest.approx(25, rel=0.02)


def test_equal_sigmas_within_the_slice_are_the_same_as_one():
    hr = noise_image()
    one, three = (
        degrade(hr, 4, Degradation("psf", psf_sigma=sigma), rng()) for sigma in (1.5, (0, 1.5, 1.5))
    )
    np.testing.assert_array_equal(one, three)


def test_only_a_blur_of_three_sigmas_that_acts_reaches_in_depth():
    assert Degradation("psf", psf_sigma=3.0).depth_reach == 0
    assert Degradation("psf", psf_sigma=(0.0, 3.0, 3.0)).depth_reach == 0
    assert Degradation("bicubic", psf_sigma=(3.0, 3.0, 3.0)).depth_reach == 0
    assert Degradation("psf", psf_sigma=(3.0, 0.0, 0.0)).depth_reach == 12
    assert Degradation("fitted", psf_sigma=(3.0, 0.0, 0.0)).depth_reach == 12
