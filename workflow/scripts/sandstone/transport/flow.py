"""Slow flow through a pore space: permeability by the Stokes equations on a staggered grid."""

import contextlib
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy import ndimage, sparse
from scipy.sparse.linalg import LinearOperator, minres

from sandstone.transport.grid import links_of, numbered
from sandstone.transport.multigrid import multigrid
from sandstone.transport.percolation import percolating

DARCY = 9.869233e-13  # m²
CHECK_EVERY = 10  # iterations
CHANGE = 1e-3  # relative change of the flux between two checks
SCATTER = 2e-3  # standard deviation of the flux over the slices, of its mean
MOST_ITERATIONS = 2000


class Flow(NamedTuple):
    """What a solution says.

    Attributes
    ----------
    permeability : float
        In squared voxel edges; 0 where the pores do not percolate.
    scatter : float
        Standard deviation of the flux over the slices, as a share of its mean. The exact solution
        has none, so this tells how far the solver came.
    """

    permeability: float
    scatter: float


def in_square_metres(permeability: float, voxel_um: float) -> float:
    """Return a permeability given in squared voxel edges."""
    return permeability * (voxel_um * 1e-6) ** 2


def in_darcy(permeability: float, voxel_um: float) -> float:
    """Return a permeability given in squared voxel edges; 1 darcy is 9.869233e-13 m²."""
    return in_square_metres(permeability, voxel_um) / DARCY


def permeability(pores: np.ndarray, axis: int, *, mirrored: bool = False) -> Flow:
    """Return the permeability along an axis, by the Stokes equations.

    Pressures act on the two faces across `axis`; the four others are sealed, and water sticks to
    them as to grains. Velocities lie on the faces of voxels and pressures in their centres (Harlow
    & Welch 1965). Flat channels of 4, 8 and 16 voxels come out 12.5, 3.1 and 0.8 % too permeable;
    in rock with throats of few voxels k may be off by tens of per cent, so compare images of
    one voxel size alone.

    Parameters
    ----------
    pores : ndarray of bool, shape (z, y, x)
    axis : int
        Of the flow.
    mirrored : bool
        Whether the rock goes on beyond the four sides as in a mirror, where water slides along
        them: right for a cell of a regular pack.

    Returns
    -------
    Flow

    Notes
    -----
    MINRES on velocities and pressures together. The preconditioner is algebraic multigrid for the
    velocities, and the identity plus a Darcy solve for the pressures, whose local permeability
    follows from the distance to grains: in open pores the first is right, in throats the second. It
    stops by the flux, since small residuals say little about it.

    References
    ----------
    Harlow, F. H., Welch, J. E. (1965). Numerical calculation of time-dependent viscous
    incompressible flow of fluid with free surface. Physics of Fluids 8, 2182-2189. Elman, H.,
    Silvester, D., Wathen, A. (2014). Finite elements and fast iterative solvers, 2nd edition,
    chapter 4, Oxford University Press.
    """
    flowing = percolating(pores, axis)
    if not flowing.any():
        return Flow(0.0, 0.0)
    system = _System.of(np.moveaxis(flowing, axis, 0), mirrored=mirrored)
    return system.solve()


