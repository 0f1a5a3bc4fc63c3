"""Scans as registration reads them: boxes, means, clipped levels, what is no level."""

import numpy as np
import pytest
from helpers.twin_scans import InMemory

from sandstone.errors import InputError
from sandstone.registration.scans import Patch, Scan

SIZE = (4.0, 2.0, 2.0)


def noise(shape=(8, 12, 15), dtype=np.uint16):
    return np.random.default_rng(0).integers(100, 200, shape).astype(dtype)


def test_a_box_knows_where_it_lies():
    voxels = noise()
    patch = Scan(InMemory(voxels, SIZE), "the fine scan").block(
        (slice(2, 5), slice(1, 9), slice(3, 4))
    )
    np.testing.assert_array_equal(patch.voxels, voxels[2:5, 1:9, 3:4])
    assert patch.voxels.dtype == np.float32
    assert patch.corner_um == (8.0, 2.0, 6.0)
    inner = patch.block((slice(1, 2), slice(0, 4), slice(0, 1)))
    assert inner.corner_um == (12.0, 2.0, 6.0)
    np.testing.assert_array_equal(inner.voxels, voxels[3:4, 1:5, 3:4])


def test_means_fill_bins_from_the_outer_corner_on():
    voxels = noise()
    binned = Scan(InMemory(voxels, SIZE), "the fine scan").binned(6.0)
    assert binned.voxel_size_um == (4.0, 6.0, 6.0)
    assert binned.shape == (8, 4, 5)
    np.testing.assert_allclose(
        binned.voxels, voxels.reshape(8, 4, 3, 5, 3).mean(axis=(2, 4)), rtol=1e-6
    )


def test_what_fills_no_bin_is_left_out():
    assert Scan(InMemory(noise(), SIZE), "it").binned(8.0).shape == (4, 3, 3)


def test_a_ratio_that_floats_round_down_is_whole():
    assert Scan(InMemory(noise(), (2.12,) * 3), "it").binned(3 * 2.12).shape == (2, 4, 5)
    assert Scan(InMemory(noise(), (0.7,) * 3), "it").binned(2.1).shape == (2, 4, 5)


@pytest.mark.parametrize("outside", [-1e30, 1e30])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_what_was_not_scanned_weighs_nothing(outside, share):
    voxels = noise(dtype=np.float32)
    missing = np.random.default_rng(1).random(voxels.shape) < share
    voxels[missing] = outside
    read = Scan(InMemory(voxels, SIZE), "it").block((slice(0, 8), slice(0, 12), slice(0, 15)))
    assert 100 <= read.voxels.min() <= read.voxels.max() < 200
    assert (read.voxels[missing] <= 101).all()


def test_a_few_hot_voxels_are_clipped():
    voxels = noise((20, 60, 60)).astype(np.float32)
    voxels[3, 4, 5] = 1e8
    read = Scan(InMemory(voxels, SIZE), "it").block((slice(3, 4), slice(4, 5), slice(5, 6)))
    assert read.voxels.max() < 1000


@pytest.mark.parametrize(
    ("voxels", "level"),
    [
        (np.full((4, 5, 6), 90, np.uint8), "constant, grey level 90"),
        (np.full((4, 5, 6), -1e30, np.float32), "empty"),
    ],
)
def test_a_scan_of_one_level_is_refused(voxels, level):
    with pytest.raises(InputError, match=rf"lr\.tif: the coarse scan is {level}"):
        Scan(InMemory(voxels, SIZE, "lr.tif"), "the coarse scan")


def test_a_blur_is_as_wide_along_every_axis_in_micrometres():
    voxels = np.zeros((21, 41, 41), np.float32)
    voxels[10, 20, 20] = 1
    blurred = Patch(voxels, SIZE).blurred((4.0, 4.0, 4.0)).voxels
    assert blurred[11, 20, 20] == pytest.approx(blurred[10, 22, 20], rel=0.2)
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
