import numpy as np
import pytest
import tensorflow as tf
from helpers.small_networks import random_images
from keras import ops

from sandstone.errors import InputError
from sandstone.models.lpips import LpipsAlex, lpips_shapes


def made_arrays():
    """Random arrays of an LPIPS weights file; `lin` weights are positive, as published."""
    rng = np.random.default_rng(0)
    arrays = {}
    for name, shape in lpips_shapes().items():
        spread = 1 / np.sqrt(np.prod(shape[:-1]))
        arrays[name] = rng.normal(0, spread, shape).astype(np.float32)
    return {name: abs(array) if "lin" in name else array for name, array in arrays.items()}


@pytest.fixture(scope="module")
def made_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("lpips") / "lpips_alex.npz"
    np.savez(path, **made_arrays())
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def lpips(made_weights):
    return LpipsAlex(made_weights)


def test_lpips_agrees_with_an_independent_evaluation(shared_weights):
    reference = np.load(shared_weights / "lpips_reference.npz")
    lpips = LpipsAlex(shared_weights / "lpips_alex.npz")
    found = lpips.distance(reference["a"][..., None], reference["b"][..., None])
    np.testing.assert_allclose(found, reference["lpips"], atol=1e-4)
    assert reference["lpips"].max() > 0.1


def test_lpips_is_a_distance_of_each_pair(lpips):
    first, second = random_images(3, 48, 40, 1), random_images(3, 48, 40, 1, seed=1)
    distance = np.array(lpips.distance(first, second))
    assert distance.shape == (3,)
    assert (distance > 0).all()
    np.testing.assert_allclose(lpips.distance(second, first), distance, rtol=1e-6)
    alone = [float(lpips.distance(first[[i]], second[[i]])[0]) for i in range(3)]
    np.testing.assert_allclose(alone, distance, rtol=1e-4)


def test_identical_images_have_no_distance(lpips):
    images = random_images(2, 40, 40, 1)
    np.testing.assert_array_equal(lpips.distance(images, images), 0)


def test_images_of_32_pixels_are_large_enough(lpips):
    small = lpips.distance(random_images(1, 32, 32, 1), random_images(1, 32, 32, 1, seed=1))
    assert np.isfinite(small).all()


def test_a_step_along_the_gradient_lowers_the_distance(lpips):
    hr, sr = random_images(2, 40, 40, 1), tf.Variable(random_images(2, 40, 40, 1, seed=1))
    with tf.GradientTape() as tape:
        before = ops.sum(lpips.distance(hr, sr))
    gradient = tape.gradient(before, sr)
    sr.assign_sub(0.01 * gradient / tf.norm(gradient))
    assert float(ops.sum(lpips.distance(hr, sr))) < float(before)


def gradient_of_distance(lpips, hr, sr):
    sr = tf.Variable(sr)
    with tf.GradientTape() as tape:
        distance = ops.sum(lpips.distance(hr, sr))
    return tape.gradient(distance, sr)


def test_identical_images_have_no_gradient(lpips):
    images = random_images(1, 40, 40, 1)
    np.testing.assert_array_equal(gradient_of_distance(lpips, images, images), 0)


def test_pixels_whose_features_are_all_zero_have_a_finite_gradient(tmp_path):
    # Strongly negative biases silence the last layers.
    arrays = made_arrays()
    for level in (3, 4, 5):
        arrays[f"conv{level}_bias"] -= 100
    np.savez(tmp_path / "silent.npz", **arrays)
    silent = LpipsAlex(tmp_path / "silent.npz")
    hr, sr = random_images(1, 40, 40, 1), random_images(1, 40, 40, 1, seed=1)
    gradient = gradient_of_distance(silent, hr, sr)
    assert np.isfinite(gradient).all()
    assert np.any(gradient != 0)


def refuse_lpips(path, *words):
    with pytest.raises(InputError) as caught:
        LpipsAlex(path)
    assert "\n" not in str(caught.value)
    for word in (str(path), *words):
        assert word in str(caught.value)


def test_missing_lpips_weights_name_the_script_that_makes_them(tmp_path):
    refuse_lpips(tmp_path / "none.npz", "does not exist", "fetch_lpips_weights.py")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lin3": None}, "lin3 is absent"),
        ({"lin6": np.zeros((1, 1, 2, 1))}, "lin6 is (1, 1, 2, 1), not absent"),
        ({"conv2_kernel": np.zeros((5, 5, 64, 100))}, "conv2_kernel is (5, 5, 64, 100), not (5, 5"),
    ],
)
def test_other_arrays_are_named(tmp_path, changes, words):
    arrays = {name: array for name, array in (made_arrays() | changes).items() if array is not None}
    np.savez(tmp_path / "other.npz", **arrays)
    refuse_lpips(tmp_path / "other.npz", words, "fetch it again")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.5, 0.999])
def test_truncated_lpips_weights_are_the_user_s_error(made_weights, tmp_path, share):
    content = made_weights.read_bytes()
    path = tmp_path / "cut.npz"
    path.write_bytes(content[: int(share * len(content))])
    refuse_lpips(path, "no readable .npz", "fetch it again")


def test_flipped_bits_in_a_compressed_archive_are_the_user_s_error(tmp_path):
    path = tmp_path / "flipped.npz"
    np.savez_compressed(path, lin1=np.arange(4000, dtype=np.float32))
    sound = path.read_bytes()
    for place in range(100, len(sound) // 2, 97):
        flipped = bytearray(sound)
        flipped[place] ^= 255
        path.write_bytes(flipped)
        refuse_lpips(path, "no readable .npz")


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.savez(tmp_path / "pickled.npz", lin1=np.array([{"a": 1}], dtype=object))
    refuse_lpips(tmp_path / "pickled.npz", "no readable .npz")


def test_a_single_array_or_text_is_no_archive(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    (tmp_path / "page.npz").write_text("<html>404</html>")
    for name in ("array.npy", "page.npz"):
        refuse_lpips(tmp_path / name, "no readable .npz")
