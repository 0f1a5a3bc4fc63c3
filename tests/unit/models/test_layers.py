import keras
import numpy as np
import pytest
from helpers.small_networks import random_images
from keras import ops

from sandstone.imaging import resample
from sandstone.models import layers

SCALES = [2, 3, 4, 8]


def blocks_of(image, factor):
    """Return (y, x, factor, factor): the pixels that every pixel became."""
    height, width = image.shape
    return image.reshape(height // factor, factor, width // factor, factor).swapaxes(1, 2)


@pytest.mark.parametrize("factor", SCALES)
def test_shuffle_orders_channels_as_depth_to_space_does(factor):
    import tensorflow as tf

    channels = random_images(2, 3, 5, factor**2 * 3)
    shuffled = layers.PixelShuffle(factor)(channels)
    np.testing.assert_array_equal(shuffled, tf.nn.depth_to_space(channels, factor))


def test_shuffle_puts_a_pixel_s_channels_into_its_block_row_by_row():
    channels = np.arange(2 * 9, dtype=np.float32).reshape(1, 1, 2, 9)
    (image,) = layers.PixelShuffle(3)(channels)
    np.testing.assert_array_equal(
        np.array(image)[..., 0],
        [[0, 1, 2, 9, 10, 11], [3, 4, 5, 12, 13, 14], [6, 7, 8, 15, 16, 17]],
    )


@pytest.mark.parametrize("factor", SCALES)
@pytest.mark.parametrize("shape", [(11, 17), (4, 4), (1, 3)])
def test_bicubic_equals_the_baseline_edges_included(factor, shape):
    lr = random_images(*shape)
    (sr,) = layers.BicubicUpsampling(factor)(lr[None, ..., None])
    baseline = resample.resize(lr, (factor * shape[0], factor * shape[1]), "bicubic")
    np.testing.assert_allclose(np.array(sr)[..., 0], baseline, atol=2e-6)


def test_bicubic_enlarges_every_image_of_a_batch_on_its_own():
    lr = random_images(3, 6, 7, 1)
    layer = layers.BicubicUpsampling(4)
    alone = np.concatenate([np.array(layer(each[None])) for each in lr])
    np.testing.assert_allclose(layer(lr), alone, atol=1e-6)


@pytest.mark.parametrize("factor", SCALES)
def test_bicubic_keeps_a_flat_image_flat_up_to_the_border(factor):
    sr = layers.BicubicUpsampling(factor)(np.full((1, 5, 6, 1), 0.25, np.float32))
    np.testing.assert_allclose(sr, 0.25, atol=1e-6)


def test_bicubic_learns_nothing():
    layer = layers.BicubicUpsampling(2)
    layer(random_images(1, 2, 2, 1))
    assert layer.weights == []


@pytest.mark.parametrize("factor", SCALES)
def test_an_untrained_sub_pixel_convolution_draws_no_checkerboard(factor):
    keras.utils.set_random_seed(0)
    initial = layers.SubPixelInitializer(factor)
    conv = keras.layers.Conv2D(2 * factor**2, 3, padding="same", kernel_initializer=initial)
    (image,) = layers.PixelShuffle(factor)(conv(random_images(1, 6, 5, 3)))
    for channel in range(2):
        blocks = blocks_of(np.array(image)[..., channel], factor)
        np.testing.assert_allclose(
            blocks, np.broadcast_to(blocks[..., :1, :1], blocks.shape), atol=1e-6
        )
        assert np.ptp(blocks[..., 0, 0]) > 0.1


def test_a_plain_initialiser_does_draw_one():
    keras.utils.set_random_seed(0)
    conv = keras.layers.Conv2D(4, 3, padding="same")
    (image,) = layers.PixelShuffle(2)(conv(random_images(1, 6, 5, 1)))
    assert np.ptp(blocks_of(np.array(image)[..., 0], 2), axis=(2, 3)).min() > 1e-3


@pytest.mark.parametrize("layer", [layers.PixelShuffle, layers.BicubicUpsampling])
def test_layers_foretell_their_shape_unknown_edges_included(layer):
    channels = 9 if layer is layers.PixelShuffle else 1
    foretold = layer(3).compute_output_shape
    assert foretold((2, 5, 7, channels)) == (2, 15, 21, 1)
    assert foretold((None, None, None, channels)) == (None, None, None, 1)


@pytest.mark.parametrize(
    "kind",
    [layers.PixelShuffle, layers.BicubicUpsampling, layers.SubPixelInitializer],
)
def test_configs_rebuild(kind):
    assert kind.from_config(kind(8).get_config()).factor == 8


def test_gradients_pass_through_the_bicubic_skip():
    import tensorflow as tf

    lr = tf.Variable(random_images(1, 8, 8, 1))
    with tf.GradientTape() as tape:
        total = ops.sum(layers.BicubicUpsampling(2)(lr))
    # Each LR pixel shares its grey level among factor² HR pixels.
    np.testing.assert_allclose(tape.gradient(total, lr)[0, 3:-3, 3:-3], 4, atol=1e-4)


def noise_of(images, factor=4, strength=1.0):
    return np.asarray(layers.LevelNoise(factor, strength)(images))[..., 0]


def test_noise_is_white_of_its_strength_and_knows_nothing_of_the_levels():
    images = random_images(4, 40, 40, 1)
    noise = noise_of(images)
    assert noise.shape == (4, 160, 160)
    assert noise.mean() == pytest.approx(0, abs=0.02)
    assert noise.std() == pytest.approx(1, abs=0.02)
    for y, x in ((0, 1), (1, 0), (2, 3), (0, 4), (4, 4)):
        shifted = noise[:, y:, x:] * noise[:, : 160 - y, : 160 - x]
        assert shifted.mean() == pytest.approx(0, abs=0.02)
    levels = np.repeat(np.repeat(images[..., 0], 4, 1), 4, 2)
    assert np.corrcoef(levels.ravel(), noise.ravel())[0, 1] == pytest.approx(0, abs=0.02)
    assert noise_of(images, strength=0.01) == pytest.approx(noise / 100, abs=1e-6)


def test_noise_hangs_on_the_neighbourhood_alone():
    images = random_images(1, 12, 15, 1)
    whole, part = noise_of(images), noise_of(images[:, 3:9, 2:12])
    np.testing.assert_array_equal(whole[:, 16:32, 12:44], part[:, 4:-4, 4:-4])
    other = images.copy()
    other[0, 0, 0] += 0.1
    changed = np.any(noise_of(other) != whole, axis=0)
    assert changed[:8, :8].any()
    assert not changed[8:].any()
    assert not changed[:, 8:].any()


def test_where_nothing_varies_there_is_no_noise():
    images = np.full((1, 9, 9, 1), 0.5, np.float32)
    images[0, 4, 4] = 0.6
    noise = noise_of(images)[0].copy()
    assert noise[12:24, 12:24].std() > 0.5
    noise[12:24, 12:24] = 0
    assert not noise.any()


@pytest.mark.parametrize("factor", SCALES)
def test_noise_is_rebuilt_from_its_config(factor):
    layer = layers.LevelNoise(factor, 0.02)
    again = layers.LevelNoise.from_config(layer.get_config())
    images = random_images(1, 6, 6, 1)
    np.testing.assert_array_equal(layer(images), again(images))
    assert layer.compute_output_shape((None, None, 6, 1)) == (None, None, 6 * factor, 1)
