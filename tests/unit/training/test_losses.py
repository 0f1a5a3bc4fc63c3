import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from sandstone.training import losses

PIXEL_KINDS = ["l1", "l2", "charbonnier"]
ADVERSARIAL_KINDS = ["bce", "relativistic", "hinge"]


def image(*values):
    return tf.constant(np.array(values, np.float32).reshape(1, 1, -1, 1))


def random_images(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).random(shape, dtype=np.float32))


def softplus(x):
    return np.log1p(np.exp(x))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("l1", (0.5 + 0.1 + 0.0) / 3),
        ("l2", (0.25 + 0.01 + 0.0) / 3),
        ("charbonnier", (np.sqrt(0.25 + 1e-6) + np.sqrt(0.01 + 1e-6) + 1e-3) / 3),
    ],
)
def test_pixel_losses_by_hand(kind, value):
    loss = losses.pixel_loss(kind)(image(0.5, 0.2, 0.7), image(1.0, 0.1, 0.7))
    assert float(loss) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_a_pixel_loss_does_not_grow_with_the_batch(kind):
    hr, sr = random_images(1, 4, 4, 1), random_images(1, 4, 4, 1, seed=1)
    loss = losses.pixel_loss(kind)
    several = loss(tf.repeat(hr, 5, axis=0), tf.repeat(sr, 5, axis=0))
    assert float(several) == pytest.approx(float(loss(hr, sr)), rel=1e-5)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_a_step_along_the_gradient_lowers_a_pixel_loss(kind):
    hr, sr = random_images(2, 4, 4, 1), tf.Variable(random_images(2, 4, 4, 1, seed=1))
    loss = losses.pixel_loss(kind)
    with tf.GradientTape() as tape:
        before = loss(hr, sr)
    sr.assign_sub(0.01 * tape.gradient(before, sr))
    assert float(loss(hr, sr)) < float(before)


@pytest.mark.parametrize("kind", PIXEL_KINDS)
def test_a_perfect_image_has_no_gradient(kind):
    sr = tf.Variable(random_images(1, 4, 4, 1))
    with tf.GradientTape() as tape:
        loss = losses.pixel_loss(kind)(random_images(1, 4, 4, 1), sr)
    np.testing.assert_array_equal(tape.gradient(loss, sr), 0)


def test_mean_squared_by_hand():
    assert float(losses.mean_squared(image(1, 2), image(4, 6))) == pytest.approx(12.5)


def test_feature_matching_by_hand():
    real = [image(2.0, -2.0), image(1.0)]
    fake = [image(3.0, -2.0), image(0.0)]
    # (1 + 0) / 2 relative to 2, and 1 relative to 1
    assert float(losses.feature_matching(real, fake)) == pytest.approx((0.25 + 1) / 2, rel=1e-5)


def test_feature_matching_of_equal_features_is_zero():
    features = [random_images(2, 4, 4, 3), random_images(2, 2, 2, 5)]
    assert float(losses.feature_matching(features, features)) == 0


def test_feature_matching_ignores_the_scale_of_a_level():
    real = [random_images(2, 4, 4, 3), random_images(2, 2, 2, 5)]
    fake = [random_images(2, 4, 4, 3, seed=1), random_images(2, 2, 2, 5, seed=1)]
    scaled = losses.feature_matching([real[0], 1e3 * real[1]], [fake[0], 1e3 * fake[1]])
    assert float(scaled) == pytest.approx(float(losses.feature_matching(real, fake)), rel=1e-4)


def test_feature_matching_moves_the_sr_features_only():
    real, fake = tf.Variable(image(1.0, 2.0)), tf.Variable(image(2.0, 1.0))
    with tf.GradientTape() as tape:
        loss = losses.feature_matching([real], [fake])
    to_real, to_fake = tape.gradient(loss, [real, fake])
    assert to_real is None
    assert np.all(np.array(to_fake) != 0)


def test_feature_matching_survives_dead_features():
    fake = tf.Variable(image(0.0, 0.0))
    with tf.GradientTape() as tape:
        loss = losses.feature_matching([image(0.0, 0.0)], [fake])
    assert float(loss) == 0
    assert np.isfinite(tape.gradient(loss, fake)).all()


def test_feature_matching_refuses_lists_of_different_length():
    with pytest.raises(ValueError, match="shorter"):
        losses.feature_matching([image(1), image(1)], [image(1)])


