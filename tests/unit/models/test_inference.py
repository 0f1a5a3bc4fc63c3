import keras
import numpy as np
import pytest
from helpers.small_networks import SMALL, random_images
from scipy.ndimage import gaussian_filter

from sandstone.models import inference, networks, weights

pytestmark = pytest.mark.usefixtures("seed")


def test_prediction_is_clipped_and_repeats_to_the_bit():
    model = networks.build_generator(**SMALL, bicubic_skip=False)
    model.get_layer("tail").kernel.assign(100 * model.get_layer("tail").kernel)
    lr = random_images(2, 9, 7, 1)
    sr = inference.predict(model, lr)
    assert sr.shape == (2, 36, 28, 1)
    assert sr.dtype == np.float32
    assert (sr.min(), sr.max()) == (0, 1)
    np.testing.assert_array_equal(sr, inference.predict(model, lr))
    np.testing.assert_allclose(sr, np.clip(model(lr), 0, 1), atol=1e-4)


def test_prediction_uses_running_averages_and_leaves_them():
    model = networks.build_generator(**SMALL, batch_norm=True, bicubic_skip=False)
    before = model.get_weights()
    alone = inference.predict(model, np.zeros((1, 5, 5, 1), np.float32))
    batch = np.stack([np.zeros((5, 5, 1)), np.ones((5, 5, 1))]).astype(np.float32)
    np.testing.assert_allclose(inference.predict(model, batch)[:1], alone, atol=1e-6)
    assert all(map(np.array_equal, before, model.get_weights()))


def test_float16_gives_the_image_of_float32_within_its_rounding(repository):
    """On cards with tensor cores a training may compute so; the weights are the same."""
    folder = repository / "pretrained" / "sandstone_x4"
    full = weights.load_generator(folder)
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        half = weights.load_generator(folder)
    finally:
        keras.config.set_dtype_policy(previous)
    assert half.compute_dtype == "float16"
    lr = gaussian_filter(random_images(48, 48), 2)[np.newaxis, ..., np.newaxis]
    lr = (lr - lr.min()) / np.ptp(lr)
    difference = np.abs(inference.predict(half, lr) - inference.predict(full, lr))
    assert 0 < difference.mean() < np.finfo(np.float16).eps
    assert difference.max() < 0.02


def test_a_network_that_looks_one_way_loses_its_direction():
    def drifting(lr):
        return np.roll(lr, 1, axis=2) + np.float32(0.25) * np.roll(lr, 1, axis=1)

    point = np.zeros((1, 7, 7), np.float32)
    point[0, 3, 3] = 1
    mean = inference.averaged_over_views(drifting)(point)
    expected = np.zeros((7, 7))
    expected[[2, 4, 3, 3], [3, 3, 2, 4]] = 1.25 / 4
    np.testing.assert_allclose(mean[0], expected, atol=1e-7)
    assert mean.dtype == np.float32


def test_every_view_is_another_and_is_turned_back():
    lr = random_images(2, 5, 7)
    views = []

    def network(images):
        views.append(images)
        return images.repeat(3, 1).repeat(3, 2)

    mean = inference.averaged_over_views(network)(lr)
    np.testing.assert_allclose(mean, lr.repeat(3, 1).repeat(3, 2), rtol=1e-6)
    assert len({view.tobytes() for view in views}) == inference.VIEWS == 8
    assert [view.shape for view in views] == [(2, 5, 7), (2, 7, 5)] * 4


def test_the_mean_over_views_follows_a_turned_image():
    model = networks.build_generator(**SMALL, bicubic_skip=False)
    network = inference.averaged_over_views(
        lambda lr: inference.predict(model, lr[..., None])[..., 0]
    )
    lr = random_images(1, 8, 6)
    turned = network(np.ascontiguousarray(np.rot90(lr, axes=(1, 2))))
    np.testing.assert_allclose(np.rot90(turned, -1, axes=(1, 2)), network(lr), atol=1e-6)
