"""Shapes whose porosity, surface, chords, width and correlation are known exactly."""

import numpy as np
import pytest
from helpers.shapes import ball, duct, overlapping_balls, simple_cubic, tube

from sandstone.petrophysics import morphology
from sandstone.transport.percolation import percolating

RADIUS, PER_VOXEL = 6.0, 7e-4  # of an overlapping pack: about half of it is pore


@pytest.fixture(scope="module")
def pack():
    return overlapping_balls(120, RADIUS, PER_VOXEL)


def expected_share():
    return np.exp(-PER_VOXEL * 4 / 3 * np.pi * RADIUS**3)


def test_the_porosity_of_an_overlapping_pack(pack):
    """exp(-n · volume of a ball): Torquato (2002), Random heterogeneous materials, section 5.1."""
    assert morphology.porosity(pack) == pytest.approx(expected_share(), rel=0.02)


def test_the_two_point_correlation_of_an_overlapping_pack(pack):
    """exp(-n · volume of two balls at that distance), Torquato (2002), section 5.1."""
    measured = morphology.two_point(pack)
    distance = np.arange(int(2 * RADIUS) + 4)
    shared = np.clip(1 - 3 * distance / (4 * RADIUS) + distance**3 / (16 * RADIUS**3), 0, None)
    shared[distance > 2 * RADIUS] = 0
    expected = np.exp(-PER_VOXEL * 4 / 3 * np.pi * RADIUS**3 * (2 - shared))
    np.testing.assert_allclose(measured[distance], expected, atol=0.02)


def test_the_surface_of_an_overlapping_pack(pack):
    """n · surface of a ball · porosity, Torquato (2002), section 5.1; 1/mm of 2 µm voxels."""
    expected = PER_VOXEL * 4 * np.pi * RADIUS**2 * expected_share() / 2 * 1000
    assert morphology.specific_surface(pack, 2) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize(("radius", "error"), [(5, 0.112), (10, 0.037), (20, 0.019)])
def test_the_surface_of_a_ball(radius, error):
    edge = 6 * radius  # far from the border, where lines are cut
    expected = 4 * np.pi * radius**2 / edge**3 * 1000
    measured = morphology.specific_surface(ball(radius, edge), 1)
    assert measured == pytest.approx(expected * (1 + error), rel=0.002)


def test_the_surface_of_discs_in_a_slice():
    """4/π times the length of the outlines per area, for a rock that looks alike all around."""
    disc = ball(20, 120)[60]
    expected = 4 / np.pi * 2 * np.pi * np.sqrt(20**2 - 0.25) / 120**2 * 1000
    assert morphology.specific_surface(disc, 1) == pytest.approx(expected, rel=0.03)


def test_the_edge_of_a_voxel_scales_lengths_and_surfaces(pack):
    part = pack[:30, :30, :30]
    assert morphology.specific_surface(part, 4) == morphology.specific_surface(part, 1) / 4
    assert morphology.mean_chord(part, 4, 0) == 4 * morphology.mean_chord(part, 1, 0)
    assert morphology.correlation_length(part, 4) == 4 * morphology.correlation_length(part, 1)
    assert morphology.mean_width(part, 4) == pytest.approx(4 * morphology.mean_width(part, 1))
    euler = [morphology.euler_density(part, edge) for edge in (4, 1)]
    assert euler[0] == pytest.approx(euler[1] / 4**3)


def test_chords_of_stripes():
    stripes = np.zeros((6, 20), bool)
    stripes[:, 2:5] = stripes[:, 10:15] = True
    assert morphology.mean_chord(stripes, 2.0, 1) == 2.0 * (3 + 5) / 2
    assert morphology.mean_chord(stripes, 2.0, 0) == 2.0 * 6


@pytest.mark.parametrize("edge", [3, 5, 9])
def test_the_width_of_a_slit_is_its_own(edge):
    slit = np.zeros((40, edge + 2), bool)
    slit[:, 1:-1] = True
    assert morphology.mean_width(slit, 2.0) == 2.0 * edge


def test_the_width_of_a_wide_and_a_narrow_pore():
    both = np.zeros((40, 40), bool)
    both[:, 5:8], both[:, 20:31] = True, True
    width = morphology.local_thickness(both, 1.0)
    assert set(np.unique(width)) == {0, 3, 11}
    assert (width[:, 5:8] == 3).all()
    assert (width[:, 20:31] == 11).all()


def test_percolation_is_of_an_axis():
    pores = tube(4, 12)
    assert percolating(pores, 0).sum() == pores.sum()
    assert not percolating(np.pad(pores, 1), 0).any()
    pores[6] = False
    assert not percolating(pores, 0).any()


def test_pores_that_touch_at_an_edge_do_not_percolate():
    steps = np.eye(5, dtype=bool)
    assert not percolating(steps, 0).any()


def test_euler_numbers_of_known_shapes():
    assert morphology.euler_density(np.pad(duct(3, 3), 2), 1000) == pytest.approx(1 / 7**3)
    hollow = np.pad(duct(5, 5), 1)
    hollow[3, 3, 3] = False
    assert morphology.euler_density(hollow, 1000) == pytest.approx(2 / 7**3)
    ring = np.pad(np.ones((3, 3), bool), 1)
    ring[2, 2] = False
    assert morphology.euler_density(ring, 1000) == 0


@pytest.mark.parametrize("shape", [(8, 9), (8, 9, 7)])
def test_one_phase_has_no_shape_and_no_exception(shape):
    for pores in (np.zeros(shape, bool), np.ones(shape, bool)):
        assert morphology.specific_surface(pores, 1) == 0
        assert np.isnan(morphology.correlation_length(pores, 1))
        assert np.isnan(morphology.mean_width(pores, 1))
    assert np.isnan(morphology.mean_chord(np.zeros(shape, bool), 1, 0))
    assert morphology.porosity(np.ones(shape, bool)) == 1


def test_a_length_above_half_of_the_image_is_unknown():
    pores = np.zeros((4, 60), bool)
    pores[:, :30] = True
    assert np.isnan(morphology.correlation_length(pores, 1))


def test_a_simple_cubic_pack_percolates_along_every_axis():
    pores = simple_cubic(12)
    assert all(percolating(pores, axis).sum() == pores.sum() for axis in range(3))
