"""Packed, overgrown grains: where they lie, and how far each voxel is from their surfaces."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

PACKED_SHARE = 0.6  # solid share of touching grains before any cement grows on them
SIZE_SPREAD = 0.28  # standard deviation of ln(diameter), 0.4 phi: a well sorted sand
SIZE_LIMITS = (0.5, 2.0)  # smallest and largest diameter, shares of the mean
FLATTENING = 0.22  # standard deviation of ln(axis / diameter)
FACETS = 9  # flat faces a grain, as crystal growth leaves them
FACET_HEIGHT = (0.62, 0.95)  # centre to face, shares of the radius
RELAXATION_STEPS = 60
INFLATION = 1.12  # radii while grains push each other: spreads them evenly over the box


@dataclass(frozen=True)
class Grains:
    """Faceted ellipsoids.

    Attributes
    ----------
    centres : ndarray, shape (n, 3)
        z, y, x in voxels.
    radii : ndarray, shape (n,)
        Voxels.
    stretches : ndarray, shape (n, 3, 3)
        Matrices that turn an offset in voxels into one where the grain is a unit ball.
    facets : ndarray, shape (n, FACETS, 3)
        Vectors whose product with an offset in voxels is 1 on a face.
    """

    centres: np.ndarray
    radii: np.ndarray
    stretches: np.ndarray
    facets: np.ndarray

    def __len__(self) -> int:
        return len(self.radii)


@dataclass(frozen=True)
class DistanceFields:
    """Distances to the two nearest grain surfaces, voxels, negative inside a grain.

    Attributes
    ----------
    nearest, second : ndarray of float32, shape (z, y, x)
        Never above the reach that was asked for.
    label : ndarray of int32, shape (z, y, x)
        Number of the nearest grain.
    """

    nearest: np.ndarray
    second: np.ndarray
    label: np.ndarray


def pack(
    shape: tuple[int, int, int],
    mean_diameter: float,
    solid_share: float,
    rng: np.random.Generator,
) -> Grains:
    """Pack polydisperse grains into a box and a margin around it.

    Overlapping spheres push each other apart, as in force-biased packing (Mościński et al.,
    Mol. Simul. 3, 201, 1989), and are then given flattened and faceted shapes.

    Parameters
    ----------
    shape : tuple of int
        Box (z, y, x), voxels.
    mean_diameter : float
        Voxels, once cement has grown the grains from `PACKED_SHARE` to `solid_share`.
    solid_share : float
        Share of the box that the cemented grains take.
    rng : numpy.random.Generator
        Where sizes, places and shapes come from.
    """
    margin = mean_diameter
    low = np.full(3, -margin)
    high = np.asarray(shape) + margin
    radii = _radii(float(np.prod(high - low)), mean_diameter, solid_share, rng)
    centres = _relaxed(rng.uniform(low, high, (len(radii), 3)), INFLATION * radii, low, high)
    order = np.lexsort(centres.T)
    centres, radii = centres[order], radii[order]
    stretches = _stretches(radii, rng)
    return Grains(centres, radii, stretches, _facets(stretches, rng))


def _radii(
    volume: float, mean_diameter: float, solid_share: float, rng: np.random.Generator
) -> np.ndarray:
    growth = (PACKED_SHARE / solid_share) ** (1 / 3)
    sample = np.clip(np.exp(rng.normal(0, SIZE_SPREAD, 4096)), *SIZE_LIMITS)
    sample *= mean_diameter * growth / 2 / sample.mean()
    mean_volume = float(np.mean(4 / 3 * np.pi * sample**3))
    count = max(8, round(PACKED_SHARE * volume / mean_volume))
    return rng.choice(sample, count)


def _relaxed(
    centres: np.ndarray, radii: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    for _ in range(RELAXATION_STEPS):
        pairs = cKDTree(centres).query_pairs(2 * radii.max(), output_type="ndarray")
        pairs = pairs[np.lexsort(pairs.T)]
        first, other = pairs.T
        offset = centres[other] - centres[first]
        distance = np.maximum(np.linalg.norm(offset, axis=1), 1e-6)
        overlap = radii[first] + radii[other] - distance
        touching = overlap > 0
        push = (0.5 * overlap / distance)[touching, None] * offset[touching]
        np.add.at(centres, other[touching], push)
        np.add.at(centres, first[touching], -push)
        np.clip(centres, low, high, out=centres)
    return centres


def _stretches(radii: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    axes = np.exp(rng.normal(0, FLATTENING, (len(radii), 3)))
    axes /= np.cbrt(axes.prod(axis=1, keepdims=True))
    rotations, _ = np.linalg.qr(rng.normal(size=(len(radii), 3, 3)))
    return rotations / (axes * radii[:, None])[:, :, None]


def _facets(stretches: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    normals = rng.normal(size=(len(stretches), FACETS, 3))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    heights = rng.uniform(*FACET_HEIGHT, (len(stretches), FACETS, 1))
    return np.einsum("nfi,nij->nfj", normals / heights, stretches)


def distance_fields(
    grains: Grains, z: np.ndarray, shape_yx: tuple[int, int], reach: float
) -> DistanceFields:
    """Return the distances to the two nearest grains in some slices.

    Parameters
    ----------
    grains : Grains
        The packing.
    z : ndarray of int
        Rising depths of the slices, voxels.
    shape_yx : tuple of int
        Height and width of a slice, voxels.
    reach : float
        Distance, voxels, above which it need not be known.
    """
    shape = (len(z), *shape_yx)
    fields = DistanceFields(
        np.full(shape, reach, np.float32),
        np.full(shape, reach, np.float32),
        np.zeros(shape, np.int32),
    )
    axes = (np.asarray(z), np.arange(shape[1]), np.arange(shape[2]))
    extents = _extents(grains, reach)
    for index in range(len(grains)):
        low, high = grains.centres[index] - extents[index], grains.centres[index] + extents[index]
        box = tuple(
            slice(*np.searchsorted(axis, (start, stop)))
            for axis, start, stop in zip(axes, low, high, strict=True)
        )
        if all(part.start < part.stop for part in box):
            offsets = [
                (axis[part] - centre).astype(np.float32)
                for axis, part, centre in zip(axes, box, grains.centres[index], strict=True)
            ]
            _merge(fields, index, box, _distance(grains, index, offsets))
    return fields


def _extents(grains: Grains, reach: float) -> np.ndarray:
    """Return half the edges of the box in which a grain's surface is within reach."""
    inverse = np.linalg.inv(grains.stretches)
    return np.linalg.norm(inverse, axis=2) * (1 + reach / grains.radii)[:, None]


def _distance(grains: Grains, index: int, offsets: list[np.ndarray]) -> np.ndarray:
    """Return the distance to one grain: radius times (norm - 1), its faces at norm 1."""
    first, *others = grains.stretches[index]
    squares = _affine(first, offsets)
    squares *= squares
    for row in others:
        part = _affine(row, offsets)
        part *= part
        squares += part
    norm = np.sqrt(squares, out=squares)
    for facet in grains.facets[index]:
        np.maximum(norm, _affine(facet, offsets), out=norm)
    norm -= np.float32(1)
    norm *= np.float32(grains.radii[index])
    return norm


def _affine(vector: np.ndarray, offsets: list[np.ndarray]) -> np.ndarray:
    z, y, x = (np.float32(c) * offset for c, offset in zip(vector, offsets, strict=True))
    return (z[:, None] + y)[:, :, None] + x


def _merge(
    fields: DistanceFields, index: int, box: tuple[slice, ...], distance: np.ndarray
) -> None:
    nearest, second = fields.nearest[box], fields.second[box]
    np.copyto(fields.label[box], index, where=distance < nearest)
    np.minimum(second, np.maximum(nearest, distance), out=second)
    np.minimum(nearest, distance, out=nearest)
