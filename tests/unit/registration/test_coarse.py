"""A coarse scan on the grid of a fine one: exact where it must be, and read in parts."""

import numpy as np
import pytest

from sandstone.registration import coarse
from sandstone.registration.coarse import CoarseScan, Grid
from sandstone.registration.transform import Transform

COARSE_UM = (6.0, 6.0, 6.0)
GRID = Grid(origin=(0, 0, 0), shape=(24, 8, 10), scale=3, voxel_size_um=(2.0, 2.0, 2.0))


def ramp(shape: tuple[int, int, int]) -> np.ndarray:
    """Levels that rise along every axis, which a cubic spline follows exactly inside."""
    z, y, x = np.indices(shape)
    return 100 * z + 10 * y + 2.0 * x


class Scan:
    """A scan in memory that remembers what was read of it."""

    def __init__(self, voxels: np.ndarray) -> None:
        self.voxels = voxels
        self.parts: list[tuple[int, int, slice]] = []

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        self.parts.append((z0, z1, rows))
        return self.voxels[z0:z1, rows]

    def on(self, grid: Grid, transform: Transform | None = None) -> CoarseScan:
        return CoarseScan(self.read, self.voxels.shape, COARSE_UM, transform or Transform(), grid)


def test_scans_that_lie_on_each_other_need_no_interpolation_within_slices():
    voxels = np.random.default_rng(1).random((8, 8, 10))
    scan = Scan(voxels).on(GRID)
    # Slice 1 of the fine scan has the depth of coarse slice 0, slice 4 that of slice 1.
    for fine, own in ((1, 0), (4, 1), (22, 7)):
        np.testing.assert_allclose(scan.plane(fine), voxels[own], atol=1e-12)


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (1.5, -2.0, 3.0)])
def test_levels_are_those_at_the_shifted_place(shift):
    grid = Grid((30, 30, 30), (3, 4, 5), 3, (2.0, 2.0, 2.0))
    scan = Scan(ramp((40, 40, 40))).on(grid, Transform(shift))
    z, y, x = np.moveaxis((grid.centres_um(2) + shift) / 6 - 0.5, -1, 0)
    np.testing.assert_allclose(scan.plane(2), 100 * z + 10 * y + 2 * x, rtol=1e-6)


def test_a_turned_scan_is_read_where_it_lies():
    middle = (60.0, 60.0, 60.0)
    grid = Grid((27, 27, 27), (6, 2, 2), 3, (2.0, 2.0, 2.0))
    scan = Scan(ramp((40, 40, 40))).on(grid, Transform(rotation_deg=(0, 90, 0), centre_um=middle))
    # A quarter turn about y exchanges depth and width.
    rising = np.diff([scan.plane(k).mean() for k in range(6)])
    np.testing.assert_allclose(np.abs(rising), 2 / 3, rtol=1e-4)


def test_what_the_scan_does_not_show_is_told():
    scan = Scan(np.zeros((8, 8, 10))).on(GRID, Transform((0.0, 6.0, -12.0)))
    shown = scan.shown(5)
    assert shown[:-1, 2:].all()
    assert not shown[-1].any()
    assert not shown[:, :2].any()


def test_only_the_neighbourhood_of_the_grid_is_read():
    inside = Scan(np.zeros((200, 100, 100)))
    grid = Grid((300, 150, 90), (3, 4, 4), 3, (2.0, 2.0, 2.0))
    inside.on(grid).plane(0)
    (z0, z1, rows) = inside.parts[0]
    assert z0 == 100 - 1 - coarse.MARGIN
    assert z1 <= 200
    assert (rows.start, rows.stop) == (50 - coarse.MARGIN, 54 + coarse.MARGIN)


def test_slabs_change_nothing(monkeypatch):
    voxels = np.random.default_rng(2).random((60, 8, 10))
    grid = Grid((0, 0, 0), (180, 8, 10), 3, (2.0, 2.0, 2.0))
    whole, parted = Scan(voxels), Scan(voxels)
    expected = [whole.on(grid).plane(k) for k in range(180)]
    monkeypatch.setattr(coarse, "SLAB_BYTES", 30 * 8 * 10 * 8)
    scan = parted.on(grid)
    measured = [scan.plane(k) for k in range(180)]
    assert len(parted.parts) > 3
    assert max(z1 - z0 for z0, z1, _ in parted.parts) <= 30
    np.testing.assert_allclose(measured, expected, atol=1e-6)
