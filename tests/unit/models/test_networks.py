import keras
import numpy as np
import pytest
from helpers.small_networks import SMALL, random_images, randomise

from sandstone.errors import InputError
from sandstone.imaging import resample
from sandstone.models import description, networks
from sandstone.models.options import STAGES

pytestmark = pytest.mark.usefixtures("seed")

NOTEBOOK = {"architecture": "notebook", "batch_norm": True, "bicubic_skip": False}


@pytest.mark.parametrize("scale", STAGES)
def test_an_untrained_generator_is_bicubic_interpolation(scale):
    lr = random_images(2, 13, 17, 1)
    sr = networks.build_generator(**SMALL, scale=scale)(lr)
    bicubic = [resample.resize(each[..., 0], (13 * scale, 17 * scale), "bicubic") for each in lr]
    np.testing.assert_allclose(np.array(sr)[..., 0], bicubic, atol=2e-6)


def test_an_untrained_generator_learns_although_its_tail_is_zero():
    model = networks.build_generator(**SMALL, scale=2)
    tail = model.get_layer("tail")
    assert not np.any(tail.kernel)
    model.compile(optimizer="sgd", loss="mse", jit_compile=False)
    model.train_on_batch(random_images(1, 6, 6, 1), np.ones((1, 12, 12, 1), np.float32))
    assert np.any(tail.kernel)


@pytest.mark.parametrize(
    "options",
    [
        {"bicubic_skip": False},
        {"architecture": "notebook"},
        {"architecture": "span", "blocks": 2},
        {"upsampling": "direct", "bicubic_skip": False},
    ],
)
@pytest.mark.parametrize("scale", STAGES)
def test_a_generator_enlarges_any_size(scale, options):
    model = networks.build_generator(**{**SMALL, **options}, scale=scale)
    for height, width in [(5, 7), (1, 8), (12, 12)]:
        sr = model(random_images(2, height, width, 1))
        assert sr.shape == (2, scale * height, scale * width, 1)
        assert sr.dtype == "float32"


def test_the_notebook_s_generator_is_that_of_its_recipe():
    model = networks.build_generator(**NOTEBOOK, blocks=16, filters=64)
    layers = {
        kind: [layer for layer in model.layers if isinstance(layer, kind)]
        for kind in (
            keras.layers.BatchNormalization,
            keras.layers.Conv2D,
            keras.layers.PReLU,
            keras.layers.UpSampling2D,
        )
    }
    norms, convolutions, _, upsamplings = layers.values()
    assert [len(each) for each in layers.values()] == [33, 37, 19, 2]
    assert {norm.momentum for norm in norms} == {0.5}
    assert {layer.interpolation for layer in upsamplings} == {"nearest"}
    kernels = {layer.name: layer.kernel_size for layer in convolutions}
    assert {name for name, size in kernels.items() if size == (9, 9)} == {"head", "tail"}
    assert [model.get_layer(f"up_{number}_conv").filters for number in (1, 2)] == [256, 256]
    assert model.layers[-1].name == "tail"
    assert model.get_layer("tail").activation is keras.activations.linear
    assert np.any(model.get_layer("tail").kernel)


def test_batch_normalisation_of_the_srresnet_follows_a_short_training():
    model = networks.build_generator(**SMALL, batch_norm=True)
    assert model.get_layer("body_norm").momentum == 0.9


RECEPTIVE = [
    {"scale": 2},
    {"scale": 3, "bicubic_skip": False},
    {"scale": 4, "blocks": 2, "batch_norm": True},
    {"scale": 8},
    {"scale": 4, **NOTEBOOK},
    {"scale": 2, "architecture": "notebook"},
    {"scale": 4, "upsampling": "direct"},
    {"scale": 4, "upsampling_filters": 4},
    {"scale": 4, "architecture": "span", "blocks": 2},
    {"scale": 3, "architecture": "span", "blocks": 3, "bicubic_skip": False},
]


@pytest.mark.parametrize("options", RECEPTIVE)
def test_one_lr_pixel_reaches_exactly_the_receptive_field(options):
    options = {**SMALL, "filters": 2, **options}
    model = networks.build_generator(**options)
    # Without biases a black image stays black, so that no rounding hides a faint response.
    randomise(model, biases=False)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.beta.assign(np.zeros(2))
            layer.moving_mean.assign(np.zeros(2))
    radius, scale = description.receptive_field(options), options["scale"]
    centre = radius + 3
    lr = np.zeros((1, 2 * centre + 1, 2 * centre + 1, 1), np.float32)
    lr[0, centre, centre, 0] = 1e4
    # Black is no zero to a network that centres its input.
    answer, black = (np.array(model(each))[0, ..., 0] for each in (lr, np.zeros_like(lr)))
    touched = np.argwhere(answer != black) // scale
    assert np.abs(touched - centre).max(axis=0).tolist() == [radius, radius]


