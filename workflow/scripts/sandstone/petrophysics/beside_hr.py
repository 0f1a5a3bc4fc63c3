"""The pores of an image beside those of HR: a row of the table for each threshold."""

import argparse
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from sandstone.errors import InputError
from sandstone.petrophysics import measures, rock_tables
from sandstone.petrophysics.segmentation import pore_threshold, segment, sweep

if TYPE_CHECKING:
    from collections.abc import Iterable

Measured = dict[str, float]  # by column

CUBIC = 0.01  # relative difference of voxel edges that still counts as cubic
SMALL = 5  # correlation lengths that an edge needs for a number to speak for the rock


def threshold_of(images: "Iterable[np.ndarray]", grey_max: int, phases: int) -> float:
    """Return the threshold of pores of all images together, from their histogram."""
    counts = np.zeros(grey_max + 1, np.int64)
    for image in images:
        counts += np.bincount(image.ravel(), minlength=len(counts))
    return pore_threshold(counts, phases)


@dataclass(frozen=True)
class Measuring:
    """How pores are measured, and what the images have said of their size so far.

    Attributes
    ----------
    chosen : list of Measure
    swept : list of (float, float)
        Thresholds, grey levels, each after its offset, % of the data range.
    speckle : int
        Edge of the largest speck, voxels.
    voxel_um : float
    """

    chosen: list[measures.Measure]
    swept: list[tuple[float, float]]
    speckle: int
    voxel_um: float
    lengths: list[float] = field(default_factory=list)

    @classmethod
    def by(
        cls, args: argparse.Namespace, threshold: float, grey_max: int, voxel_um: float
    ) -> "Measuring":
        """Return what the flags of `options` ask for, around a threshold."""
        dimensions = 2 if args.depth == 1 else 3
        return cls(
            measures.chosen(dimensions, permeability=args.permeability),
            sweep(threshold, grey_max, args.sweep, args.steps),
            args.speckle,
            voxel_um,
        )

    @property
    def columns(self) -> list[str]:
        """The columns of the table."""
        both = [each.column + end for each in self.chosen for end in ("", rock_tables.OF_HR)]
        return [*rock_tables.IMAGE_COLUMNS, *both]

    def measured(self, levels: np.ndarray) -> list[Measured]:
        """Return the measures of grey levels, shape (y, x) or (z, y, x), at each threshold."""
        return [self._at(levels, offset, threshold) for offset, threshold in self.swept]

    def _at(self, levels: np.ndarray, offset: float, threshold: float) -> Measured:
        pores = segment(levels, threshold, self.speckle)
        return {
            each.column: each.of(pores, self.voxel_um)
            for each in self.chosen
            if each.swept or offset == 0
        }

    def rows(
        self, where: Sequence[object], sr: Sequence[Measured], hr: Sequence[Measured]
    ) -> Iterator[list[object]]:
        """Yield a row a threshold; `where` fills the columns before the offset."""
        for (offset, threshold), *both in zip(self.swept, sr, hr, strict=True):
            if offset == 0:
                self.lengths.append(both[1]["length_um"])
            yield [*where, f"{offset:g}", f"{threshold:.3f}"] + [
                _cell(of.get(each.column)) for each in self.chosen for of in both
            ]

    def tell_if_small(self, shape: Sequence[int]) -> None:
        """Say when images are too small for their numbers to speak for the rock."""
        known = [length for length in self.lengths if np.isfinite(length)]
        if not known:
            print("note: no image tells how far its pores reach: it is smaller than that")
            return
        length, edge = float(np.median(known)), min(shape) * self.voxel_um
        if edge < SMALL * length:
            print(
                f"note: an image of {edge:.0f} µm is {edge / length:.1f} correlation lengths wide, "
                f"and its numbers speak for the rock from {SMALL} on; compare methods by them, not "
                "rocks",
                flush=True,
            )


def check_cubic(voxel_size_um: Sequence[float], source: object) -> None:
    """Refuse blocks of voxels that are longer along z, in which no length would be right."""
    if max(voxel_size_um) > (1 + CUBIC) * min(voxel_size_um):
        sizes = " × ".join(f"{size:g}" for size in voxel_size_um)
        raise InputError(
            f"{source}: blocks need cubic voxels, and these are {sizes} µm (z, y, x); set "
            "evaluation.rock.depth to 0"
        )


def _cell(value: float | None) -> str:
    """Return a number as a cell, empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.9g}"
