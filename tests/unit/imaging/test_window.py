import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.imaging import window


class Voxels:
    """Slices of a volume, counted as they are read."""

    def __init__(self, *slices):
        self.slices = slices
        self.passes = 0

    def __call__(self):
        self.passes += 1
        return iter(self.slices)


def sample(dtype, count=1000, seed=0):
    kind = np.iinfo(dtype)
    span = np.random.default_rng(seed).normal(0.5, 0.15, count).clip(0.1, 0.9)
    return (kind.min + span * (kind.max - kind.min)).astype(dtype)


def exact(values, percentiles):
    return np.percentile(values, percentiles, method="inverted_cdf")


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint16, np.int16])
@pytest.mark.parametrize("percentiles", [(0.1, 99.9), (0, 100), (5, 95), (0, 50), (50, 99.99)])
def test_percentiles_of_narrow_integers_are_exact(dtype, percentiles):
    values = sample(dtype)
    found = window.find(Voxels(*np.split(values, 8)), dtype, percentiles)
    np.testing.assert_array_equal(found, exact(values, percentiles))


def test_slices_are_counted_to_their_last_piece(monkeypatch):
    monkeypatch.setattr(window, "PIECE", 7)
    voxels = Voxels(np.arange(10), np.arange(10, 31), np.arange(0))
    assert window.find(voxels, np.int64, (0, 100)) == [0, 30]


def test_share_is_met_by_the_level_that_reaches_it():
    values = np.repeat([10, 20, 30, 40], [1, 1, 7, 1]).astype(np.uint8)
    assert window.find(Voxels(values), np.uint8, (10, 90)) == [10, 30]
    assert window.find(Voxels(values), np.uint8, (10.1, 90.1)) == [20, 40]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint64])
def test_percentiles_of_other_types_are_exact(dtype):
    values = (np.random.default_rng(1).gamma(4.0, 1e3, 4003) + 1e3).astype(dtype)
    found = window.find(Voxels(*np.array_split(values, 5)), dtype, (0.1, 99.9))
    np.testing.assert_array_equal(found, exact(values, (0.1, 99.9)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_negative_levels_come_before_positive_ones(dtype):
    values = np.linspace(-2e-6, 3e-6, 1001).astype(dtype)
    found = window.find(Voxels(values), dtype, (10, 90))
    np.testing.assert_array_equal(found, exact(values, (10, 90)))


@pytest.mark.parametrize(
    ("dtype", "absurd"), [(np.float32, 1e30), (np.float64, -1e300), (np.int32, 2**31 - 1)]
)
def test_one_absurd_voxel_costs_the_others_no_precision(dtype, absurd):
    values = (np.random.default_rng(2).normal(0.5, 0.1, 100_003) * 1000).astype(dtype)
    values[7] = absurd
    found = window.find(Voxels(values), dtype, (0.1, 99.9))
    np.testing.assert_array_equal(found, exact(values, (0.1, 99.9)))


def test_rare_bright_voxels_do_not_move_the_window():
    values = sample(np.uint16, 100_000)
    bright = values.copy()
    bright[:50] = 65535
    plain, spiked = (window.find(Voxels(data), np.uint16, (0.1, 99.5)) for data in (values, bright))
    np.testing.assert_allclose(spiked, plain, rtol=0.01)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_slices_without_rock_count_for_nothing(dtype):
    values = sample(np.uint8).astype(dtype)
    empty = np.zeros(0, dtype)
    assert window.find(Voxels(empty, values, empty), dtype, (1, 99)) == window.find(
        Voxels(values), dtype, (1, 99)
    )


@pytest.mark.parametrize(("dtype", "passes"), [(np.uint8, 1), (np.float32, 2)])
def test_slices_are_read_afresh_in_each_pass(dtype, passes):
    voxels = Voxels(sample(np.uint8).astype(dtype))
    window.find(voxels, dtype, (1, 99))
    assert voxels.passes == passes


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
def test_constant_rock_is_refused(dtype):
    with pytest.raises(InputError, match=r"rock is constant: grey level 7 .* slices\.window"):
        window.find(Voxels(np.full(500, 7, dtype)), dtype, (0.1, 99.9))


def test_rock_that_is_constant_but_for_specks_is_refused():
    values = np.full(10_000, 90, np.uint8)
    values[:3] = 255
    with pytest.raises(InputError, match="constant"):
        window.find(Voxels(values), np.uint8, (0.1, 99.9))


def test_apply_stretches_the_window_and_saturates_beyond_it():
    image = np.array([[0, 100, 150, 200, 60000]], np.uint16)
    np.testing.assert_array_equal(window.apply(image, 100, 200), [[0, 0, 128, 255, 255]])
    assert window.apply(image, 100, 200).dtype == np.uint8


def test_apply_to_sixteen_bits_keeps_every_level_of_an_8_bit_scan_apart():
    levels = np.arange(256, dtype=np.uint8)[None]
    stretched = window.apply(levels, 20, 230, np.uint16)
    assert stretched.dtype == np.uint16
    assert (np.diff(stretched[0, 20:231].astype(int)) >= 312).all()


def test_apply_reads_signed_levels_as_they_are():
    image = np.array([[-32768, -1000, 0, 1000, 32767]], np.int16)
    np.testing.assert_array_equal(window.apply(image, -1000, 1000), [[0, 0, 128, 255, 255]])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float32", "float64"])
def test_grey_levels_within_the_window_come_back(dtype):
    levels = np.linspace(20, 100, 81).astype(dtype)
    unit = window.to_unit(levels, 20, 100)
    assert unit.dtype == np.float32
    assert (unit.min(), unit.max()) == (0, 1)
    back = window.from_unit(unit, 20, 100, dtype)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, levels, atol=1e-5)


def test_what_lies_beyond_the_window_saturates():
    unit = window.to_unit(np.array([-30000, 0, 30000], np.int16), -100, 100)
    np.testing.assert_array_equal(unit, [0, 0.5, 1])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "uint64", "int64"])
def test_a_window_wider_than_the_type_never_wraps(dtype):
    kind = np.iinfo(dtype)
    low, high = 2.0 * kind.min - 1000, 2.0 * kind.max
    black, white = window.from_unit(np.array([0, 1], np.float32), low, high, dtype)
    assert black == kind.min
    gap = 2**11 if kind.bits == 64 else 0  # between the largest floats of that size
    assert kind.max - gap <= int(white) <= kind.max


def test_a_window_wider_than_float16_stays_finite():
    levels = window.from_unit(np.array([0, 1], np.float32), -1e6, 1e6, "float16")
    assert np.isfinite(levels).all()


def test_nan_is_no_grey_level():
    with pytest.raises(ValueError, match="not finite"):
        window.from_unit(np.array([np.nan]), 0, 1, "uint8")
