"""Intervals from several trainings: they hold another training, and the truth where it is alike."""

import math

import numpy as np
import pytest

from sandstone.petrophysics.spread import spread


def test_the_interval_holds_one_more_of_the_kind_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(10, 3, 20_000)
    values = truth + rng.normal(0, 0.5, (4, truth.size))
    another = truth + rng.normal(0, 0.5, truth.size)
    assert spread(values, another, 0.9).held == pytest.approx(90, abs=1)


def test_an_error_that_all_share_is_not_held() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(10, 3, 500)
    values = truth - 5 + rng.normal(0, 0.1, (3, truth.size))
    found = spread(values, truth, 0.9)
    assert found.held < 5
    assert found.high < truth.mean()


def test_the_interval_is_that_of_student() -> None:
    found = spread(np.array([[1.0], [2.0], [3.0]]), np.array([2.0]), 0.95)
    reach = 4.302653 * math.sqrt(4 / 3)
    assert (found.low, found.high) == pytest.approx((2 - reach, 2 + reach), rel=1e-5)
    assert found.held == 100


def test_an_image_without_a_number_counts_for_none() -> None:
    values = np.array([[1.0, math.nan, 5.0], [1.2, 2.0, 5.0]])
    hr = np.array([1.1, 2.0, math.nan])
    assert spread(values, hr, 0.9) == spread(values[:, :1], hr[:1], 0.9)


@pytest.mark.parametrize("values", [np.ones((1, 3)), np.full((2, 3), math.nan)])
def test_one_training_or_no_number_gives_none(values: np.ndarray) -> None:
    assert all(map(math.isnan, spread(values, np.ones(3), 0.9)))