REAL, FAKE = image(2.0, 0.5), image(-1.0, 0.0)
BY_HAND = {
    "bce": (
        (softplus(1) + softplus(0)) / 2,
        (softplus(-2) + softplus(-0.5) + softplus(-1) + softplus(0)) / 4,
    ),
    # mean real 1.25, mean fake -0.5
    "relativistic": (
        (softplus(2.25) + softplus(1.25) + softplus(2.5) + softplus(1.0)) / 4,
        (softplus(-2.5) + softplus(-1.0) + softplus(-2.25) + softplus(-1.25)) / 4,
    ),
    "hinge": (0.5, ((0 + 0.5) / 2 + (0 + 1) / 2) / 2),
}


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
def test_adversarial_losses_by_hand(kind):
    found = [float(loss) for loss in losses.adversarial_losses(kind)(REAL, FAKE)]
    assert found == pytest.approx(BY_HAND[kind], rel=1e-5)


def test_bce_is_the_cross_entropy_of_keras():
    real, fake = random_images(2, 3, 3, 1) * 6 - 3, random_images(2, 3, 3, 1, seed=1) * 6 - 3
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    generation, discrimination = losses.adversarial_losses("bce")(real, fake)
    both = entropy(ops.ones_like(real), real) + entropy(ops.zeros_like(fake), fake)
    assert float(discrimination) == pytest.approx(float(both) / 2, rel=1e-5)
    assert float(generation) == pytest.approx(float(entropy(ops.ones_like(fake), fake)), rel=1e-5)


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
def test_a_step_along_the_gradient_lowers_each_opponent_s_loss(kind):
    adversarial = losses.adversarial_losses(kind)
    real = tf.Variable(random_images(2, 3, 3, 1) - 0.5)
    fake = tf.Variable(random_images(2, 3, 3, 1, seed=1) - 0.5)
    with tf.GradientTape(persistent=True) as tape:
        generation, discrimination = adversarial(real, fake)
    to_fake = tape.gradient(generation, fake)
    to_both = tape.gradient(discrimination, [real, fake])
    assert float(adversarial(real, fake - 0.1 * to_fake)[0]) < float(generation)
    stepped = adversarial(real - 0.1 * to_both[0], fake - 0.1 * to_both[1])
    assert float(stepped[1]) < float(discrimination)


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
def test_the_opponents_pull_the_fake_logits_apart(kind):
    real, fake = tf.Variable(REAL), tf.Variable(FAKE)
    with tf.GradientTape(persistent=True) as tape:
        generation, discrimination = losses.adversarial_losses(kind)(real, fake)
    assert np.all(tape.gradient(generation, fake) < 0)
    assert np.sum(tape.gradient(discrimination, fake)) > 0
    assert np.sum(tape.gradient(discrimination, real)) < 0


@pytest.mark.parametrize("kind", ADVERSARIAL_KINDS)
@pytest.mark.parametrize("real", [1e4, -1e4])
@pytest.mark.parametrize("fake", [1e4, -1e4])
def test_huge_logits_stay_finite(kind, real, fake):
    logits = [tf.Variable(image(real, 0.0)), tf.Variable(image(fake, 0.0))]
    with tf.GradientTape(persistent=True) as tape:
        both = losses.adversarial_losses(kind)(*logits)
    assert np.isfinite(both).all()
    for loss in both:
        for gradient in tape.gradient(loss, logits, unconnected_gradients="zero"):
            assert np.isfinite(gradient).all()


class Settings(dict):
    """Flags of train.py, all weights 0 but those that are given."""

    def __init__(self, **given):
        weights = {losses.column(name): 0.0 for name in losses.TERMS}
        kinds = {f"{losses.column(name)}_kind": term.kind for name, term in losses.TERMS.items()}
        super().__init__(weights | kinds | given)


def test_terms_of_weight_0_are_left_out_but_for_the_pixel_loss():
    names = [term.name for term in losses.objective(Settings(loss_adversarial=0.1)).terms]
    assert names == ["pixel", "adversarial"]


def test_only_an_adversarial_loss_needs_a_discriminator():
    assert losses.objective(Settings(loss_pixel=1.0)).adversarial_kind is None
    goal = losses.objective(Settings(loss_adversarial=0.1, loss_adversarial_kind="hinge"))
    assert goal.adversarial_kind == "hinge"


