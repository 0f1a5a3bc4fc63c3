"""What is measured of pores, once for the tables, the summary, the figures and the docs.

A measure is its function and its entry in `MEASURES`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from sandstone.petrophysics import morphology
from sandstone.petrophysics.columns import PERCOLATES, SURFACE
from sandstone.transport import conduction, flow
from sandstone.transport.percolation import percolating

AXES = "zyx"
Of = Callable[[np.ndarray, float], float]  # pores and the edge of a voxel, µm


@dataclass(frozen=True)
class Measure:
    """A number that describes pores.

    Attributes
    ----------
    column : str
        In tables.
    name, unit : str
        For readers; `{d}` in a unit stands for the number of dimensions.
    of : callable
        Takes pores, bool, shape (y, x) or (z, y, x), and the edge of a voxel, µm.
    swept : bool
        Whether it is taken at every threshold; what is costly is taken at the middle one.
    dimensions : tuple of int
        Of the images that have it.
    """

    column: str
    name: str
    unit: str
    of: Of
    swept: bool = True
    dimensions: tuple[int, ...] = (2, 3)


def mean_chord(pores: np.ndarray, voxel_um: float) -> float:
    """Return the mean chord over the axes, micrometres."""
    axes = range(pores.ndim)
    return float(np.mean([morphology.mean_chord(pores, voxel_um, axis) for axis in axes]))


def _percolates(pores: np.ndarray, _: float, axis: int) -> float:
    """Return 1 where pores lead through along an axis counted from the last, else 0."""
    return float(percolating(pores, pores.ndim + axis).any())


def _conductance(pores: np.ndarray, _: float, axis: int) -> float:
    return 1 / conduction.formation_factor(pores, pores.ndim + axis)


def _permeability(pores: np.ndarray, voxel_um: float, axis: int) -> float:
    found = flow.permeability(pores, pores.ndim + axis)
    return flow.in_darcy(found.permeability, voxel_um)


def _along_axes(
    column: str, name: str, unit: str, of: Callable[..., float], *, flat: bool, swept: bool = False
) -> Iterator[Measure]:
    """Yield one measure for each axis; in slices there is none along z."""
    for axis in (-3, -2, -1):
        dimensions = (2, 3) if flat and axis > -3 else (3,)
        letter = AXES[axis]
        yield Measure(
            f"{column}_{letter}",
            f"{name} along {letter}",
            unit,
            partial(of, axis=axis),
            swept,
            dimensions,
        )


PERMEABILITY = "permeability"  # costs more than all others together
MEASURES = (
    Measure("porosity", "porosity", "", lambda pores, _: morphology.porosity(pores)),
    Measure(SURFACE, "specific surface", "1/mm", morphology.specific_surface),
    Measure("chord_um", "mean chord", "µm", mean_chord),
    Measure("euler_per_mm", "Euler density", "1/mm^{d}", morphology.euler_density),
    Measure("width_um", "mean pore width", "µm", morphology.mean_width, swept=False),
    Measure("length_um", "correlation length", "µm", morphology.correlation_length, swept=False),
    *_along_axes(PERCOLATES, "percolation", "", _percolates, flat=True, swept=True),
    *_along_axes("conductance", "conductance (1/F)", "", _conductance, flat=False),
    *_along_axes(PERMEABILITY, "permeability", "darcy", _permeability, flat=False),
)


def chosen(dimensions: int, *, permeability: bool) -> list[Measure]:
    """Return the measures of images of so many dimensions."""
    return [
        measure
        for measure in MEASURES
        if dimensions in measure.dimensions
        and (permeability or not measure.column.startswith(PERMEABILITY))
    ]


def described(column: str) -> Measure:
    """Return the measure of a column."""
    return next(measure for measure in MEASURES if measure.column == column)
