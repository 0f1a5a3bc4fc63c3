import numpy as np
import pytest

from sandstone.regions import at_border


@pytest.mark.parametrize("turns", range(4))
def test_regions_within_are_left_out(turns: int):
    mask = np.zeros((9, 12), bool)
    mask[2:5, 0:4] = True
    reached = mask.copy()
    mask[5:8, 6:10] = True
    found = at_border(np.rot90(mask, turns))
    np.testing.assert_array_equal(found, np.rot90(reached, turns))


def test_an_empty_mask_has_no_regions():
    assert not at_border(np.zeros((3, 4), bool)).any()
