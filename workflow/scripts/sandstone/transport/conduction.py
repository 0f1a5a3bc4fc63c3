"""Electric current through a pore space: the formation factor."""

import numpy as np
from scipy.sparse.linalg import cg

from sandstone.transport.grid import Links, links_of
from sandstone.transport.multigrid import multigrid
from sandstone.transport.percolation import percolating

TOLERANCE = 1e-6  # of the residual; the current then agrees with both ends to 1e-4


def formation_factor(pores: np.ndarray, axis: int) -> float:
    """Return the resistivity of the rock over that of the brine in its pores.

    Brine conducts, grains do not. The two faces across `axis` have different potentials, the four
    others are sealed. Infinite where the pores do not percolate.

    Parameters
    ----------
    pores : ndarray of bool, shape (z, y, x) or (y, x)
    axis : int
        Of the current.

    References
    ----------
    Archie, G. E. (1942). The electrical resistivity log as an aid in determining some reservoir
    characteristics. Transactions of the AIME 146(1), 54-62. Finite volumes with the potential at
    the centres of voxels: Garboczi, E. J. (1998), NIST report 6269.
    """
    conducting = percolating(pores, axis)
    if not conducting.any():
        return float("inf")
    links = links_of(conducting, axis)
    potential = _potential(links)
    current = 2 * float((1 - potential[links.first]).sum())
    length, section = pores.shape[axis], pores.size / pores.shape[axis]
    return section / (length * current)


def _potential(links: Links) -> np.ndarray:
    """Return the potential of each pore voxel: 1 before the first slice and 0 behind the last."""
    matrix = links.laplacian(np.ones(len(links.pairs)), ends=2.0)
    ends = np.zeros(links.size)
    ends[links.first] = 2.0  # a half voxel away
    found, _ = cg(matrix, ends, rtol=TOLERANCE, maxiter=500, M=multigrid(matrix))
    return found