def test_the_loss_is_the_weighted_sum_of_its_terms_in_their_order():
    goal = losses.objective(Settings(loss_pixel=2.0, loss_content=3.0, loss_adversarial=0.5))
    seen = losses.Seen(image(1.0), image(0.75), REAL, FAKE, [image(1.0)], [image(0.5)])
    measured = {name: float(value) for name, value in goal.measure(seen).items()}
    assert list(measured) == ["loss", "loss_pixel", "loss_content", "loss_adversarial"]
    assert measured["loss_pixel"] == 0.25
    assert measured["loss_content"] == pytest.approx(0.5, rel=1e-5)
    assert measured["loss_adversarial"] == pytest.approx(BY_HAND["relativistic"][0], rel=1e-5)
    total = 2 * 0.25 + 3 * measured["loss_content"] + 0.5 * measured["loss_adversarial"]
    assert measured["loss"] == pytest.approx(total)


def waves(*periods):
    """Return one image a period, with waves along x."""
    x = np.arange(64)
    lines = [0.5 + 0.1 * np.sin(2 * np.pi * x / period) for period in periods]
    return tf.constant(np.array([np.tile(line, (64, 1)) for line in lines], np.float32)[..., None])


def test_the_power_of_detail_is_that_beyond_the_nyquist_frequency_of_lr():
    coarse, fine = waves(16), waves(4)
    # At scale 4 LR shows periods of 8 pixels and more.
    assert float(losses.detail_power(coarse, 4)) < 1e-3 * float(losses.detail_power(fine, 4))
    finest = waves(3)
    assert float(losses.detail_power(waves(5), 2)) < 0.01 * float(losses.detail_power(finest, 2))


def test_the_loss_of_detail_compares_powers_and_not_places():
    settings = {"loss_pixel": 0.0, "loss_content": 0.0, "loss_detail": 1.0, "loss_adversarial": 0.0}
    goal = losses.objective({**settings, "scale": 4})
    hr = waves(4, 5)

    def loss(sr):
        return float(goal.measure(losses.Seen(hr, sr))["loss_detail"])

    assert loss(hr) == 0
    assert loss(hr[:, :, ::-1] + 0.1) == pytest.approx(0, abs=1e-3)
    halved = (hr - 0.5) / 2 + 0.5
    assert loss(halved) == pytest.approx(np.log(4) ** 2, rel=1e-3)
    flat = tf.fill(hr.shape, 0.5)
    with tf.GradientTape() as tape:
        tape.watch(flat)
        value = goal.measure(losses.Seen(hr, flat))["loss"]
    assert np.isfinite(float(value))
    assert np.isfinite(tape.gradient(value, flat)).all()


def test_a_new_term_has_flags_columns_lines_and_a_place_in_the_loss():
    """In a process of its own, since modules read the list when they are imported."""
    code = """
import sys
from sandstone.training import losses
brightness = losses.Kind(lambda _: lambda seen: abs(seen.hr - seen.sr))
losses.TERMS["brightness_of_pores"] = losses.Term({"mean": brightness})
import train
from sandstone.training import history, progress
words = "--pairs p --model-dir m --checkpoint-dir c --tensorboard-dir t --steps 1"
args = train.parser().parse_args([*words.split(), "--loss-brightness-of-pores", "0.5"])
goal = losses.objective(vars(args))
assert [(t.name, t.weight) for t in goal.terms] == [("pixel", 1), ("brightness_of_pores", 0.5)]
assert "loss_brightness_of_pores" in history.COLUMNS
assert progress.SHOWN["loss_brightness_of_pores"] == "brightness of pores"
"""
    scripts = Path(losses.__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=scripts, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("choose", [losses.pixel_loss, losses.adversarial_losses])
def test_an_unknown_kind_is_a_defect_of_the_caller(choose):
    with pytest.raises(KeyError, match="wasserstein"):
        choose("wasserstein")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_shared_image_gets_the_gradients_of_all_that_look_at_it(count):
    image = random_images(1, 3, 3, 1)
    with tf.GradientTape() as tape:
        tape.watch(image)
        parts = [weight * ops.sum(x) for weight, x in enumerate(losses.shared(image, count), 1)]
        total = ops.sum(ops.stack(parts))
    gradient = tape.gradient(total, image)
    np.testing.assert_array_equal(gradient, np.full(image.shape, sum(range(1, count + 1))))


def test_nobody_has_to_look_at_a_shared_image():
    image = random_images(1, 3, 3, 1)
    with tf.GradientTape() as tape:
        tape.watch(image)
        total = ops.sum(losses.shared(image, 3)[1])
    np.testing.assert_array_equal(tape.gradient(total, image), np.ones(image.shape))
