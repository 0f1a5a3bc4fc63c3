import numpy as np
import pytest

from sandstone.imaging import grey


@pytest.mark.parametrize(("dtype", "top"), [("uint8", 255), ("uint16", 65535)])
def test_every_level_survives_the_way_to_unit_and_back(dtype, top):
    levels = np.arange(top + 1).astype(dtype)
    unit = grey.to_unit(levels)
    assert grey.grey_max(dtype) == top
    assert unit.dtype == np.float32
    assert (unit[0], unit[-1]) == (0, 1)
    np.testing.assert_array_equal(grey.from_unit(unit, dtype), levels)


@pytest.mark.parametrize("dtype", grey.GREY_DTYPES)
def test_what_lies_beyond_saturates_and_never_wraps(dtype):
    values = np.array([-np.inf, -1e9, -0.004, 1.0 + 1e-6, 1.004, 300.0, np.inf])
    top = np.iinfo(dtype).max
    np.testing.assert_array_equal(grey.from_unit(values, dtype), [0, 0, 0, top, top, top, top])


def test_levels_are_rounded_not_cut():
    values = np.array([0.49, 0.51, 1.49, 254.49, 254.51]) / 255
    np.testing.assert_array_equal(grey.from_unit(values, np.uint8), [0, 1, 1, 254, 255])


def test_sixteen_bits_are_rounded_to_the_nearest_level():
    levels = np.arange(0, 65535, 7)
    for shift in (-0.49, 0.49):
        values = np.clip((levels + shift) / 65535, 0, 1)
        np.testing.assert_array_equal(grey.from_unit(values, np.uint16), levels)


def test_nan_is_refused():
    with pytest.raises(ValueError, match="NaN"):
        grey.from_unit(np.array([0.5, np.nan]), np.uint8)


def test_input_is_left_as_it_was():
    values = np.array([-1.0, 2.0])
    grey.from_unit(values, np.uint8)
    np.testing.assert_array_equal(values, [-1.0, 2.0])
