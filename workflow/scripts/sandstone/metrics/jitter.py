"""Slice-to-slice jitter: how a volume changes along z, against how it changes within slices.

A network that enlarges slice by slice may decide differently in each, and the volume flickers
along z. How much it changes over a distance is its structure function (Matheron 1963, there
squared and called variogram; here absolute, which is robust against a few bright minerals). In
rock without a preferred direction it is the same along z as within a slice, whatever the rock;
flicker raises it along z alone. The ratio of the two is therefore near 1, and the ratio of the
input, or of a true fine volume, says how near.

Two bands are measured apart, so that true fine detail is not mistaken for flicker: what the
coarse grid resolves (means over the cells that coarse voxels cover), over one coarse slice; and
the detail finer than that, over one slice of the volume.

References
----------
Matheron, G. (1963). Principles of geostatistics. Economic Geology 58(8), 1246-1266.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import NamedTuple

import numpy as np

# Voxels (z0, z1, rows, columns) of a volume, shape (z, y, x).
Read = Callable[[int, int, slice, slice], np.ndarray]

# Mean absolute differences along z and within slices.
Differences = tuple[float, float]

EDGE = 64  # cells, of a column that is measured
MOST = 4  # columns along y and along x: tens of thousands of cells a slice tell enough
DEPTH = 16  # about, slices of a column that are in memory at once


class Lags(NamedTuple):
    """Steps between compared places: along z, and along y and x; in cells or in voxels."""

    z: int
    plane: int


class Jitter(NamedTuple):
    """One line of the table: mean absolute differences in grey levels, over one distance."""

    source: str
    band: str
    distance_um: float
    z_difference: float
    plane_difference: float
    ratio: float


@dataclass
class _Band:
    """Sums of absolute differences of one band."""

    lags: Lags
    sums: np.ndarray = field(default_factory=lambda: np.zeros(2))
    counts: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int64))
    before: np.ndarray | None = None

    def add(self, slices: np.ndarray) -> None:
        """Take the next slices of one column of voxels."""
        joined = slices if self.before is None else np.concatenate([self.before, slices])
        step, plane = self.lags
        # What is compared within slices must not be compared again with the next slices.
        self._sum(0, joined[step:] - joined[:-step])
        self._sum(1, slices[:, plane:] - slices[:, :-plane])
        self._sum(1, slices[:, :, plane:] - slices[:, :, :-plane])
        self.before = joined[-step:]

    def _sum(self, place: int, differences: np.ndarray) -> None:
        self.sums[place] += np.abs(differences).sum(dtype=np.float64)
        self.counts[place] += differences.size

    def means(self) -> Differences:
        """Return the mean absolute differences along z and within slices; NaN without any."""
        with np.errstate(invalid="ignore"):
            along, within = self.sums / self.counts
        return float(along), float(within)


def measure(
    read: Read,
    shape: tuple[int, int, int],
    *,
    cell: tuple[int, int],
    resolved: Lags,
    detail: Lags | None,
) -> dict[str, Differences]:
    """Return the mean absolute differences (along z, within slices) of each band.

    Parameters
    ----------
    read : callable
    shape : tuple of int
        Of the volume, voxels. Cells that it cuts are left out; of a large volume, `MOST`²
        columns of `EDGE`² cells a slice are taken, the same ones of the coarse and the fine.
    cell : tuple of int
        Voxels that a coarse voxel covers along z, and along y and x.
    resolved : Lags
        In cells.
    detail : Lags or None
        In voxels; None where cells are single voxels and there is no detail.

    Returns
    -------
    dict
        Of the bands ``resolved`` and ``detail``.
    """
    coarse, fine = _Band(resolved), detail and _Band(detail)
    for column in _columns(shape, cell[1]):
        coarse.before = None
        if fine:
            fine.before = None
        for slices in _layers(read, shape[0] // cell[0] * cell[0], cell[0], column):
            means = _cell_means(slices, cell)
            coarse.add(means)
            if fine:
                fine.add(slices - _spread(means, cell))
    bands = {"resolved": coarse.means()}
    return {**bands, "detail": fine.means()} if fine else bands


def row(source: str, band: str, distance_um: float, differences: Differences) -> Jitter:
    """Return one line of the table; the ratio is NaN where nothing changes within slices."""
    along, within = differences
    ratio = along / within if within else float("nan")
    return Jitter(source, band, distance_um, along, within, ratio)


def _columns(shape: tuple[int, int, int], cell: int) -> list[tuple[slice, slice]]:
    """Return rows and columns that cover all whole cells, or are spread over a large volume."""
    rows, columns = (_parts(length // cell * cell, EDGE * cell) for length in shape[1:])
    return list(product(rows, columns))


def _parts(length: int, edge: int) -> list[slice]:
    parts = [slice(start, min(start + edge, length)) for start in range(0, length, edge)]
    count = min(len(parts), MOST)
    # Away from the border, where a plug has air.
    return [parts[(2 * i + 1) * len(parts) // (2 * count)] for i in range(count)]


def _layers(read: Read, depth: int, cell: int, column: tuple[slice, slice]) -> Iterator[np.ndarray]:
    step = max(1, DEPTH // cell) * cell
    for z in range(0, depth, step):
        voxels = read(z, min(z + step, depth), *column)
        yield voxels.astype(np.float32 if voxels.itemsize <= 2 else np.float64)


def _cell_means(slices: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    along, across = cell
    parts = [
        slices[z::along, y::across, x::across]
        for z in range(along)
        for y in range(across)
        for x in range(across)
    ]
    return sum(parts, np.zeros_like(parts[0])) / len(parts)


def _spread(means: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    along, across = cell
    return means.repeat(along, 0).repeat(across, 1).repeat(across, 2)
