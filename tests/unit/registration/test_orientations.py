"""The 48 orientations: told apart, named, undone."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sandstone.registration.orientations import ALL, AS_IT_IS, Orientation, binned, orientation_of

ROCK = gaussian_filter(np.random.default_rng(0).standard_normal((18, 22, 26)), 1.2)
NAMES = {
    ((0, 1, 2), (True, False, False)): "mirrored along z, upside down",
    ((0, 1, 2), (False, False, True)): "mirrored along x",
    ((0, 1, 2), (True, False, True)): "turned by 180° about y, upside down",
    ((0, 1, 2), (False, True, True)): "turned by 180° about z",
    ((0, 2, 1), (False, True, False)): "turned by 90° about z",
    ((0, 2, 1), (False, False, True)): "turned by 90° about z",
    ((0, 2, 1), (False, False, False)): "saved with the axes y and x swapped",
    ((2, 1, 0), (False, False, False)): "saved with the axes z and x swapped",
    ((1, 2, 0), (False, False, False)): "saved with its axes in another order (y, x, z)",
}


def test_there_are_48():
    turned = {each.applied(ROCK).tobytes() for each in ALL}
    assert len(turned) == len(ALL) == 48
    assert ALL[0] == AS_IT_IS
    assert sum(each.is_mirrored for each in ALL) == 24


@pytest.mark.parametrize("orientation", ALL, ids=lambda each: each.name)
def test_the_remedy_undoes_it(orientation):
    lr = orientation.applied(ROCK)
    np.testing.assert_array_equal(eval(orientation.remedy, {"np": np, "lr": lr}), ROCK)  # noqa: S307


@pytest.mark.parametrize("known", NAMES)
def test_it_has_a_name_of_the_field(known):
    assert Orientation(*known).name == NAMES[known]


@pytest.mark.parametrize("orientation", ALL[::9], ids=lambda each: each.name)
def test_it_is_recognised_in_a_part_of_the_rock(orientation):
    noise = 0.3 * ROCK.std() * np.random.default_rng(1).standard_normal(ROCK.shape)
    coarse = orientation.applied(ROCK + noise)[2:, 1:-2, 3:]
    found, match = orientation_of(ROCK, coarse)
    assert found == orientation
    assert match.correlation > 0.9


def test_an_outline_that_looks_the_same_turned_names_no_orientation():
    y, x = np.ogrid[:22, :22]
    plug = np.tile(3.0 * (np.hypot(y - 10.5, x - 10.5) < 9), (18, 1, 1))
    first, second = (
        plug * (1 + 0.2 * np.random.default_rng(seed).standard_normal(plug.shape))
        for seed in (1, 2)
    )
    assert orientation_of(first, second)[0] == AS_IT_IS


def test_bins_are_cubes():
    voxels = np.arange(4 * 5 * 6.0).reshape(4, 5, 6)
    assert binned(voxels, 2).shape == (2, 2, 3)
    assert binned(voxels, 2)[0, 0, 0] == voxels[:2, :2, :2].mean()
    assert binned(voxels, 1) is voxels
