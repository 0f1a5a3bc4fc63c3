"""A coarse scan on the grid that the slices of a fine one ask for."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from sandstone.registration.transform import Transform
from sandstone.sizes import VoxelSize, voxel_bytes

# Coarse voxels around those that a plane needs. The weights of a cubic spline fall by 3.7 a voxel,
# so that what lies beyond acts on less than a hundredth of a grey level of 16 bits.
MARGIN = 12
SLAB_BYTES = 1 << 28  # of spline coefficients in memory

Read = Callable[[int, int, slice], np.ndarray]


@dataclass(frozen=True)
class Grid:
    """Pixels of a stack of fine slices: one plane a slice, `scale` x `scale` voxels a pixel.

    Attributes
    ----------
    origin : tuple of int
        First voxel z, y, x of the stack in the fine scan.
    shape : tuple of int
        Planes, rows and columns of pixels.
    scale : int
        Fine voxels along each edge of a pixel.
    voxel_size_um : tuple of float
        Of the fine scan, z, y, x.
    """

    origin: tuple[int, int, int]
    shape: tuple[int, int, int]
    scale: int
    voxel_size_um: VoxelSize

    @property
    def lr_voxel_size_um(self) -> VoxelSize:
        """Distance of planes, and edges of an LR pixel."""
        z, y, x = self.voxel_size_um
        return z, self.scale * y, self.scale * x

    def corners_um(self) -> np.ndarray:
        """Return the centres of the outermost pixels in the fine scan, shape (8, 3)."""
        outer = [self.centres_um(plane) for plane in (0, self.shape[0] - 1)]
        return np.stack([plane[y, x] for plane in outer for y in (0, -1) for x in (0, -1)])

    def centres_um(self, plane: int) -> np.ndarray:
        """Return the centres of the pixels of a plane in the fine scan, shape (y, x, 3)."""
        (z0, y0, x0), (dz, dy, dx) = self.origin, self.voxel_size_um
        _, rows, columns = self.shape
        y = (y0 + (np.arange(rows) + 0.5) * self.scale) * dy
        x = (x0 + (np.arange(columns) + 0.5) * self.scale) * dx
        centres = np.empty((rows, columns, 3))
        centres[..., 0] = (z0 + plane + 0.5) * dz
        centres[..., 1], centres[..., 2] = np.meshgrid(y, x, indexing="ij")
        return centres


class CoarseScan:
    """A scan on the grid of another one, interpolated by cubic splines, plane by plane.

    Only what the grid needs is read, and a slab of it is in memory.

    Parameters
    ----------
    read : callable
        ``read(z0, z1, rows)`` returns these rows of the scan's slices z0 to z1 - 1, shape
        (z1 - z0, y, x): that of a volume.
    shape : tuple of int
        Of the scan, voxels z, y, x.
    voxel_size_um : tuple of float
        Of the scan.
    transform : Transform
        From the fine scan, to which the grid belongs, to this one.
    grid : Grid
    """

    def __init__(
        self,
        read: Read,
        shape: tuple[int, int, int],
        voxel_size_um: VoxelSize,
        transform: Transform,
        grid: Grid,
    ) -> None:
        self._read = read
        self._shape = shape
        self._voxel_size_um = voxel_size_um
        self._transform = transform
        self._grid = grid
        corners = self._indices(grid.corners_um())
        self._rows, self._columns = (self._reach(corners[:, axis], axis) for axis in (1, 2))
        across = (self._rows.stop - self._rows.start, self._columns.stop - self._columns.start)
        self._most = max(1, SLAB_BYTES // voxel_bytes(across, np.float64))
        self._first = 0
        self._slab = np.empty((0, *across))

    def plane(self, number: int) -> np.ndarray:
        """Return the grey levels of a plane of the grid, float64 of shape (y, x).

        Where the scan does not show them, they are those of its mirror image.
        """
        indices = self._indices(self._grid.centres_um(number))
        slab = self._reach(indices[..., 0], 0)
        self._hold(slab.start, slab.stop)
        indices -= (self._first, self._rows.start, self._columns.start)
        within = np.moveaxis(indices, -1, 0)
        return map_coordinates(self._slab, within, order=3, mode="mirror", prefilter=False)

    def shown(self, number: int) -> np.ndarray:
        """Return which pixels of a plane lie in voxels of the scan, bool of shape (y, x)."""
        indices = self._indices(self._grid.centres_um(number))
        inside = (indices >= -0.5) & (indices <= np.subtract(self._shape, 0.5))
        return np.all(inside, axis=-1)

    def _indices(self, points_um: np.ndarray) -> np.ndarray:
        """Return points of the fine scan (..., 3) as voxel indices of this one."""
        return self._transform.to_coarse(points_um) / self._voxel_size_um - 0.5

    def _reach(self, indices: np.ndarray, axis: int) -> slice:
        """Return the voxels along an axis that indices need: at least one, all within the scan."""
        last = self._shape[axis] - 1
        ends = (np.floor(indices.min()) - MARGIN, np.ceil(indices.max()) + MARGIN)
        first, final = (int(np.clip(end, 0, last)) for end in ends)
        return slice(first, final + 1)

    def _hold(self, start: int, stop: int) -> None:
        """Have the spline coefficients of the slices start to stop - 1 in memory."""
        if self._first <= start and stop <= self._first + len(self._slab):
            return
        stop = min(self._shape[0], max(stop, start + self._most))
        voxels = self._read(start, stop, self._rows)[:, :, self._columns]
        self._slab = spline_filter(voxels, order=3, mode="mirror")
        self._first = start
