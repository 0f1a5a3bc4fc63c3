import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny_training

from sandstone.errors import InputError
from sandstone.imaging import grey, resample
from sandstone.models import inference, networks
from sandstone.training import losses, schedules
from sandstone.training.trainer import Optimisation, Trainer

GENERATOR = {"scale": 4, "blocks": 1, "filters": 4}
DISCRIMINATOR = {"filters": 4, "layers": 2, "hr_size": 32}
LOSSES = {"learning_rate", "loss", "loss_pixel"}
GAN = LOSSES | {
    "loss_adversarial",
    "loss_discriminator",
    "discriminator_real",
    "discriminator_fake",
}


@pytest.fixture
def eager():
    """Skip the tracing, which takes longer than the few steps of a test."""
    tf.config.run_functions_eagerly(run_eagerly=True)
    yield
    tf.config.run_functions_eagerly(run_eagerly=False)


@pytest.fixture(autouse=True)
def seeded():
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(1)


def batch(step=1, n=2):
    """The LR and HR crops of a step."""
    hr, lr = tiny_training.tiles(n, seed=step, hr_size=32)
    return grey.to_unit(lr)[..., np.newaxis], grey.to_unit(hr)[..., np.newaxis]


def objective(**changes):
    """The loss of flags that train.py would get, as in pixel=2.0 or content_kind="vgg19"."""
    settings = {}
    for name, term in losses.TERMS.items():
        settings |= {name: term.weight, f"{name}_kind": term.kind}
    settings |= {"content_layer": "block3_conv4"} | changes
    files = {name: settings.pop(name, None) for name in ("lpips_weights", "vgg19_weights")}
    return losses.objective(files | {f"loss_{key}": value for key, value in settings.items()})


def optimisation(**changes):
    settings = {
        "steps": 20,
        "learning_rate": 1e-3,
        "discriminator_learning_rate": 1e-3,
        "schedule": "constant",
        "decay_every": 10,
        "decay_rate": 0.5,
        "ema": 0.99,
        "clip_norm": 0.0,
        "mixed_precision": False,
    }
    return Optimisation(**settings | changes)


def make(*, generator=(), discriminator=(), init_weights=None, goal=None, plan=None):
    return Trainer(
        generator=GENERATOR | dict(generator),
        discriminator=DISCRIMINATOR | dict(discriminator),
        objective=goal or objective(),
        optimisation=plan or optimisation(),
        init_weights=init_weights,
    )


def run(trainer, steps):
    return [trainer.update(step, *batch(step)) for step in steps]


def equal(state, other):
    return state.keys() == other.keys() and all(
        np.array_equal(state[name], other[name], equal_nan=True) for name in state
    )


def moved(before, after):
    """The groups of a state in which a number changed."""
    return {name.split("/")[0] for name in before if not np.array_equal(before[name], after[name])}


def test_steps_lower_the_pixel_loss():
    trainer = make(plan=optimisation(learning_rate=5e-3))
    curve = [trainer.update(step, *batch())["loss_pixel"] for step in range(1, 41)]
    assert curve[-1] < 0.7 * curve[0]


def test_the_first_loss_is_that_of_bicubic_interpolation(eager):
    lr, hr = batch()
    bicubic = np.stack([resample.resize(tile[..., 0], (32, 32), "bicubic") for tile in lr])
    difference = hr[..., 0].astype(np.float64) - bicubic
    expected = {
        "l1": np.abs(difference).mean(),
        "l2": (difference**2).mean(),
        "charbonnier": np.sqrt(difference**2 + 1e-6).mean(),
    }
    for kind, loss in expected.items():
        row = make(goal=objective(pixel=3.0, pixel_kind=kind)).update(1, lr, hr)
        assert row.keys() == LOSSES
        assert row["loss_pixel"] == pytest.approx(loss, rel=1e-4)
        assert row["loss"] == pytest.approx(3 * loss, rel=1e-4)


@pytest.mark.parametrize("schedule", schedules.SCHEDULES)
def test_both_learning_rates_follow_the_schedule(eager, schedule):
    plan = optimisation(schedule=schedule, discriminator_learning_rate=4e-3, decay_every=2, steps=4)
    trainer = make(goal=objective(adversarial=0.1), plan=plan)
    options = {"schedule": schedule, "steps": 4, "decay_every": 2, "decay_rate": 0.5}
    for row, step in zip(run(trainer, (1, 3)), (1, 3), strict=True):
        factor = schedules.learning_rate_factor(step, **options)
        assert row["learning_rate"] == pytest.approx(1e-3 * factor)
    rates = [
        float(optimizer.learning_rate)
        for optimizer in (trainer._generator_optimizer, trainer._discriminator_optimizer)
    ]
    assert rates == pytest.approx([1e-3 * factor, 4e-3 * factor])