@dataclass(frozen=True)
class _System:
    """The Stokes equations of flow along the first axis, with viscosity and pressure drop 1.

    Attributes
    ----------
    viscous : list of sparse arrays
        Negative Laplacian of the velocity along each axis.
    divergence : sparse array
        From all velocities to the outflow of each pore voxel.
    drive : ndarray
        The pressure ahead of the first slice, as it acts on the velocities.
    layer : ndarray of int
        The face along the flow that each velocity crosses; -1 for those across the flow.
    darcy : sparse array
        Of pressures alone, where each voxel is as permeable as a channel of its width.
    shape : tuple of int
        Of the rock.
    """

    viscous: list[sparse.csr_array]
    divergence: sparse.csr_array
    drive: np.ndarray
    layer: np.ndarray
    darcy: sparse.csr_array
    shape: tuple[int, ...]

    @classmethod
    def of(cls, pores: np.ndarray, *, mirrored: bool) -> "_System":
        faces = [_open_faces(pores, axis) for axis in range(pores.ndim)]
        voxels = numbered(pores)
        numbers = [numbered(face) for face in faces]
        along = np.nonzero(faces[0])[0]
        across = sum(int(np.count_nonzero(face)) for face in faces[1:])
        layer = np.concatenate([along, np.full(across, -1)])
        return cls(
            viscous=[_viscous(pores, axis, mirrored=mirrored) for axis in range(pores.ndim)],
            divergence=_divergence(voxels, numbers),
            drive=(layer == 0).astype(np.float64),
            layer=layer,
            darcy=_darcy(pores),
            shape=pores.shape,
        )

    def flux(self, velocities: np.ndarray) -> np.ndarray:
        """Return what flows through each layer of faces along the flow."""
        flowing = self.layer >= 0
        return np.bincount(self.layer[flowing], velocities[: len(flowing)][flowing])

    def solve(self) -> Flow:
        """Solve until the flux rests."""
        velocities = len(self.layer)
        length, section = self.shape[0], self.shape[1] * self.shape[2]
        block = sparse.block_diag(self.viscous, format="csr")
        matrix = sparse.bmat([[block, self.divergence.T], [self.divergence, None]], format="csr")
        right = np.concatenate([self.drive, np.zeros(self.divergence.shape[0])])
        progress = _Progress(self, velocities)
        preconditioner = self._preconditioner(velocities)
        with contextlib.suppress(StopIteration):
            found, _ = minres(
                matrix,
                right,
                rtol=0.0,
                maxiter=MOST_ITERATIONS,
                M=preconditioner,
                callback=progress,
            )
            progress.flux = self.flux(found[:velocities])  # a few pores are solved at once
        flux = progress.flux
        mean = float(flux.mean())
        # The pressures act half a voxel before and behind the pores, on walls that go on so far.
        return Flow(mean * (length + 1) / section, float(flux.std() / abs(mean)))

    def _preconditioner(self, velocities: int) -> LinearOperator:
        applied = [multigrid(each) for each in (*self.viscous, self.darcy)]
        ends = np.cumsum([0, *(each.shape[0] for each in self.viscous)])

        def apply(residual: np.ndarray) -> np.ndarray:
            parts = [
                solver @ residual[start:stop]
                for solver, (start, stop) in zip(applied, pairwise(ends), strict=False)
            ]
            pressure = residual[velocities:]
            return np.concatenate([*parts, pressure + applied[-1] @ pressure])

        size = velocities + self.darcy.shape[0]
        return LinearOperator((size, size), matvec=apply, dtype=np.float64)


class _Progress:
    """Looks at the flux now and then, and ends the iteration where it rests."""

    def __init__(self, system: _System, velocities: int) -> None:
        self.system, self.velocities = system, velocities
        self.iteration = 0
        self.flux = np.zeros(1)

    def __call__(self, solution: np.ndarray) -> None:
        self.iteration += 1
        if self.iteration % CHECK_EVERY:
            return
        before, self.flux = self.flux.mean(), self.system.flux(solution[: self.velocities])
        mean = self.flux.mean()
        rests = abs(mean - before) < CHANGE * abs(mean)
        if rests and self.flux.std() < SCATTER * abs(mean):
            raise StopIteration


def _open_faces(pores: np.ndarray, axis: int) -> np.ndarray:
    """Return which faces across an axis water may cross, the outer ones among them.

    Along the first axis, the ends are open; the sides are sealed.
    """
    padding = [(0, 0)] * pores.ndim
    padding[axis] = (1, 1)
    padded = np.pad(pores, padding, mode="edge" if axis == 0 else "constant")
    lines = np.moveaxis(padded, axis, 0)
    return np.moveaxis(lines[1:] & lines[:-1], 0, axis)


