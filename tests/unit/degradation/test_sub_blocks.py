"""Sub-blocks of two scans: where they lie, what they hold, how few are held."""

import numpy as np
import pytest
from helpers.scan_pairs import ScanPair
from scipy.ndimage import affine_transform

from sandstone.degradation import sub_blocks
from sandstone.degradation.sub_blocks import Overlap
from sandstone.errors import InputError
from sandstone.registration.transform import Transform


@pytest.fixture(scope="module")
def pair():
    return ScanPair()


def overlap(fine=(400, 900, 900), scale=3, origin=(0, 0, 0), **transform):
    return Overlap(
        transform=Transform(**transform),
        fine_shape=fine,
        fine_origin=origin,
        fine_voxel_size_um=(2.0,) * 3,
        coarse_shape=tuple(length // scale for length in fine),
        coarse_voxel_size_um=(2.0 * scale,) * 3,
        scale=scale,
    )


def everywhere(scans):
    return lambda _z: np.ones(scans.fine_shape[1:], bool)


def test_voxels_go_there_and_back():
    scans = overlap(origin=(5, 7, 9), shift_um=(3, -4, 5), rotation_deg=(1, 2, 3), scale=1.01)
    voxels = np.array([[0, 0, 0], [30, 40, 50.5]])
    np.testing.assert_allclose(scans.to_coarse(scans.to_fine(voxels)), voxels, atol=1e-9)


def test_areas_coincide_where_nothing_is_registered():
    np.testing.assert_allclose(overlap().to_fine(np.array([0, 0, 10])), [1, 1, 31], atol=1e-9)
    moved = overlap(origin=(1, 0, 30)).to_fine(np.array([0, 0, 10]))
    np.testing.assert_allclose(moved, [0, 1, 1], atol=1e-9)


def test_blocks_are_spread_do_not_overlap_and_have_their_surroundings():
    scans = overlap()
    boxes = sub_blocks.choose(scans, everywhere(scans))
    assert 10 < len(boxes) <= sub_blocks.MOST_BLOCKS
    starts = np.array([box.start for box in boxes])
    assert len(np.unique(starts, axis=0)) == len(boxes)
    assert (np.ptp(starts, axis=0) > np.array(scans.coarse_shape) / 3).all()
    for box in boxes:
        for axis, around, length in zip(box.fine_box(), box.slices, scans.fine_shape, strict=True):
            assert axis.start >= 0
            assert axis.stop <= length
            assert axis.stop - axis.start >= 3 * (around.stop - around.start) + 2 * scans.reach - 4


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_memory_does_not_grow_with_the_scans(scale):
    scans = overlap(fine=(2000, 4000, 4000), scale=scale)
    boxes = sub_blocks.choose(scans, everywhere(scans))
    held = sum(np.prod([axis.stop - axis.start for axis in box.fine_box()]) for box in boxes)
    assert held < 1.3 * sub_blocks.MOST_VOXELS


def test_blocks_lie_in_the_rock():
    scans = overlap()
    y, x = np.ogrid[:900, :900]
    plug = np.hypot(y - 450, x - 450) < 300
    for box in sub_blocks.choose(scans, lambda _z: plug):
        _, rows, columns = box.fine_box()
        assert plug[rows, columns].any()
        middle = [(axis.start + axis.stop) // 2 for axis in (rows, columns)]
        assert plug[tuple(middle)]


def test_a_block_holds_what_both_scans_show_in_one_place(pair):
    block = pair.blocks()[0]
    z, y, x = (np.rint(each).astype(int) for each in block.positions)
    shown = block.fine[np.ix_(z, y, x)]
    assert np.corrcoef(shown.ravel(), block.coarse.ravel())[0, 1] > 0.8
    assert block.rock.all()
    assert block.rock.shape == block.coarse.shape


def test_each_fine_slice_is_read_once(pair):
    asked = []

    def read_fine(z):
        asked.append(z)
        return pair.fine[z]

    rock = np.ones(pair.shape[1:], bool)
    sub_blocks.read(
        sub_blocks.choose(pair.overlap(), lambda _z: rock),
        read_fine=read_fine,
        read_rock=lambda _z: rock,
        read_coarse=lambda z, y, x: pair.coarse[z, y, x],
    )
    assert asked == sorted(set(asked))


def test_a_turned_fine_scan_is_turned_back():
    """The fine scan is turned by four degrees about z; the block must look as if it were not."""
    transform = Transform((0, 0, 0), (4, 0, 0), 1.0, (64.0, 120.0, 120.0))
    matrix = transform.matrix
    centre = np.array(transform.centre_um) / 2 - 0.5
    pair = ScanPair(scale=3, shift=(0, 0, 0), shape=(64, 120, 120), fine_noise=0)
    plain = pair.blocks()[0]
    pair.fine = affine_transform(pair.fine, matrix, centre - matrix @ centre, order=3)
    back = pair.blocks(transform)[0]
    z, y, x = (np.rint(each).astype(int) for each in back.positions)
    expected = plain.fine[np.ix_(*(np.rint(each).astype(int) for each in plain.positions))]
    shown = back.fine[np.ix_(z, y, x)]
    assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.97


def test_scans_that_share_too_little_are_told():
    scans = overlap(fine=(48, 900, 900))
    with pytest.raises(InputError, match=r"too thin .* with 20 fine voxels around it, 2 x 286 x"):
        sub_blocks.choose(scans, everywhere(scans))


def test_scans_that_lie_apart_are_told():
    scans = overlap(shift_um=(3000, 0, 0))
    with pytest.raises(InputError, match=r"too thin .* 0 x .* check the registration"):
        sub_blocks.choose(scans, everywhere(scans))


def test_scans_without_rock_are_told():
    with pytest.raises(InputError, match=r"lies in the rock; check slices\.field_of_view"):
        sub_blocks.choose(overlap(), lambda _z: np.zeros((900, 900), bool))
