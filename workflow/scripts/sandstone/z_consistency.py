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
from typing import NamedTuple

import numpy as np

# Voxels (z0, z1, rows, columns) of a volume, shape (z, y, x).
Read = Callable[[int, int, slice, slice], np.ndarray]

# Mean absolute differences along z and within slices.
Differences = tuple[float, float]

EDGE = 256  # about, of the columns of voxels that are in memory at once
DEPTH = 16


class Lags(NamedTuple):
    """Steps between compared places: along z, and along y and x; in cells or in voxels."""

    z: int
    plane: int


class Row(NamedTuple):
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
        Of the volume, voxels. Cells that it cuts are left out.
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


def row(source: str, band: str, distance_um: float, differences: Differences) -> Row:
    """Return one line of the table; the ratio is NaN where nothing changes within slices."""
    along, within = differences
    ratio = along / within if within else float("nan")
    return Row(source, band, distance_um, along, within, ratio)


def _columns(shape: tuple[int, int, int], cell: int) -> Iterator[tuple[slice, slice]]:
    """Yield rows and columns that together cover all whole cells."""
    edge = max(1, EDGE // cell) * cell
    height, width = (length // cell * cell for length in shape[1:])
    for y in range(0, height, edge):
        for x in range(0, width, edge):
            yield slice(y, min(y + edge, height)), slice(x, min(x + edge, width))


def _layers(read: Read, depth: int, cell: int, column: tuple[slice, slice]) -> Iterator[np.ndarray]:
    step = max(1, DEPTH // cell) * cell
    for z in range(0, depth, step):
        yield read(z, min(z + step, depth), *column).astype(np.float64)


def _cell_means(slices: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    along, across = cell
    z, y, x = slices.shape
    cells = slices.reshape(z // along, along, y // across, across, x // across, across)
    return cells.mean(axis=(1, 3, 5))


def _spread(means: np.ndarray, cell: tuple[int, int]) -> np.ndarray:
    along, across = cell
    return means.repeat(along, 0).repeat(across, 1).repeat(across, 2)
