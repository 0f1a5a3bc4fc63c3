import itertools
import math

import pytest

from sandstone.training import schedules


def factors(steps=100, **options):
    settings = {"schedule": "constant", "steps": steps, "decay_every": 10, "decay_rate": 0.5}
    return [
        schedules.learning_rate_factor(step, **settings | options) for step in range(1, steps + 1)
    ]


def test_constant_is_one_throughout():
    assert set(factors()) == {1.0}


def test_cosine_falls_from_one_to_almost_zero():
    values = factors(schedule="cosine")
    assert values[0] == 1
    assert values[50] == pytest.approx(0.5)
    assert values[25] == pytest.approx((1 + math.sqrt(0.5)) / 2)
    assert 0 < values[-1] < 1e-3
    assert all(later < earlier for earlier, later in itertools.pairwise(values))


def test_a_training_of_one_step_has_a_learning_rate():
    assert factors(steps=1, schedule="cosine") == [1]


def test_step_drops_after_every_so_many_steps():
    values = factors(steps=25, schedule="step", decay_every=10, decay_rate=0.1)
    assert values == pytest.approx([1] * 10 + [0.1] * 10 + [0.01] * 5)


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="'linear' is none of constant, cosine, step"):
        factors(schedule="linear")


def test_the_averaging_warms_up_to_its_decay():
    decays = [schedules.averaging_decay(step, ema=0.99) for step in range(1, 2001)]
    assert decays[0] == pytest.approx(2 / 11)
    assert decays == sorted(decays)
    assert decays[-1] == 0.99


def test_without_averaging_the_decay_is_zero():
    assert schedules.averaging_decay(1000, ema=0.0) == 0
