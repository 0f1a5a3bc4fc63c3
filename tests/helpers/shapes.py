"""Pore spaces whose answers are known."""

import numpy as np


def tube(radius: float, length: int) -> np.ndarray:
    """Return a round tube along z, bool, as wide as its section."""
    edge = int(2 * radius)
    y, x = np.mgrid[:edge, :edge] - (edge - 1) / 2
    return np.broadcast_to(np.hypot(y, x) < radius, (length, edge, edge)).copy()


def duct(edge: int, length: int) -> np.ndarray:
    """Return a square duct along z, bool, that fills its section."""
    return np.ones((length, edge, edge), bool)


def ball(radius: float, edge: int) -> np.ndarray:
    """Return a ball, bool, in the middle of a cube."""
    z, y, x = np.mgrid[:edge, :edge, :edge] - (edge - 1) / 2
    return z**2 + y**2 + x**2 < radius**2


def overlapping_balls(edge: int, radius: float, per_voxel: float, seed: int = 0) -> np.ndarray:
    """Return what lies outside balls at random places, bool: the pores of an overlapping pack.

    Balls are drawn up to a radius beyond the cube, so that its border is like its middle.
    """
    rng = np.random.default_rng(seed)
    beyond = int(np.ceil(radius))
    number = rng.poisson(per_voxel * (edge + 2 * beyond) ** 3)
    pores = np.ones((edge,) * 3, bool)
    for centre in rng.uniform(-beyond, edge + beyond, (number, 3)):
        low = np.clip(np.floor(centre - radius), 0, edge).astype(int)
        high = np.clip(np.ceil(centre + radius) + 1, 0, edge).astype(int)
        grid = np.ogrid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
        inside = sum((each - at) ** 2 for each, at in zip(grid, centre, strict=True)) < radius**2
        pores[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] &= ~inside
    return pores


def simple_cubic(edge: int) -> np.ndarray:
    """Return the pores, bool, between equal balls that touch, one in each cubic cell."""
    z, y, x = np.mgrid[:edge, :edge, :edge] - (edge - 1) / 2
    return z**2 + y**2 + x**2 >= (edge / 2) ** 2