def test_the_average_follows_the_weights_by_its_decay(eager):
    trainer = make(generator={"batch_norm": True}, plan=optimisation(ema=0.25))
    for step, decay in ((1, 2 / 11), (2, 0.25), (3, 0.25)):
        before = trainer.averaged.get_weights()
        trainer.update(step, *batch(step))
        learnt = trainer.generator.get_weights()
        for old, value, new in zip(before, learnt, trainer.averaged.get_weights(), strict=True):
            np.testing.assert_allclose(new, decay * old + (1 - decay) * value, atol=1e-6)


def test_without_averaging_the_average_is_the_network(eager):
    trainer = make(plan=optimisation(ema=0.0))
    run(trainer, (1, 2))
    for weight, average in zip(
        trainer.generator.get_weights(), trainer.averaged.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(average, weight)


def test_gradients_are_clipped_to_their_norm(eager):
    changes = {}
    for clip_norm in (0.0, 1e-12):
        trainer = make(plan=optimisation(clip_norm=clip_norm))
        before = trainer.state()
        run(trainer, [1])
        after = trainer.state()
        changes[clip_norm] = max(
            abs(after[name] - before[name]).max()
            for name in before
            if name.startswith("generator/")
        )
    # Adam steps by the learning rate whatever the gradient, unless that is far below its epsilon.
    assert changes[0.0] == pytest.approx(1e-3, rel=0.01)
    assert changes[1e-12] < 1e-7


@pytest.mark.parametrize("kind", ["bce", "relativistic", "hinge"])
def test_every_adversarial_kind_moves_both_networks(eager, kind):
    goal = objective(pixel=2.0, adversarial=0.5, adversarial_kind=kind)
    trainer = make(goal=goal)
    before = trainer.state()
    (row,) = run(trainer, [1])
    assert row.keys() == GAN
    assert all(math.isfinite(value) for value in row.values())
    assert row["loss"] == pytest.approx(2 * row["loss_pixel"] + 0.5 * row["loss_adversarial"])
    assert 0 < row["discriminator_fake"] < 1
    assert moved(before, trainer.state()) == {
        "generator",
        "averaged",
        "generator_optimizer",
        "discriminator",
        "discriminator_optimizer",
    }


def test_the_discriminator_learns_to_tell_hr_from_sr(eager):
    goal = objective(pixel=0.0, adversarial=1e-6, adversarial_kind="bce")
    plan = optimisation(learning_rate=1e-9, discriminator_learning_rate=2e-2)
    rows = run(make(goal=goal, plan=plan, discriminator={"spectral_norm": False}), range(1, 9))
    assert rows[-1]["loss_discriminator"] < rows[0]["loss_discriminator"]
    assert rows[-1]["discriminator_real"] > rows[-1]["discriminator_fake"]


def test_each_network_follows_its_own_loss(eager):
    """A first step of one network does not depend on how the other one learns."""
    states = []
    for pixel, rate in ((1.0, 1e-3), (1.0, 1e-2), (5.0, 1e-3)):
        keras.utils.set_random_seed(1)
        trainer = make(
            goal=objective(pixel=pixel, adversarial=0.1),
            plan=optimisation(discriminator_learning_rate=rate),
        )
        run(trainer, [1])
        states.append(trainer.state())
    base, faster_discriminator, more_pixel = states
    assert "generator" not in moved(base, faster_discriminator)
    assert "discriminator" in moved(base, faster_discriminator)
    assert "generator" in moved(base, more_pixel)
    assert "discriminator" not in moved(base, more_pixel)


@pytest.mark.parametrize("architecture", ["srresnet", "notebook"])
def test_batch_norm_statistics_are_learnt_and_averaged(eager, architecture):
    trainer = make(generator={"batch_norm": True, "architecture": architecture})
    norm, average = (
        network.get_layer("body_norm") for network in (trainer.generator, trainer.averaged)
    )
    run(trainer, [1])
    mean = norm.moving_mean.numpy()
    assert np.abs(mean).max() > 0
    np.testing.assert_allclose(average.moving_mean.numpy(), 9 / 11 * mean, rtol=1e-5)
    assert inference.predict(trainer.averaged, batch()[0]).shape == (2, 32, 32, 1)


@pytest.mark.parametrize("architecture", ["patch", "notebook"])
@pytest.mark.parametrize("spectral_norm", [True, False])
def test_every_discriminator_gives_features(eager, architecture, spectral_norm):
    discriminator = {"architecture": architecture, "spectral_norm": spectral_norm, "filters": 2}
    goal = objective(content=0.5, adversarial=0.1)
    (row,) = run(make(discriminator=discriminator, goal=goal), [1])
    assert row.keys() == GAN | {"loss_content"}
    assert row["loss_content"] > 0
    terms = row["loss_pixel"] + 0.5 * row["loss_content"] + 0.1 * row["loss_adversarial"]
    assert row["loss"] == pytest.approx(terms)


def test_lpips_is_a_content_loss(eager, shared_weights):
    file = shared_weights / "lpips_alex.npz"
    goal = objective(pixel=0.0, content=0.5, content_kind="lpips_alex", lpips_weights=file)
    trainer = make(goal=goal)
    before = trainer.state()
    (row,) = run(trainer, [1])
    assert row.keys() == LOSSES | {"loss_content"}
    assert row["loss"] == pytest.approx(0.5 * row["loss_content"])
    assert row["loss_content"] > 0
    assert "generator" in moved(before, trainer.state())


def mixed():
    """A GAN whose generator computes in float16."""
    return make(
        generator={"bicubic_skip": False},
        goal=objective(adversarial=0.1),
        plan=optimisation(mixed_precision=True, clip_norm=1.0),
    )


def test_mixed_precision_trains_in_float16_and_averages_in_float32(eager):
    trainer = mixed()
    assert trainer.generator.compute_dtype == "float16"
    assert trainer.averaged.compute_dtype == "float32"
    assert trainer.discriminator.compute_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"
    before = trainer.state()
    (row,) = run(trainer, [1])
    assert all(math.isfinite(value) for value in row.values())
    assert {"generator", "averaged", "discriminator"} <= moved(before, trainer.state())
    assert all(weight.dtype == np.float32 for weight in trainer.generator.get_weights())


@pytest.mark.parametrize("bicubic_skip", [False, True])
def test_mixed_precision_lowers_the_pixel_loss(bicubic_skip):
    plan = optimisation(learning_rate=5e-3, mixed_precision=True)
    trainer = make(generator={"bicubic_skip": bicubic_skip}, plan=plan)
    curve = [trainer.update(step, *batch())["loss_pixel"] for step in range(1, 41)]
    assert curve[-1] < 0.8 * curve[0]


def gan():
    goal = objective(content=0.1, adversarial=0.1)
    return make(generator={"batch_norm": True}, goal=goal, plan=optimisation(schedule="cosine"))


@pytest.mark.parametrize("build", [make, gan, mixed])
def test_a_restored_state_continues_to_the_bit(eager, build):
    trainer = build()
    run(trainer, (1, 2))
    state = trainer.state()
    rows = run(trainer, (3, 4))
    keras.utils.set_random_seed(99)
    other = build()
    assert not equal(other.state(), state)
    other.load_state(state | {"history": np.zeros(3)})
    assert equal(other.state(), state)
    assert run(other, (3, 4)) == rows
    assert equal(other.state(), trainer.state())


def test_a_state_is_a_copy(eager):
    trainer = make()
    state = trainer.state()
    kept = {name: array.copy() for name, array in state.items()}
    run(trainer, [1])
    assert equal(state, kept)


def test_init_weights_start_both_networks(tmp_path):
    start = networks.build_generator(**GENERATOR)
    start.get_layer("tail").bias.assign([0.25])
    start.save_weights(tmp_path / "start.weights.h5")
    trainer = make(init_weights=tmp_path / "start.weights.h5")
    for network in (trainer.generator, trainer.averaged):
        for weight, expected in zip(network.get_weights(), start.get_weights(), strict=True):
            np.testing.assert_array_equal(weight, expected)


def test_init_weights_of_another_scale_are_the_users_error(tmp_path):
    path = tmp_path / "other.weights.h5"
    networks.build_generator(**GENERATOR | {"scale": 2}).save_weights(path)
    with pytest.raises(InputError, match="holds the weights of another network: up_2") as error:
        make(init_weights=path)
    assert str(path) in str(error.value)
