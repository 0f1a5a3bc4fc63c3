"""Sizes: what belongs to the three axes."""

import pytest

from sandstone.sizes import zyx


def test_zyx_keeps_the_order_of_the_axes():
    assert zyx(edge + 1 for edge in (1, 2, 3)) == (2, 3, 4)


@pytest.mark.parametrize("lengths", [(4, 5), (4, 5, 6, 7)])
def test_zyx_takes_exactly_three(lengths: tuple[int, ...]):
    with pytest.raises(ValueError, match="values to unpack"):
        zyx(lengths)
