"""The noise of a coarse scan: level, slope and grain, from residuals."""

import numpy as np
import pytest
from helpers.scan_pairs import noise

from sandstone.degradation.noise import fit_noise, grain_of, neighbours_of
from sandstone.imaging import degrade

SHAPE = (8, 64, 64)


def fitted(deviation, grain=0.0, even=None):
    """The fit to residuals of that standard deviation, a function of the grey level."""
    grey = np.random.default_rng(6).random(SHAPE)
    residual = deviation(grey) * noise(SHAPE, grain=grain)
    return fit_noise([residual], [grey], [np.ones(SHAPE, bool) if even is None else even])


@pytest.mark.parametrize("grain", [0.5, 0.8, 1.3, 2.5])
def test_neighbours_tell_the_grain_that_tile_pairs_are_made_with(grain):
    image = degrade.shaped_noise((600, 600), grain, np.random.default_rng(4))
    measured = np.mean(image[1:] * image[:-1]) / np.mean(image**2)
    assert measured == pytest.approx(neighbours_of(grain), abs=0.01)
    assert grain_of(neighbours_of(grain)) == pytest.approx(grain, abs=0.006)


@pytest.mark.parametrize("neighbours", [-0.2, 0.0, 0.05])
def test_what_cannot_be_told_from_white_noise_is_white(neighbours):
    assert grain_of(neighbours) == 0


def test_a_line_of_photon_transfer_is_found():
    found = fitted(lambda grey: np.sqrt(0.0002 + 0.001 * grey))
    assert found.black == pytest.approx(0.0002, rel=0.25)
    assert found.white == pytest.approx(0.0012, rel=0.1)
    assert found.variance_at(np.array([0.0, 1.0])).tolist() == [found.black, found.white]


@pytest.mark.parametrize("grain", [0.0, 0.9])
def test_a_slope_that_is_not_sure_is_none(grain):
    found = fitted(lambda grey: np.full_like(grey, 0.02), grain)
    assert found.black == found.white == pytest.approx(0.0004, rel=0.1)
    assert found.correlation == pytest.approx([grain] * 3, abs=0.05)


def test_only_even_rock_counts():
    even = np.zeros(SHAPE, bool)
    even[:, :, :32] = True
    edges = np.where(even, 1.0, 20.0)
    found = fitted(lambda _grey: 0.02 * edges, even=even)
    assert found.black == pytest.approx(0.0004, rel=0.1)


def test_scans_without_noise_have_none():
    found = fitted(np.zeros_like)
    assert (found.black, found.white, found.correlation) == (0, 0, (0, 0, 0))
