import numpy as np
import pytest
import tifffile

from sandstone.imaging import resample

SMOOTH = ("bilinear", "bicubic", "lanczos")


def ramp(shape, axis):
    values = np.arange(shape[axis], dtype=np.float32)
    return np.broadcast_to(values[:, None] if axis == 0 else values, shape).copy()


@pytest.mark.parametrize("kernel", SMOOTH)
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_a_shrunken_pixel_stands_at_the_centre_of_those_that_it_covers(kernel, axis, scale):
    hr = ramp((24 * scale, 32 * scale), axis)
    lr = resample.resize(hr, (24, 32), kernel)
    centres = ramp((24, 32), axis) * scale + (scale - 1) / 2
    np.testing.assert_allclose(lr[4:-4, 4:-4], centres[4:-4, 4:-4], atol=1e-3)


@pytest.mark.parametrize(
    ("kernel", "tolerance"), [("bilinear", 1e-4), ("bicubic", 1e-4), ("lanczos", 0.02)]
)
@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_an_enlarged_pixel_covers_the_area_of_its_share(kernel, tolerance, scale):
    sr = resample.resize(ramp((16, 20), 1), (16 * scale, 20 * scale), kernel)
    places = (np.arange(20 * scale) + 0.5) / scale - 0.5
    border = 4 * scale
    np.testing.assert_allclose(sr[border, border:-border], places[border:-border], atol=tolerance)


def test_nearest_repeats_pixels():
    lr = np.random.default_rng(0).random((5, 7), dtype=np.float32)
    sr = resample.resize(lr, (20, 28), "nearest")
    np.testing.assert_array_equal(sr, lr.repeat(4, axis=0).repeat(4, axis=1))


@pytest.mark.parametrize("kernel", SMOOTH)
def test_shrinking_is_antialiased(kernel):
    stripes = np.tile(np.float32([0, 1]), (64, 32))
    lr = resample.resize(stripes, (16, 16), kernel)
    np.testing.assert_allclose(lr[4:-4, 4:-4], 0.5, atol=0.02)


@pytest.mark.parametrize("kernel", ["bicubic", "lanczos"])
def test_overshoot_is_left_to_the_caller(kernel):
    step = np.repeat(np.float32([[0, 1]]), 8, axis=1).repeat(8, axis=0)
    sr = resample.resize(step, (32, 64), kernel)
    assert sr.dtype == np.float32
    assert sr.min() < -0.01
    assert sr.max() > 1.01


def test_bicubic_is_keys_with_minus_one_half():
    impulse = np.zeros((1, 9), np.float32)
    impulse[0, 4] = 1
    sr = resample.resize(impulse, (1, 36), "bicubic")[0]
    distance = np.abs((np.arange(36) + 0.5) / 4 - 4.5)
    near = 1.5 * distance**3 - 2.5 * distance**2 + 1
    far = -0.5 * distance**3 + 2.5 * distance**2 - 4 * distance + 2
    keys = np.where(distance < 1, near, np.where(distance < 2, far, 0))
    np.testing.assert_allclose(sr, keys, atol=1e-6)


def test_published_low_resolution_rock_is_reproduced(shared_data):
    hr = tifffile.imread(shared_data / "bentheimer_drsrd1_0801_hr.tif").astype(np.float32)
    published = tifffile.imread(shared_data / "bentheimer_drsrd1_0801_lr4.tif")
    lr = resample.resize(hr, published.shape, "bicubic")
    assert np.sqrt(np.mean((lr - published) ** 2)) < 0.5
