import numpy as np
import pytest
from helpers.small_networks import SMALL, random_images

from sandstone.models import inference, networks

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
