"""Formation factor and permeability of channels and packs whose answers are known."""

import numpy as np
import pytest
from helpers.shapes import ball, duct, simple_cubic, tube

from sandstone.transport import conduction, flow


@pytest.mark.parametrize(("height", "error"), [(4, 0.125), (8, 0.031), (16, 0.008)])
def test_flat_channels_are_too_permeable_by_two_over_their_squared_height(height, error):
    """h²/12 between plates; the sides of a wide channel take 0.63 h/w of it (White, Viscous fluid
    flow, section 3-3)."""
    width = 40 * height
    channel = np.ones((6, height, width), bool)
    expected = height**2 / 12 * (1 - 0.63 * height / width)
    assert flow.permeability(channel, 0).permeability == pytest.approx(
        expected * (1 + error), rel=0.005
    )


@pytest.mark.parametrize(("edge", "error"), [(8, 0.059), (16, 0.015)])
def test_square_ducts(edge, error):
    """0.0351442 a² (White, Viscous fluid flow, section 3-3)."""
    found = flow.permeability(duct(edge, 8), 0).permeability
    assert found == pytest.approx(0.0351442 * edge**2 * (1 + error), rel=0.005)


@pytest.mark.parametrize(("radius", "error"), [(5, 0.017), (10, -0.005)])
def test_round_tubes(radius, error):
    """r²/8 of the tube's own section (Hagen-Poiseuille)."""
    pores = tube(radius, 8)
    expected = np.pi * radius**4 / 8 / pores[0].size
    assert flow.permeability(pores, 0).permeability == pytest.approx(
        expected * (1 + error), rel=0.003
    )


def test_the_axis_is_that_of_the_flow():
    along_x = np.moveaxis(tube(5, 8), 0, 2)
    expected = flow.permeability(tube(5, 8), 0).permeability
    assert flow.permeability(along_x, 2).permeability == pytest.approx(expected, rel=1e-3)
    assert flow.permeability(np.pad(along_x, 1), 0).permeability == 0


@pytest.mark.parametrize(("edge", "error"), [(20, 0.041), (40, -0.001)])
def test_a_simple_cubic_pack(edge, error):
    """A drag of 42.14, and k = 2 r² / (9 · drag · share): Zick & Homsy (1982), J. Fluid Mech."""
    radius, share = edge / 2, np.pi / 6
    expected = 2 * radius**2 / (9 * 42.14 * share)
    found = flow.permeability(np.concatenate([simple_cubic(edge)] * 2), 0, mirrored=True)
    assert found.permeability == pytest.approx(expected * (1 + error), rel=0.01)
    assert found.scatter < flow.SCATTER


def test_sides_to_which_water_sticks_let_less_through():
    pores = np.ones((6, 8, 8), bool)
    pores[:, 3, 3] = False
    stuck, sliding = (flow.permeability(pores, 0, mirrored=each)[0] for each in (False, True))
    assert 0 < stuck < sliding


def test_the_formation_factor_of_a_straight_tube_is_that_of_its_share():
    pores = tube(6, 10)
    assert conduction.formation_factor(pores, 0) == pytest.approx(1 / pores.mean(), rel=1e-5)


@pytest.mark.parametrize("share", [0.05, 0.15])
def test_the_formation_factor_of_a_few_balls(share):
    """Maxwell (1873), A treatise on electricity and magnetism, article 314: exact for few balls."""
    edge = 40
    radius = edge * (3 * share / (4 * np.pi)) ** (1 / 3)
    pores = ~ball(radius, edge)
    grains = 1 - pores.mean()
    expected = (2 + grains) / (2 * (1 - grains))
    assert conduction.formation_factor(pores, 0) == pytest.approx(expected, rel=0.02)


def test_series_and_parallel_layers_of_water():
    half = np.zeros((6, 4, 4), bool)
    half[:, :2] = True
    assert conduction.formation_factor(half, 0) == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("pores", [np.zeros((4, 5, 6), bool), np.pad(duct(3, 3), 1)])
def test_what_does_not_percolate_lets_nothing_through(pores):
    assert flow.permeability(pores, 0) == (0.0, 0.0)
    assert conduction.formation_factor(pores, 0) == float("inf")


def test_a_thread_of_single_voxels_lets_something_through():
    thread = np.zeros((5, 3, 3), bool)
    thread[:, 1, 1] = True
    assert flow.permeability(thread, 0).permeability == pytest.approx(1 / 8 / 9)
    assert conduction.formation_factor(thread, 0) == pytest.approx(9)


def test_units():
    assert flow.in_square_metres(1.0, 2.0) == 4e-12
    assert flow.in_darcy(1.0, 2.0) == pytest.approx(4.053, rel=1e-3)


def test_the_same_pores_have_the_same_permeability_to_the_bit():
    chain = np.concatenate([simple_cubic(12)] * 2)
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    assert flow.permeability(chain, 0) == flow.permeability(chain, 0)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
