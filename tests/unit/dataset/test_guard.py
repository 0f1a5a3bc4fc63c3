"""The guard between splits: what is measured on slices, and what follows from it."""

import math

import numpy as np
import pytest
import tifffile
from helpers import tile_pairs
from scipy.ndimage import gaussian_filter1d

from sandstone.dataset import guard
from sandstone.errors import InputError

ISOTROPIC = (2.0, 2.0, 2.0)
ISOLATED = (112.0, 2.0, 2.0)
UNMEASURED = guard.Correlation([], [], 0)
ENDLESS = guard.Correlation([1, 2, 4], [0.98, 0.97, 0.95], 0)


class Stack:
    """Slices in memory, as far as they are measured; counts what is read of them."""

    def __init__(self, volume, mask=None):
        self.volume, self.shape = volume, volume.shape
        self.mask = np.ones(volume.shape, bool) if mask is None else mask
        self.reads = 0

    def read(self, z):
        self.reads += 1
        return self.volume[z]

    def read_mask(self, z):
        return self.mask[z]


def rock(depth=80, sigma=3.0, edge=48, seed=1):
    """Noise that is correlated along depth: by exp(-d² / 4 sigma²) at a distance of d slices."""
    noise = np.random.default_rng(seed).normal(size=(depth, edge, edge))
    smooth = gaussian_filter1d(noise, sigma, axis=0, mode="wrap") if sigma else noise
    return np.clip(128 + 40 * smooth / smooth.std(), 0, 255).astype(np.uint8)


def about(measured, guard_slices, voxel_size_um=ISOTROPIC, **changes):
    return tile_pairs.about(
        correlation=measured._asdict(),
        guard_slices=guard_slices,
        guard_um=guard_slices * voxel_size_um[0],
        hr_voxel_size_um=voxel_size_um,
        **changes,
    )


def measured(length):
    return guard.Correlation(**tile_pairs.correlation(length))


# --- measuring ---


@pytest.mark.parametrize("sigma", [1.2, 2.6, 5.2])
def test_the_length_is_that_of_the_smoothing(sigma):
    found = guard.measure(Stack(rock(sigma=sigma)))
    assert found.length == math.ceil(2 * sigma)
    for lag, value in zip(found.lags, found.values, strict=True):
        assert value == pytest.approx(math.exp(-((lag / sigma) ** 2) / 4), abs=0.05)


@pytest.mark.parametrize("sigma", [0.6, 1.7, 3.1, 6.4])
def test_bisection_finds_where_a_falling_correlation_falls_below(sigma):
    stack = Stack(rock(sigma=sigma))
    every = [guard.correlation(stack, lag) for lag in range(1, 41)]
    assert guard.measure(stack).length == next(
        lag for lag, value in enumerate(every, 1) if value < guard.CORRELATED
    )


def test_the_real_sandstone_has_the_correlations_that_are_known_of_it(shared_data):
    stack = Stack(tifffile.imread(shared_data / "bentheimer_pair_hr2um.tif"))
    known = {1: 0.93, 4: 0.53, 8: 0.39, 16: 0.24, 32: 0.08}
    for lag, value in known.items():
        assert guard.correlation(stack, lag) == pytest.approx(value, abs=0.008)
    assert guard.measure(stack).length == 9


def test_slices_far_apart_are_not_correlated(shared_data):
    volume = tifffile.imread(shared_data / "sandstone_versa.tif")[:, 260:772, 240:752]
    assert guard.measure(Stack(volume)).length == 1


def test_a_slice_darker_than_the_next_is_no_less_alike():
    volume = rock().astype(np.uint16)
    shifted = volume + 500 * np.arange(len(volume), dtype=np.uint16)[:, None, None]
    assert guard.measure(Stack(shifted)) == guard.measure(Stack(volume))


def test_only_rock_counts():
    volume = rock()
    mask = np.zeros(volume.shape, bool)
    mask[:, 8:, 8:] = True
    holder = volume.copy()
    holder[:, :8, :8] = 255
    assert guard.measure(Stack(holder, mask)) == guard.measure(Stack(volume, mask))
    assert guard.measure(Stack(holder)) != guard.measure(Stack(volume, mask))