def _touching(pores: np.ndarray, axis: int) -> np.ndarray:
    """Return which faces across an axis have water on one side at least."""
    padding = [(0, 0)] * pores.ndim
    padding[axis] = (1, 1)
    padded = np.pad(pores, padding, mode="edge" if axis == 0 else "constant")
    lines = np.moveaxis(padded, axis, 0)
    return np.moveaxis(lines[1:] | lines[:-1], 0, axis)


def _viscous(pores: np.ndarray, axis: int, *, mirrored: bool) -> sparse.csr_array:
    """Return the negative Laplacian of the velocity along an axis.

    A velocity next to it may be another unknown; lie on a wall, where it is 0; lie within grains
    or outside, so that the wall is half an edge away and the velocity beyond it the negative of
    this one; or lie beyond an open end or a mirror, where nothing changes along the line.
    """
    unknown, touching = _open_faces(pores, axis), _touching(pores, axis)
    numbers = numbered(unknown)
    size = int(np.count_nonzero(unknown))
    diagonal = np.zeros(size)
    pairs = []
    for along in range(pores.ndim):
        is_end = along == 0  # both ends of the flow are open
        lines = np.moveaxis(numbers, along, 0)
        wall = np.moveaxis(touching, along, 0)
        outside = np.full((1, *lines.shape[1:]), -1, np.int32)
        for step in (1, -1):
            there = np.concatenate([lines[1:], outside] if step == 1 else [outside, lines[:-1]])
            dry = np.zeros((1, *wall.shape[1:]), bool)
            on_wall = np.concatenate([wall[1:], dry] if step == 1 else [dry, wall[:-1]])
            here = lines >= 0
            own, neighbour = lines[here], there[here]
            if along == axis:
                weight = np.ones(own.size)  # a wall lies on the next face
            else:
                weight = np.where(neighbour >= 0, 1.0, np.where(on_wall[here], 1.0, 2.0))
            if is_end or (mirrored and along != axis):
                last = np.zeros(lines.shape, bool)
                last[-1 if step == 1 else 0] = True
                weight = np.where(last[here], 0.0, weight)
            diagonal += np.bincount(own, weight, size)
            if step == 1:
                linked = neighbour >= 0
                pairs.append(np.stack([own[linked], neighbour[linked]], axis=1))
    here, there = np.concatenate(pairs).T
    numbers_of = np.arange(size)
    values = np.concatenate([diagonal, np.full(2 * len(here), -1.0)])
    rows = np.concatenate([numbers_of, here, there])
    columns = np.concatenate([numbers_of, there, here])
    return sparse.coo_array((values, (rows, columns)), (size, size)).tocsr()


def _divergence(voxels: np.ndarray, faces: list[np.ndarray]) -> sparse.csr_array:
    """Return the matrix from all velocities to the outflow of each voxel, with its sign turned."""
    pores = voxels >= 0
    rows, columns, values, offset = [], [], [], 0
    for axis, numbers in enumerate(faces):
        lines = np.moveaxis(numbers, axis, 0)
        for sign, side in ((1.0, lines[:-1]), (-1.0, lines[1:])):
            face = np.moveaxis(side, 0, axis)[pores]
            is_open = face >= 0
            rows.append(voxels[pores][is_open])
            columns.append(face[is_open] + offset)
            values.append(np.full(np.count_nonzero(is_open), sign))
        offset += int(numbers.max()) + 1
    entries = (np.concatenate(rows), np.concatenate(columns))
    shape = (int(pores.sum()), offset)
    return sparse.coo_array((np.concatenate(values), entries), shape).tocsr()


def _darcy(pores: np.ndarray) -> sparse.csr_array:
    """Return the pressures' matrix where each voxel is as permeable as a channel of its width."""
    padded = np.pad(pores, [(0, 0), *[(1, 1)] * (pores.ndim - 1)])
    distance = ndimage.distance_transform_edt(padded)[:, 1:-1, 1:-1]
    local = ndimage.maximum_filter(distance, 3)[pores] ** 2 / 3  # half width squared over 3
    links = links_of(pores, 0)
    conductance = 2 / (1 / local[links.pairs[:, 0]] + 1 / local[links.pairs[:, 1]])
    return links.laplacian(conductance, ends=float(2 * np.median(local)))
