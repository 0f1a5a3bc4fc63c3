"""What an upscaled volume and a true fine scan show of the same place."""

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.judging import place


def test_no_more_slices_than_tell_enough():
    assert place.spread([3, 4, 5, 6, 7]) == [3, 4, 5, 6, 7]
    assert place.spread([]) == []
    many = place.spread([*range(10_000)])
    assert len(many) == place.MOST_SLICES == len(set(many))
    assert many[0] > 0
    assert many[-1] < 10_000


def test_the_middle_of_a_long_axis_is_looked_at():
    assert place.middle(100) == slice(0, 100)
    assert place.middle(place.EDGE + 100) == slice(50, 50 + place.EDGE)


def test_the_square_is_shown_wholly():
    shown = np.zeros((60, 90), bool)
    shown[10:50, 30:80] = True
    rows, columns = place.common_square(shown)
    assert shown[rows, columns].all()
    assert shown[rows, columns].shape == (40, 40)
    with pytest.raises(InputError, match="share no square of 32 x 32 voxels"):
        place.common_square(shown[:35])