def test_a_deep_sample_is_read_about_as_often_as_a_flat_one():
    shallow, deep = Stack(rock(depth=100, edge=8)), Stack(rock(depth=1000, edge=8))
    guard.measure(shallow)
    guard.measure(deep)
    assert deep.reads <= 1.5 * shallow.reads


def test_slices_that_stay_alike_have_no_length():
    pillars = np.repeat(rock(depth=1), 20, axis=0)
    found = guard.measure(Stack(pillars))
    assert (found.lags[-1], found.length) == (10, 0)
    assert set(found.values) == {1.0}


@pytest.mark.parametrize("what", ["one slice", "one grey level", "no common rock"])
def test_what_cannot_be_compared_is_not_measured(what):
    volume, mask = rock(depth=10), None
    if what == "one slice":
        volume = volume[:1]
    elif what == "one grey level":
        volume[:] = 7
    else:
        mask = np.zeros(volume.shape, bool)
    assert guard.measure(Stack(volume, mask)) == UNMEASURED


# --- what follows ---


@pytest.mark.parametrize(
    ("found", "voxel_size_um", "least"),
    [
        (measured(6), ISOTROPIC, 6),
        (measured(2), ISOTROPIC, guard.FEW_VOXELS),
        (measured(2), (1.0, 2.0, 3.0), 12),
        (guard.Correlation([1], [0.05], 1), ISOLATED, 1),
        (guard.Correlation([1, 2], [0.6, 0.05], 2), ISOLATED, 2),
        (ENDLESS, ISOTROPIC, 5),
        (UNMEASURED, ISOTROPIC, 7),  # depth_step
    ],
)
def test_a_guard_is_too_short_below_what_is_demanded(found, voxel_size_um, least):
    enough = about(found, least, voxel_size_um, depth_step=7)
    assert guard.warning(enough) is None
    if least > 1:
        short = guard.warning(about(found, least - 1, voxel_size_um, depth_step=7))
        assert f"set it to {least * voxel_size_um[0]:g} ({least} slices) or more" in short
        assert f"of sample rock, {least - 1} slice(s), is too short" in short


def test_a_step_longer_than_the_guard_is_no_fault_where_slices_are_not_alike():
    assert guard.warning(about(measured(6), 6, depth_step=50)) is None


def test_isolated_slices_need_no_guard():
    assert guard.warning(about(guard.Correlation([1], [0.05], 1), 0, ISOLATED)) is None


def test_the_sentence_says_why():
    soil = guard.Correlation([1, 2, 4, 5, 6, 8], [0.96, 0.85, 0.56, 0.45, 0.35, 0.16], 6)
    voxels = (40.0, 40.0, 40.0)
    assert "falls below 1/e at a distance of 6 slice(s) (240 µm)" in guard.warning(
        about(soil, 1, voxels)
    )
    assert "shorter than 4 voxels" in guard.warning(about(measured(2), 2))
    assert "cannot be measured, and it is shorter than depth_step" in guard.warning(
        about(UNMEASURED, 5, depth_step=7)
    )
    endless = guard.warning(about(ENDLESS, 4))
    assert "still 0.95 at a distance of 4 slice(s) (8 µm), half of the sample" in endless
    assert "use more slices and set it to 10" in endless


def test_the_measured_guard_is_what_leaves_no_warning():
    for length in (2, 6, 30):
        um = guard.automatic_um(measured(length), (0.7, 0.7, 0.7))
        slices = guard.guard_slices(um, 0.7)
        assert slices == max(length, guard.FEW_VOXELS)
        assert guard.warning(about(measured(length), slices, (0.7, 0.7, 0.7))) is None


@pytest.mark.parametrize(
    ("found", "advice"),
    [
        (ENDLESS, "half of the sample; use more slices, or set guard_um to a number"),
        (UNMEASURED, "cannot be measured; set guard_um to a number"),
    ],
)
def test_what_cannot_be_measured_is_told(found, advice):
    with pytest.raises(InputError, match=f"guard_um auto finds no guard, since .* {advice}"):
        guard.automatic_um(found, ISOTROPIC)
