import math

import pytest

from sandstone.errors import Stop
from sandstone.training import early_stops

CALM = {"learning_rate": 1e-3, "loss": 0.1, "loss_pixel": 0.1}
WINDOW = early_stops.WINDOW


def rows(count, **values):
    return [{"step": step, **CALM, **values} for step in range(1, count + 1)]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["loss", "loss_discriminator", "discriminator_real", "val_ssim"])
def test_a_value_that_is_not_finite_ends_the_training(name, value):
    history = rows(3)
    history[-1][name] = value
    with pytest.raises(early_stops.TrainingFailed) as failure:
        early_stops.check(history)
    assert str(failure.value).startswith(f"{name} is {value} at step 3: lower the learning rate")
    assert failure.value.exit_code == 3
    assert isinstance(failure.value, Stop)


def test_a_perfect_validation_is_no_failure():
    early_stops.check(rows(1, val_psnr_db=math.inf, val_ssim=1.0))


def test_a_validation_of_nan_is_a_failure():
    with pytest.raises(early_stops.TrainingFailed, match="val_psnr_db is nan"):
        early_stops.check(rows(1, val_psnr_db=math.nan, val_ssim=math.nan))


def test_a_collapsed_discriminator_ends_the_training_after_the_window():
    history = rows(WINDOW + 10, discriminator_real=0.999, discriminator_fake=0.001)
    for step in range(1, WINDOW):
        early_stops.check(history[:step])
    with pytest.raises(early_stops.TrainingFailed, match=f"has won by step {WINDOW}") as failure:
        early_stops.check(history[:WINDOW])
    assert "lower discriminator_learning_rate" in str(failure.value)


def test_a_spell_of_certainty_is_no_failure():
    certain = rows(WINDOW - 10, discriminator_real=0.999, discriminator_fake=0.001)
    healthy = rows(WINDOW, discriminator_real=0.6, discriminator_fake=0.4)
    history = healthy + certain + healthy
    for end in range(1, len(history) + 1):
        early_stops.check(history[:end])


@pytest.mark.parametrize(
    ("real", "fake"),
    [(0.5, 0.5), (0.98, 0.001), (0.999, 0.02), (0.001, 0.999), (0.999, 0.999)],
)
def test_a_discriminator_with_doubts_is_no_failure(real, fake):
    early_stops.check(rows(2 * WINDOW, discriminator_real=real, discriminator_fake=fake))


def test_a_training_without_discriminator_is_no_failure():
    early_stops.check(rows(2 * WINDOW))
