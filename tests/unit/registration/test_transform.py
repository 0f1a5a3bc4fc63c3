"""A transform of two scans: there and back, and what a file may hold."""

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.registration.transform import Transform, centres_um

TURNED = Transform((6.0, -2.5, 1.0), (0.3, -0.6, 1.0), 1.002, (90.0, 130.0, 600.0))
POINTS = np.array([[0.0, 0.0, 0.0], [90.0, 130.0, 600.0], [180.0, 20.0, 1200.0]])


def test_scans_of_equal_place_need_no_transform():
    np.testing.assert_array_equal(Transform().to_coarse(POINTS), POINTS)
    assert Transform().is_shift


def test_the_centre_is_only_shifted():
    centre = np.array(TURNED.centre_um)
    np.testing.assert_allclose(TURNED.to_coarse(centre), centre + TURNED.shift_um)


def test_a_rotation_about_z_turns_y_towards_x():
    turned = Transform(rotation_deg=(90.0, 0.0, 0.0)).to_coarse(np.array([0.0, 1.0, 0.0]))
    np.testing.assert_allclose(turned, [0.0, 0.0, 1.0], atol=1e-12)


def test_back_is_the_inverse():
    np.testing.assert_allclose(TURNED.to_fine(TURNED.to_coarse(POINTS)), POINTS, atol=1e-9)


def test_a_dictionary_holds_all_of_it():
    assert Transform.from_dict(TURNED.as_dict()) == TURNED


@pytest.mark.parametrize(
    "damage", [{"shift_um": [1, 2]}, {"scale": "big"}, {"rotation_deg": None}, {"centre_um": 3}]
)
def test_what_is_no_transform_is_named(damage):
    with pytest.raises(InputError, match=r"pair\.json: holds no transform"):
        Transform.from_dict({**TURNED.as_dict(), **damage}, "pair.json")


def test_centres_lie_half_a_voxel_from_the_corner():
    z, y, x = centres_um((2, 1, 3), (6.0, 6.0, 2.0))
    np.testing.assert_array_equal(z, [3.0, 9.0])
    np.testing.assert_array_equal(y, [3.0])
    np.testing.assert_array_equal(x, [1.0, 3.0, 5.0])
