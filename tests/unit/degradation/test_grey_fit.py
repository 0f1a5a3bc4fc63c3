"""The map of grey levels that is fitted: it rises, bends gently, and ignores a few voxels."""

import numpy as np
import pytest

from sandstone.degradation.grey_map import KNOTS, fit_grey_map
from sandstone.errors import InputError

RNG = np.random.default_rng(8)
FINE = np.concatenate([RNG.normal(0.3, 0.03, 9000), RNG.normal(0.7, 0.03, 30000), RNG.random(6000)])
MAPS = {
    "gain": lambda levels: 12 + 230 * levels,
    "curve": lambda levels: 500 + 3000 * (levels + 0.4 * levels**2),
    "other way": lambda levels: 100 * np.sqrt(np.maximum(levels, 0) + 0.3),
    "nearly flat": lambda levels: 40000 + 0.5 * levels,
}


@pytest.mark.parametrize("name", MAPS)
def test_a_map_is_found_through_outliers(name):
    true = MAPS[name]
    coarse = true(FINE) + 0.02 * np.ptp(true(np.array([0.0, 1.0]))) * RNG.standard_normal(len(FINE))
    coarse[::100] = coarse.max() * 3
    found, bins = fit_grey_map(FINE, coarse)
    levels = np.linspace(0.1, 0.9, 30)
    span = np.ptp(true(levels))
    assert np.abs(found.to_coarse(levels) - true(levels)).max() < 0.015 * span
    assert sum(bins.counts) > 0.95 * len(FINE)


def test_whole_levels_are_no_steps():
    coarse = np.rint(10 * FINE)
    _, bins = fit_grey_map(FINE, coarse)
    assert np.median(np.abs(np.array(bins.coarse) - 10 * np.array(bins.fine))) < 0.3


def test_scatter_within_a_mineral_does_not_flatten_the_map():
    """Two minerals, whose scatter the coarse scan does not share."""
    seen = np.where(FINE > 0.5, 0.7, 0.3)
    found, _ = fit_grey_map(FINE[:39000], 200 * seen[:39000] + RNG.standard_normal(39000))
    assert found.to_coarse(np.array(0.7)) - found.to_coarse(np.array(0.3)) == pytest.approx(
        80, rel=0.1
    )


def test_a_map_that_would_turn_rises():
    found, _ = fit_grey_map(FINE, 100 - 300 * (FINE - 0.6) ** 2 + 40 * FINE)
    assert len(found.fine) == KNOTS
    assert (np.diff(found.coarse) > 0).all()
    levels = np.linspace(*found.fine[:: KNOTS - 1], 20)
    np.testing.assert_allclose(found.to_fine(found.to_coarse(levels)), levels)


@pytest.mark.parametrize("coarse", [-FINE, np.zeros_like(FINE)], ids=["falling", "flat"])
def test_levels_that_do_not_rise_are_told(coarse):
    with pytest.raises(InputError, match="does not grow brighter with the fine one; check the"):
        fit_grey_map(FINE, coarse)


def test_a_fine_scan_of_one_level_is_told():
    with pytest.raises(InputError, match="does not grow brighter"):
        fit_grey_map(np.full(900, 0.5), RNG.random(900))
