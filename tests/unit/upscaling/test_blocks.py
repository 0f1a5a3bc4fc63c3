import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandstone.errors import InputError
from sandstone.upscaling.blocks import Tiling, mirrored

TILINGS = st.builds(
    Tiling,
    shape=st.tuples(*[st.integers(2, 70)] * 3),
    scale=st.sampled_from([2, 3, 4]),
    axes=st.sampled_from(["z", "mean"]),
    tile=st.integers(12, 48),
    batch=st.integers(1, 9),
    halo=st.integers(2, 25),
)
QUICK = settings(deadline=None, max_examples=40, derandomize=True)


@QUICK
@given(TILINGS)
def test_blocks_cover_the_upscaled_volume_once(tiling):
    seen = np.zeros(tiling.sr_shape, np.uint8)
    for number in range(len(tiling)):
        seen[tiling.region(tiling[number])] += 1
    assert (seen == 1).all()
    assert sum(tiling.voxels(tiling[number]) for number in range(len(tiling))) == np.prod(
        tiling.shape
    )


@QUICK
@given(TILINGS)
def test_chunks_belong_to_one_block_each(tiling):
    places = [place for number in range(len(tiling)) for place in tiling.chunks(tiling[number])]
    counts = [
        -(-length // edge) for length, edge in zip(tiling.sr_shape, tiling.chunk, strict=True)
    ]
    assert len(places) == len(set(places)) == np.prod(counts)


@QUICK
@given(TILINGS, st.integers(1, 12))
def test_slabs_share_the_blocks_evenly(tiling, slabs):
    shares = [tiling.slab(number, slabs) for number in range(slabs)]
    assert [number for share in shares for number in share] == list(range(len(tiling)))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@QUICK
@given(TILINGS)
def test_no_block_exceeds_the_tile(tiling):
    most = max(1, tiling.tile // 2) if tiling.axes == "mean" else tiling.tile
    assert max(tiling.block[1:]) <= most
    assert tiling.axes == "z" or tiling.block[0] <= most


@QUICK
@given(TILINGS)
def test_sources_are_the_voxels_of_the_mirrored_volume(tiling):
    for number in {0, len(tiling) - 1}:
        block = tiling[number]
        for axis in range(3):
            margin, edge = tiling.margin[axis], tiling.block[axis]
            pad = margin + edge
            line = np.pad(np.arange(tiling.shape[axis]), pad, mode="reflect")
            first = block.origin[axis] - margin + pad
            np.testing.assert_array_equal(
                tiling.sources(block, axis), line[first : first + edge + 2 * margin]
            )


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_mirrored_is_what_numpy_pads(length):
    expected = np.pad(np.arange(length), 20, mode="reflect")
    np.testing.assert_array_equal(mirrored(np.arange(-20, length + 20), length), expected)


def test_a_single_slice_is_a_volume():
    tiling = Tiling((1, 30, 40), scale=4, axes="z", tile=16, batch=4, halo=5)
    assert tiling.sr_shape == (1, 120, 160)
    assert tiling.call == tiling.block[0] == 1


@pytest.mark.parametrize(
    ("shape", "axes", "axis"),
    [((9, 1, 9), "z", "y"), ((9, 9, 1), "z", "x"), ((1, 9, 9), "mean", "z")],
)
def test_a_volume_one_voxel_wide_is_refused(shape, axes, axis):
    with pytest.raises(InputError, match=f"single voxel along {axis}"):
        Tiling(shape, scale=4, axes=axes, tile=16, batch=4, halo=5)


def test_other_slabs_change_no_block():
    tiling = Tiling((30, 45, 210), scale=3, axes="z", tile=32, batch=4, halo=9)
    assert {field.name for field in dataclasses.fields(tiling)}.isdisjoint({"slab", "slabs"})


def test_a_number_beyond_the_last_block_is_refused():
    tiling = Tiling((4, 8, 8), scale=2, axes="z", tile=8, batch=4, halo=2)
    with pytest.raises(IndexError, match="not within 0:1"):
        tiling[1]


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
def test_chunks_of_a_thick_volume_are_thick(scale):
    for depth in range(40, 300):
        tiling = Tiling((depth, 50, 50), scale, "mean", 128, 1, 20)
        assert tiling.block[0] <= 64
        assert tiling.block[0] * scale % tiling.chunk[0] == 0
        assert tiling.chunk[0] >= 15


@pytest.mark.parametrize(
    ("depth", "scale", "tile", "blocks"),
    [(64, 3, 128, (1, 64)), (128, 3, 128, (2, 64)), (50, 4, 100, (1, 50)), (35, 4, 70, (1, 35))],
)
def test_thick_chunks_cost_no_blocks(depth, scale, tile, blocks):
    tiling = Tiling((depth, 50, 50), scale, "mean", tile, 1, 20)
    assert (tiling.counts[0], tiling.block[0]) == blocks


def test_a_thin_volume_is_one_block_deep():
    assert Tiling((5, 50, 50), 4, "mean", 128, 1, 20).block == (5, 50, 50)
