"""Blocks of two scans side by side: which, what they need, and how they correlate."""

import numpy as np
import pytest

from sandstone.registration import pairs as module
from sandstone.registration.pairs import Correlation, boxes, is_inside, overlap, pairs, sample
from sandstone.registration.scans import Patch
from sandstone.registration.transform import Transform, centres_um

FINE_UM, COARSE_UM = (2.0, 2.0, 2.0), (6.0, 6.0, 6.0)
NO_MARGIN = (0.0, 0.0, 0.0)


def empty(shape, size):
    return Patch(np.zeros(shape, np.float32), size)


def ramp(shape, size, slope=(1.0, 0.5, -0.25)):
    z, y, x = np.meshgrid(*centres_um(shape, size), indexing="ij")
    levels = slope[0] * z + slope[1] * y + slope[2] * x
    return Patch(levels.astype(np.float32), size)


@pytest.mark.parametrize(
    "transform",
    [
        Transform(),
        Transform((2.6, -1.2, 0.7)),
        Transform((1.0, 2.0, -1.0), (1.0, -2.0, 3.0), 1.01, (30.0, 30.0, 30.0)),
    ],
)
def test_a_linear_rock_is_sampled_where_the_transform_says(transform):
    fine, coarse = ramp((30, 33, 36), FINE_UM), empty((10, 11, 12), COARSE_UM)
    inside = is_inside(transform, fine, coarse, NO_MARGIN)
    z, y, x = np.meshgrid(*centres_um(coarse.shape, COARSE_UM), indexing="ij")
    places = transform.to_fine(np.stack([z, y, x], axis=-1))
    expected = places @ np.array([1.0, 0.5, -0.25])
    ends = np.multiply(fine.shape, FINE_UM)
    within = ((places >= 1e-6) & (places <= ends - 1e-6)).all(axis=-1)
    assert within.sum() > 500
    np.testing.assert_array_equal(inside, within)
    deep = is_inside(transform, fine, coarse, (1.0, 1.0, 1.0))
    sampled = sample(fine, transform, coarse)
    np.testing.assert_allclose(sampled[deep], expected[deep], atol=1e-3)


def test_a_part_of_the_fine_scan_gives_the_same_as_the_whole():
    fine, coarse = ramp((60, 60, 60), FINE_UM), ramp((20, 20, 20), COARSE_UM)
    transform = Transform((1.3, 0.4, -2.2), (0.5, 0.5, -1.0), 1.0, (60.0, 60.0, 60.0))
    for pair in pairs(fine, coarse, transform, 0.5):
        np.testing.assert_allclose(
            pair.predicted(pair.fine, transform),
            sample(fine, transform, pair.coarse)[pair.inside],
            atol=1e-3,
        )


def test_voxels_near_the_faces_of_the_fine_scan_do_not_count():
    fine, coarse = empty((30, 30, 30), FINE_UM), empty((10, 10, 10), COARSE_UM)
    (pair,) = pairs(fine, coarse, Transform(), 1.0)
    assert pair.inside[1:-1, 1:-1, 1:-1].all()
    assert pair.inside.sum() == 8**3


def test_blocks_fill_a_small_overlap_once():
    fine, coarse = empty((60, 120, 250), FINE_UM), empty((50, 50, 90), COARSE_UM)
    transform = Transform((30.0, 0.0, 24.0))
    assert overlap(fine, coarse, transform) == (slice(5, 25), slice(0, 40), slice(4, 88))
    counted = np.zeros(coarse.shape, int)
    for box in boxes(fine, coarse, transform):
        counted[box] += 1
    assert counted.max() == 1
    assert counted[5:25, 0:40, 4:88].all()
    assert counted.sum() == 20 * 40 * 84


def test_blocks_of_a_large_overlap_are_few_and_spread_over_all_of_it():
    class Huge:
        shape, voxel_size_um = (4000, 4000, 4000), FINE_UM

    class Coarse:
        shape, voxel_size_um = (1000, 1000, 1000), (8.0, 8.0, 8.0)

    found = boxes(Huge(), Coarse(), Transform())
    assert len(found) == module.MOST_BLOCKS
    assert {tuple(part.stop - part.start for part in box) for box in found} == {(32, 32, 32)}
    starts = sorted({box[0].start for box in found})
    assert starts == [150, 484, 817]


def test_fine_parts_stay_small_however_large_the_ratio():
    class Fine:
        shape, voxel_size_um = (9000, 9000, 9000), (1.0, 1.0, 1.0)

    class Coarse:
        shape, voxel_size_um = (900, 900, 900), (10.0, 10.0, 10.0)

    edges = {part.stop - part.start for box in boxes(Fine(), Coarse(), Transform()) for part in box}
    assert edges == {8}


def test_fields_apart_have_no_blocks():
    fine, coarse = empty((30, 30, 30), FINE_UM), empty((10, 10, 10), COARSE_UM)
    apart = Transform((0.0, 61.0, 0.0))
    assert overlap(fine, coarse, apart) is None
    assert boxes(fine, coarse, apart) == []
    assert list(pairs(fine, coarse, apart, 1.0)) == []


def test_a_correlation_in_parts_is_that_of_the_whole():
    rng = np.random.default_rng(0)
    a = rng.standard_normal(500)
    b = 40000 + 3 * a + rng.standard_normal(500)
    total = Correlation()
    for part in (slice(0, 7), slice(7, 400), slice(400, 500)):
        total.add(a[part], b[part])
    assert total.count == 500
    assert total.value == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-9)


def test_what_is_constant_correlates_with_nothing():
    total = Correlation()
    total.add(np.ones(9), np.arange(9.0))
    assert total.value == 0
