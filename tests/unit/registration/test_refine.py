"""The fit of seven parameters, and the blur, on two scans whose truth is known exactly."""

import numpy as np
import pytest
from helpers import twin_scans

from sandstone.registration.pairs import Pair, pairs
from sandstone.registration.refine import (
    Units,
    correlation,
    correlation_of,
    find_blur,
    local_correlation,
    refine,
)
from sandstone.registration.scans import Patch
from sandstone.registration.transform import Transform

FINE_UM, COARSE_UM = (2.0, 2.0, 2.0), (6.0, 6.0, 6.0)
SHAPE, COARSE_SHAPE = (60, 66, 72), (20, 22, 24)
CENTRE = (60.0, 66.0, 72.0)
BLUR = 5.0  # µm
TRUE = Transform((2.3, -3.1, 1.7), (0.6, -0.8, 0.5), 1.004, CENTRE)


@pytest.fixture(scope="module")
def scans():
    rock = twin_scans.grains(np.multiply(SHAPE, FINE_UM), size_um=9.0, count=250, seed=1)
    fine = twin_scans.scan(rock, SHAPE, FINE_UM, noise=2.0, seed=2)
    coarse = twin_scans.scan(
        rock, COARSE_SHAPE, COARSE_UM, transform=TRUE, blur_um=BLUR, noise=0.5, seed=3
    )
    return (
        Patch(fine.astype(np.float32), FINE_UM),
        Patch((0.7 * coarse + 40).astype(np.float32), COARSE_UM),
    )


@pytest.fixture(scope="module")
def refined(scans):
    start = Transform(centre_um=CENTRE)
    blocks = list(pairs(*scans, start, 1.5))
    return blocks, refine(blocks, start, Units.of(*scans), (BLUR,) * 3)


def test_the_truth_is_found_to_a_twentieth_of_an_hr_voxel(scans, refined):
    _, found = refined
    corners = np.array(np.meshgrid(*((0, length) for length in np.multiply(SHAPE, FINE_UM))))
    corners = corners.reshape(3, -1).T
    centre_off = np.subtract(found.shift_um, TRUE.shift_um) / FINE_UM
    assert np.abs(centre_off).max() < 0.05
    assert np.abs((found.to_coarse(corners) - TRUE.to_coarse(corners)) / FINE_UM).max() < 0.15
    assert found.scale == pytest.approx(TRUE.scale, abs=1e-3)
    assert np.abs(np.subtract(found.rotation_deg, TRUE.rotation_deg)).max() < 0.1
    assert found.centre_um == CENTRE


def test_the_blur_is_found(scans, refined):
    blocks, found = refined
    assert find_blur(blocks, found, scans[1]) == pytest.approx(BLUR / COARSE_UM[0], abs=0.06)


def test_the_correlation_rises_and_is_that_of_numpy(scans, refined):
    blocks, found = refined
    before, after = (
        correlation(*scans, transform, BLUR / COARSE_UM[0]) for transform in (Transform(), found)
    )
    assert before < after - 0.01
    assert after > 0.985
    sigma = (BLUR,) * 3
    both = [
        (pair.predicted(pair.fine.blurred(sigma), found), pair.seen)
        for pair in pairs(*scans, found, BLUR / COARSE_UM[0])
    ]
    predicted, seen = (np.concatenate(parts) for parts in zip(*both, strict=True))
    assert after == pytest.approx(np.corrcoef(predicted, seen)[0, 1], abs=1e-6)
    assert local_correlation(blocks, found, sigma) == pytest.approx(after, abs=0.02)


def test_the_same_scans_give_the_same_bits(scans):
    start = Transform(centre_um=CENTRE)
    blocks = list(pairs(*scans, start, 1.5))[:1]
    first, second = (refine(blocks, start, Units.of(*scans), (BLUR,) * 3) for _ in range(2))
    assert first == second


def test_apart_there_is_no_correlation(scans):
    assert correlation(*scans, Transform((500.0, 0.0, 0.0)), 1.0) is None


def test_an_outline_in_some_blocks_does_not_make_one_rock_of_two():
    rng = np.random.default_rng(5)

    def block(outline):
        fine = rng.standard_normal((24, 24, 24)) + outline
        coarse = rng.standard_normal((8, 8, 8)) + outline[::3, ::3, ::3]
        inside = np.ones(coarse.shape, bool)
        grids = ((fine, FINE_UM), (coarse, COARSE_UM))
        return Pair(*(Patch(each.astype("f4"), size) for each, size in grids), inside)

    edge = np.zeros((24, 24, 24))
    edge[:, :12] = 20
    blocks = [block(edge), block(0 * edge), block(0 * edge)]
    sigma = (1.0,) * 3
    flat = Patch(20 * blocks[1].coarse.voxels, COARSE_UM)
    blocks[1:] = [Pair(each.fine, flat, each.inside) for each in blocks[1:]]
    assert local_correlation(blocks[:1], Transform(), sigma) > 0.9
    assert abs(local_correlation(blocks, Transform(), sigma)) < 0.3


def test_blocks_of_air_do_not_count(scans, refined):
    blocks, found = refined
    sigma = (BLUR,) * 3
    rng = np.random.default_rng(4)
    air = [
        type(pair)(
            Patch(rng.standard_normal(pair.fine.shape).astype("f4"), FINE_UM, pair.fine.corner_um),
            Patch(rng.standard_normal(pair.coarse.shape).astype("f4"), COARSE_UM),
            pair.inside,
        )
        for pair in blocks
    ]
    assert local_correlation([*air, *air, *blocks], found, sigma) > 0.95
    assert abs(correlation_of(air, found, sigma)) < 0.2
    assert local_correlation([], found, sigma) == 0
