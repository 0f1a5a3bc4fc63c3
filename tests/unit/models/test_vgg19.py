import hashlib

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers.small_networks import random_images
from keras import ops

from sandstone.errors import InputError
from sandstone.models.vgg19 import VGG19_MD5, Vgg19Features

VGG19_FILTERS = {1: [64] * 2, 2: [128] * 2, 3: [256] * 4, 4: [512] * 4, 5: [512] * 4}


def vgg19_names():
    return [
        (f"block{block}_conv{number}", filters)
        for block, widths in VGG19_FILTERS.items()
        for number, filters in enumerate(widths, start=1)
    ]


def write_vgg19(path):
    """Write random weights in the layout of keras.applications' published file (Keras 1)."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as stream:
        order, before = [b"input_1"], 3
        stream.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
        for name, filters in vgg19_names():
            if name.endswith("conv1") and len(order) > 1:
                order.append(f"{order[-1].decode()[:6]}_pool".encode())
                stream.create_group(order[-1].decode()).attrs["weight_names"] = np.array([], "S1")
            group, order = stream.create_group(name), [*order, name.encode()]
            parts = [f"{name}_W_1:0", f"{name}_b_1:0"]
            group.attrs["weight_names"] = [part.encode() for part in parts]
            kernel = rng.standard_normal((3, 3, before, filters), np.float32)
            group[parts[0]] = kernel * np.float32(np.sqrt(2 / (9 * before)))
            group[parts[1]] = rng.standard_normal(filters, np.float32)
            before = filters
        stream.attrs["layer_names"] = order


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture(scope="module")
def vgg19_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("vgg19") / "vgg19_notop.h5"
    write_vgg19(path)
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def vgg19_sha256(vgg19_file):
    return sha256(vgg19_file)


@pytest.fixture(scope="module")
def vgg19(vgg19_file, vgg19_sha256):
    return Vgg19Features(vgg19_file, layer="block3_conv4", sha256=vgg19_sha256)


def test_vgg19_features_follow_the_preprocessing_of_keras(vgg19, vgg19_file):
    images = random_images(2, 32, 24, 1)
    rgb = np.repeat(255 * images, 3, axis=-1)
    x = keras.applications.vgg19.preprocess_input(rgb, data_format="channels_last")
    with h5py.File(vgg19_file) as stream:
        for name, _ in vgg19_names()[:8]:
            if name in ("block2_conv1", "block3_conv1"):
                x = ops.max_pool(x, 2)
            kernel, bias = (stream[name][f"{name}_{part}_1:0"][:] for part in "Wb")
            x = ops.relu(ops.conv(x, kernel, padding="same") + bias)
    features = np.array(vgg19(images))
    assert features.shape == (2, 8, 6, 256)
    np.testing.assert_allclose(features, x, atol=1e-3, rtol=1e-3)


def test_vgg19_passes_gradients(vgg19):
    images = tf.Variable(random_images(1, 16, 16, 1))
    with tf.GradientTape() as tape:
        size = ops.mean(ops.square(vgg19(images)))
    gradient = tape.gradient(size, images)
    assert np.isfinite(gradient).all()
    assert np.any(gradient != 0)


def refuse_vgg19(path, *words, layer="block3_conv4", expected=None):
    with pytest.raises(InputError) as caught:
        Vgg19Features(path, layer=layer, sha256=expected)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("layer", ["block6_conv1", "block1_pool", ""])
def test_an_unknown_layer_is_told_which_there_are(vgg19_file, vgg19_sha256, layer):
    names = [name for name, _ in vgg19_names()]
    refuse_vgg19(vgg19_file, repr(layer), ", ".join(names), layer=layer, expected=vgg19_sha256)


def test_missing_vgg19_weights_say_where_to_read(tmp_path):
    refuse_vgg19(tmp_path / "none.h5", "does not exist", "data/README.md")


def test_another_hash_is_told_before_anything_is_loaded(tmp_path):
    path = tmp_path / "vgg19.h5"
    path.write_bytes(b"not HDF5")
    refuse_vgg19(path, "sha256", sha256(path), "0" * 64, expected="0" * 64)
    refuse_vgg19(path, "md5", VGG19_MD5)


def test_a_file_with_the_hash_but_without_the_weights_is_the_user_s_error(tmp_path):
    text, other = tmp_path / "text.h5", tmp_path / "other.h5"
    text.write_text("<html>404</html>")
    with h5py.File(other, "w") as stream:
        stream["hr"] = np.zeros((2, 2))
    for path in (text, other):
        refuse_vgg19(path, str(path), "VGG19's weights", "fetch it again", expected=sha256(path))