def test_a_tile_with_the_receptive_field_as_halo_equals_the_whole():
    options = {**SMALL, "scale": 2}
    model = networks.build_generator(**options)
    randomise(model, biases=True)
    halo = description.receptive_field(options)
    lr = random_images(1, 30, 30, 1)
    whole = np.array(model(lr))[:, 24:36, 24:36]
    tile = lr[:, 12 - halo : 18 + halo, 12 - halo : 18 + halo]
    inner = np.array(model(tile))[:, 2 * halo : -2 * halo, 2 * halo : -2 * halo]
    np.testing.assert_allclose(inner, whole, rtol=1e-5)


@pytest.mark.parametrize("spectral_norm", [True, False])
@pytest.mark.parametrize(("height", "width"), [(64, 96), (37, 51)])
def test_the_patch_discriminator_judges_a_map_of_patches(height, width, spectral_norm):
    model = networks.build_discriminator(filters=4, layers=3, spectral_norm=spectral_norm)
    logits, *features = model(random_images(2, height, width, 1))
    expected = [(-(-height // 2**level), -(-width // 2**level)) for level in (1, 2, 3)]
    assert [each.shape[1:] for each in features] == [
        (*size, filters) for size, filters in zip(expected, (4, 8, 16), strict=True)
    ]
    assert logits.shape == (2, *expected[-1], 1)


def test_logits_have_no_sigmoid():
    model = networks.build_discriminator(filters=4, layers=2, spectral_norm=False)
    randomise(model, biases=True)
    assert np.array(model(np.full((1, 8, 8, 1), 100.0, np.float32))[0]).max() > 1


def test_the_notebook_s_discriminator_is_that_of_its_recipe():
    model = networks.build_discriminator(
        architecture="notebook", filters=8, hr_size=32, spectral_norm=False
    )
    assert model.input_shape == (None, 32, 32, 1)
    assert model.output_shape[0] == (None, 1)
    assert [shape[1:] for shape in model.output_shape[1:]] == [
        (16, 16, 8),
        (8, 8, 16),
        (4, 4, 32),
        (2, 2, 64),
    ]
    assert model.get_layer("dense").kernel.shape == (2 * 2 * 64, 1024)
    norms = [each for each in model.layers if isinstance(each, keras.layers.BatchNormalization)]
    assert [norm.momentum for norm in norms] == [0.8] * 7
    leaky = [each for each in model.layers if isinstance(each, keras.layers.LeakyReLU)]
    assert {each.negative_slope for each in leaky} == {0.2}


def test_the_notebook_s_discriminator_takes_its_own_size_only():
    model = networks.build_discriminator(architecture="notebook", filters=2, hr_size=16)
    with pytest.raises(ValueError, match="shape"):
        model(random_images(1, 32, 32, 1))


@pytest.mark.parametrize(
    "options", [{}, {"architecture": "notebook", "hr_size": 8}], ids=["patch", "notebook"]
)
def test_spectral_normalisation_bounds_the_gain_of_every_layer(options):
    model = networks.build_discriminator(filters=4, layers=2, **options)
    wrapped = [
        each for each in model.layers if isinstance(each, keras.layers.SpectralNormalization)
    ]
    for wrapper in wrapped:
        wrapper.layer.kernel.assign(20 * wrapper.layer.kernel)
    images = random_images(1, 8, 8, 1)
    before = [gain(wrapper) for wrapper in wrapped]
    model(images, training=False)
    assert [gain(wrapper) for wrapper in wrapped] == before
    assert max(before) > 5
    for _ in range(15):
        model(images, training=True)
    np.testing.assert_allclose([gain(wrapper) for wrapper in wrapped], 1, atol=0.1)


def gain(wrapper):
    """Return the largest singular value of a layer's kernel as a matrix (..., filters)."""
    kernel = wrapper.layer.kernel.numpy()
    return np.linalg.norm(kernel.reshape(-1, kernel.shape[-1]), 2)


@pytest.mark.parametrize(
    ("build", "options"),
    [
        (networks.build_generator, {"architecture": "rrdb"}),
        (networks.build_generator, {"scale": 5}),
        (networks.build_generator, {"blocks": 0}),
        (networks.build_discriminator, {"architecture": "unet"}),
        (networks.build_discriminator, {"architecture": "notebook"}),
    ],
)
def test_an_impossible_network_is_the_user_s_error(build, options):
    with pytest.raises(InputError):
        build(**options)


def test_the_same_seed_makes_the_same_weights():
    models = []
    for value in (5, 5, 6):
        keras.utils.set_random_seed(value)
        models.append(networks.build_generator(**SMALL).get_weights())
    assert all(map(np.array_equal, models[0], models[1]))
    assert not np.array_equal(models[0][0], models[2][0])
