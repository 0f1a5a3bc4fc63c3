import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation

from sandstone.dataset.tiles import largest_tile, place_tiles


def disc(size, radius):
    y, x = np.mgrid[:size, :size] - (size - 1) / 2
    return y**2 + x**2 < radius**2


@st.composite
def layouts(draw):
    """Blobs of rock, and tiles whose edges and steps are multiples of the scale."""
    scale = draw(st.sampled_from([1, 2, 3, 4]))
    size = scale * draw(st.integers(1, 5))
    stride = scale * draw(st.integers(1, size // scale))
    shape = draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    seeds = np.random.default_rng(draw(st.integers(0, 999))).random(shape) < 0.02
    mask = binary_dilation(seeds, iterations=draw(st.integers(0, 12)), mask=None)
    return mask, size, stride, scale


@settings(max_examples=150, deadline=None)
@given(layouts())
def test_tiles_lie_in_the_rock_on_the_lr_grid_and_apart(layout):
    mask, size, stride, scale = layout
    corners = place_tiles(mask, size=size, stride=stride, multiple_of=scale)
    assert corners == sorted(set(corners))
    assert corners == place_tiles(mask, size=size, stride=stride, multiple_of=scale)
    for y, x in corners:
        assert mask[y : y + size, x : x + size].shape == (size, size)
        assert mask[y : y + size, x : x + size].all()
        assert y % scale == x % scale == 0
    for i, (y, x) in enumerate(corners):
        assert all(abs(y - v) >= stride or abs(x - u) >= stride for v, u in corners[i + 1 :]), (
            "tiles come nearer than the stride"
        )


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_the_largest_tile_is_the_largest(layout):
    mask, _, _, scale = layout
    fitting = [
        size
        for size in range(scale, min(mask.shape) + 1, scale)
        for y in range(0, mask.shape[0] - size + 1, scale)
        for x in range(0, mask.shape[1] - size + 1, scale)
        if mask[y : y + size, x : x + size].all()
    ]
    assert largest_tile(mask, scale) == max(fitting, default=0)


@pytest.mark.parametrize(("shape", "count"), [((64, 64), 16), ((79, 70), 16), ((15, 100), 0)])
def test_a_full_mask_holds_as_many_tiles_as_fit(shape, count):
    corners = place_tiles(np.ones(shape, bool), size=16, stride=16, multiple_of=4)
    assert len(corners) == count


def test_a_run_shares_its_slack_between_both_ends():
    corners = place_tiles(np.ones((16, 56), bool), size=16, stride=16, multiple_of=4)
    assert corners == [(0, 4), (0, 20), (0, 36)]


@pytest.mark.parametrize("height", [48, 52, 56, 63, 64])
@pytest.mark.parametrize("stride", [8, 16])
def test_bands_share_their_slack_between_top_and_bottom(height, stride):
    corners = place_tiles(np.ones((height, 16), bool), size=16, stride=stride, multiple_of=4)
    tops = [y for y, _ in corners]
    below = height - (tops[-1] + 16)
    assert set(np.diff(tops)) == {stride}
    assert max(tops[0], below) < stride
    assert 0 <= below - tops[0] < 2 * 4


def test_the_bands_of_a_plug_lie_around_its_axis():
    plug = np.pad(disc(768, 370), ((0, 100), (0, 0)))
    corners = place_tiles(plug, size=128, stride=64, multiple_of=4)
    tops = sorted({y for y, _ in corners})
    assert abs((tops[0] + tops[-1] + 128) / 2 - 768 / 2) <= 4


@settings(max_examples=60, deadline=None)
@given(layouts())
def test_central_bands_cost_no_tile(layout):
    """The most tiles of any choice of bands, counted without asking where the bands lie."""
    mask, size, stride, scale = layout
    full = {
        y: len(place_tiles(mask[y : y + size], size=size, stride=stride, multiple_of=scale))
        for y in range(0, mask.shape[0] - size + 1, scale)
    }
    most = dict.fromkeys(range(mask.shape[0] + size + scale), 0)
    for y in sorted(full, reverse=True):
        most[y] = max(most[y + scale], full[y] + most[y + stride])
    assert len(place_tiles(mask, size=size, stride=stride, multiple_of=scale)) == most[0]


def test_every_run_of_a_band_takes_tiles():
    mask = np.ones((16, 50), bool)
    mask[5, 20:26] = False
    corners = place_tiles(mask, size=16, stride=16, multiple_of=2)
    assert [x for _, x in corners] == [2, 30]


def test_bands_move_to_where_a_round_plug_holds_most():
    plug = disc(768, 370)
    fixed_grid = sum(
        plug[y : y + 256, x : x + 256].all() for y in (0, 256, 512) for x in (0, 256, 512)
    )
    corners = place_tiles(plug, size=256, stride=256, multiple_of=4)
    assert fixed_grid == 1
    assert len(corners) == 4


def test_overlap_gives_more_tiles():
    plug = disc(400, 190)
    apart = place_tiles(plug, size=64, stride=64, multiple_of=4)
    overlapping = place_tiles(plug, size=64, stride=32, multiple_of=4)
    assert len(overlapping) > 3 * len(apart)


def test_no_rock_no_tiles():
    empty = np.zeros((64, 64), bool)
    assert place_tiles(empty, size=16, stride=16, multiple_of=4) == []
    assert largest_tile(empty, 4) == 0
