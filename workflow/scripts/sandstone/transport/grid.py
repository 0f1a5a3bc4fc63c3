"""Pore voxels as the unknowns of a linear system."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Links:
    """Which pore voxels touch each other, and which lie at the ends of an axis.

    Attributes
    ----------
    size : int
        Number of pore voxels.
    pairs : ndarray of int, shape (n, 2)
        Numbers of pore voxels that share a face.
    first, last : ndarray of int
        Numbers of those in the first and the last slice of the axis.
    """

    size: int
    pairs: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def laplacian(self, conductance: np.ndarray, ends: float) -> sparse.csr_array:
        """Return the matrix of currents out of each voxel, positive definite.

        Parameters
        ----------
        conductance : ndarray, shape (n,)
            Of each pair.
        ends : float
            Conductance from the voxels of both end slices to what lies beyond, at potential 0.
        """
        here, there = self.pairs.T
        both = np.concatenate([here, there])
        diagonal = np.bincount(both, np.tile(conductance, 2), self.size)
        np.add.at(diagonal, np.concatenate([self.first, self.last]), ends)
        numbers = np.arange(self.size)
        rows = np.concatenate([numbers, here, there])
        columns = np.concatenate([numbers, there, here])
        values = np.concatenate([diagonal, np.tile(-conductance, 2)])
        shape = (self.size, self.size)
        return sparse.coo_array((values, (rows, columns)), shape).tocsr()


def numbered(mask: np.ndarray) -> np.ndarray:
    """Return the number of each voxel of a mask, int32, from 0; -1 beside it."""
    numbers = np.full(mask.shape, -1, np.int32)
    numbers[mask] = np.arange(np.count_nonzero(mask))
    return numbers


def links_of(pores: np.ndarray, axis: int) -> Links:
    """Return the links of pores, bool, of any number of dimensions, with the ends of `axis`."""
    numbers = numbered(pores)
    pairs = []
    for along in range(pores.ndim):
        moved = np.moveaxis(numbers, along, 0)
        both = np.stack([moved[:-1].ravel(), moved[1:].ravel()], axis=1)
        pairs.append(both[(both >= 0).all(axis=1)])
    ends = (numbers.take(index, axis).ravel() for index in (0, -1))
    first, last = (end[end >= 0] for end in ends)
    return Links(int(numbers.max()) + 1, np.concatenate(pairs), first, last)
