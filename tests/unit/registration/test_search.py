"""The whole shift between two arrays, wherever and however much they overlap."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sandstone.registration.scans import Patch
from sandstone.registration.search import best_shift, common_voxels


def rock(shape, seed=0):
    noise = np.random.default_rng(seed).standard_normal(shape)
    return gaussian_filter(noise, 1.2)


WHOLE = rock((40, 44, 50))


@pytest.mark.parametrize(
    ("fine", "coarse"),
    [
        ((slice(0, 40), slice(0, 44), slice(0, 50)), (slice(0, 40), slice(0, 44), slice(0, 50))),
        ((slice(12, 28), slice(3, 20), slice(30, 45)), (slice(0, 40), slice(0, 44), slice(0, 50))),
        ((slice(0, 40), slice(0, 44), slice(0, 50)), (slice(5, 25), slice(20, 44), slice(0, 20))),
        ((slice(0, 30), slice(0, 44), slice(0, 30)), (slice(10, 40), slice(8, 44), slice(15, 50))),
        ((slice(0, 40), slice(0, 44), slice(0, 30)), (slice(0, 40), slice(0, 44), slice(20, 50))),
    ],
    ids=["the same field", "fine inside", "coarse inside", "parts of each", "a third"],
)
def test_the_shift_is_found(fine, coarse):
    match = best_shift(WHOLE[fine], 300 - 40 * -WHOLE[coarse])
    assert match.shift == tuple(a.start - b.start for a, b in zip(fine, coarse, strict=True))
    assert match.correlation == pytest.approx(1, abs=1e-6)


def test_it_is_found_under_noise_as_strong_as_the_rock():
    rng = np.random.default_rng(5)
    part = (slice(9, 29), slice(11, 33), slice(7, 30))
    noise = WHOLE.std()
    seen = [each + noise * rng.standard_normal(each.shape) for each in (WHOLE[part], WHOLE)]
    assert best_shift(*seen).shift == (9, 11, 7)


def test_few_voxels_cannot_win_by_chance():
    other = rock(WHOLE.shape, seed=9)
    match = best_shift(WHOLE, other)
    assert match.correlation < 0.5
    assert match.distinct < 2
    assert best_shift(WHOLE[:20], WHOLE).distinct > 10
    assert best_shift(np.zeros((5, 5, 5)), WHOLE).score == 0


def test_common_voxels_keep_the_outer_corner():
    fine = Patch(np.tile(np.arange(24.0, dtype=np.float32), (8, 12, 1)), (4.0, 2.0, 1.0))
    common = common_voxels(fine, 4.0)
    assert common.shape == (8, 6, 6)
    # A cube covers four voxels along x: their mean, away from the faces.
    np.testing.assert_allclose(common[4, 3, 1:-1], [5.5, 9.5, 13.5, 17.5], atol=0.02)


def test_a_shift_in_micrometres():
    assert best_shift(WHOLE[3:33], WHOLE).shift_um(6.0) == (18.0, 0.0, 0.0)
