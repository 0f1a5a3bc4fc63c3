from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandstone.dataset.splits import SPLITS, check_reach, guard_slices, split_by_depth
from sandstone.errors import InputError

SHARES = {"train": 0.6, "val": 0.1, "test": 0.3}


def least_distance_um(splits, voxel_z_um):
    return min(
        abs(a - b) * voxel_z_um
        for one, other in combinations(SPLITS, 2)
        for a in (splits[one][0], splits[one][-1])
        for b in (splits[other][0], splits[other][-1])
    )


@given(
    top=st.integers(0, 500),
    depth=st.integers(1, 3000),
    weights=st.tuples(*[st.integers(1, 100)] * 3),
    guard_um=st.floats(0, 500),
    voxel_z_um=st.floats(0.1, 150),
)
def test_no_split_comes_nearer_than_the_guard(top, depth, weights, guard_um, voxel_z_um):
    shares = {name: w / sum(weights) for name, w in zip(SPLITS, weights, strict=True)}
    guard = guard_slices(guard_um, voxel_z_um)
    slices = range(top, top + depth)
    if depth < 2 * guard + 3:
        with pytest.raises(InputError, match=f"{2 * guard + 3} slices"):
            split_by_depth(slices, shares, guard_um=guard_um, voxel_z_um=voxel_z_um)
        return
    splits = split_by_depth(slices, shares, guard_um=guard_um, voxel_z_um=voxel_z_um)
    train, val, test = (splits[name] for name in SPLITS)
    assert len(train) > 0
    assert len(val) > 0
    assert len(test) > 0
    assert train[0] == top
    assert test[-1] == slices[-1]
    assert val[0] - train[-1] == test[0] - val[-1] == guard + 1
    assert least_distance_um(splits, voxel_z_um) >= guard_um


@given(depth=st.integers(30, 3000), guard=st.integers(0, 10))
def test_shares_are_those_of_the_slices_between_guards(depth, guard):
    splits = split_by_depth(range(depth), SHARES, guard_um=guard, voxel_z_um=1)
    usable = depth - 2 * guard
    for name, share in SHARES.items():
        assert abs(len(splits[name]) - share * usable) <= 1


def test_the_phantom_of_the_default_config():
    splits = split_by_depth(range(176), SHARES, guard_um=30, voxel_z_um=2.2)
    assert splits == {"train": range(89), "val": range(103, 118), "test": range(132, 176)}


@pytest.mark.parametrize(
    ("guard_um", "voxel_z_um", "slices"),
    [(30, 2.2, 14), (30, 2, 15), (30, 112, 1), (0, 2, 0), (0.6, 0.2, 3), (0.7, 0.1, 7)],
)
def test_a_guard_is_whole_slices(guard_um, voxel_z_um, slices):
    assert guard_slices(guard_um, voxel_z_um) == slices


@pytest.mark.parametrize(
    ("depth", "advice"), [(20, "set guard_um to at most 16"), (2, "but the sample has 2; use more")]
)
def test_a_guard_that_does_not_fit_is_told_with_the_one_that_does(depth, advice):
    with pytest.raises(InputError, match=advice) as caught:
        split_by_depth(range(depth), SHARES, guard_um=18, voxel_z_um=2)
    assert ("at most" in str(caught.value)) == (depth > 2)
    if depth > 2:
        split_by_depth(range(depth), SHARES, guard_um=16, voxel_z_um=2)


def test_isolated_slices_are_split_by_ranges():
    wanted = {"train": range(6), "val": range(6, 7), "test": range(7, 8)}
    assert split_by_depth(range(8), wanted, guard_um=30, voxel_z_um=112) == wanted


@given(st.tuples(*[st.tuples(st.integers(0, 60), st.integers(1, 20))] * 3), st.integers(0, 15))
def test_ranges_are_taken_only_when_every_slice_keeps_its_distance(spans, guard_um):
    wanted = {name: range(start, start + n) for name, (start, n) in zip(SPLITS, spans, strict=True)}
    nearest = min(
        abs(a - b)
        for one, other in combinations(SPLITS, 2)
        for a in wanted[one]
        for b in wanted[other]
    )
    if nearest > 0 and nearest * 2 >= guard_um:
        assert split_by_depth(range(100), wanted, guard_um=guard_um, voxel_z_um=2) == wanted
    else:
        with pytest.raises(InputError, match=r"slice \d+"):
            split_by_depth(range(100), wanted, guard_um=guard_um, voxel_z_um=2)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (
            {"train": range(6), "val": range(7, 8), "test": range(20, 30)},
            r"slice 5 \(train\) and slice 7 \(val\) are 4 um apart, less than guard_um 30",
        ),
        (
            {"train": range(60, 70), "val": range(30, 40), "test": range(6)},
            r"slice 39 \(val\) and slice 60 \(train\) are 42 um apart",
        ),
        ({"train": range(50), "val": range(49, 60), "test": range(80, 90)}, "share slice 49"),
        ({"train": range(50), "val": range(70, 75), "test": range(95, 101)}, "test 95:100"),
        ({"train": range(50), "val": 0.1, "test": 0.3}, "mixes shares and slice ranges"),
        ({"train": 0.6, "val": 0.1, "test": 0.2}, "sum 1"),
        ({"train": 0.7, "val": 0.0, "test": 0.3}, "above 0"),
    ],
)
def test_a_wrong_split_is_told_in_one_sentence(wanted, message):
    guard_um = 50 if wanted["train"] == range(60, 70) else 30
    with pytest.raises(InputError, match=message) as error:
        split_by_depth(range(100), wanted, guard_um=guard_um, voxel_z_um=2)
    assert "\n" not in str(error.value)


def test_a_reach_as_wide_as_the_guard_keeps_splits_apart_and_a_wider_one_does_not():
    splits = split_by_depth(range(100), SHARES, guard_um=10, voxel_z_um=2)
    check_reach(splits, 5, 2)
    with pytest.raises(InputError, match=r"\(train\) would show slice .* guard_um to 12, or lower"):
        check_reach(splits, 6, 2)


def test_isolated_slices_see_no_neighbour_of_another_split():
    splits = {"train": range(5), "val": range(5, 6), "test": range(7, 8)}
    check_reach(splits, 0, 112)
    with pytest.raises(InputError, match=r"LR of slice 4 \(train\) would show slice 5 \(val\)"):
        check_reach(splits, 1, 112)
