"""The coarse scan of a pair on the grid of LR pixels that the fine scan's slices ask for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import map_coordinates, spline_filter

from sandstone.registration.transform import Transform
from sandstone.sizes import VoxelSize, voxel_bytes

# Coarse slices around those that a plane needs. The weights of a cubic spline fall by 3.7 a voxel,
# so that what lies beyond acts on less than a hundredth of a grey level of 16 bits.
MARGIN = 12
SLAB_BYTES = 1 << 28  # of spline coefficients in memory

Read = Callable[[int, int], np.ndarray]  # coarse slices z0 to z1 - 1, (z1 - z0, y, x)


@dataclass(frozen=True)
class Grid:
    """LR pixels of a stack of fine slices: one plane a slice, `scale` x `scale` voxels a pixel.

    Attributes
    ----------
    origin : tuple of int
        First voxel z, y, x of the stack in the fine scan.
    shape : tuple of int
        Planes, rows and columns of LR pixels.
    scale : int
        Fine voxels along each edge of an LR pixel.
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
    """The coarse scan, interpolated by cubic splines, plane by plane.

    Parameters
    ----------
    read : callable
        ``read(z0, z1)`` returns the coarse slices z0 to z1 - 1, shape (z1 - z0, y, x).
    shape : tuple of int
        Of the coarse scan, voxels z, y, x.
    voxel_size_um : tuple of float
        Of the coarse scan.
    transform : Transform
        From the fine scan to the coarse one.
    """

    def __init__(
        self,
        read: Read,
        shape: tuple[int, int, int],
        voxel_size_um: VoxelSize,
        transform: Transform,
    ) -> None:
        self._read = read
        self._shape = shape
        self._voxel_size_um = voxel_size_um
        self._transform = transform
        self._most = max(1, SLAB_BYTES // voxel_bytes(shape[1:], np.float64))
        self._first = 0
        self._slab = np.empty((0, *shape[1:]))

    def planes(self, grid: Grid) -> Iterator[np.ndarray]:
        """Yield the grey levels of each plane, float64 of shape (y, x).

        Where the scan does not show them, they are those of its mirror image.
        """
        for plane in range(grid.shape[0]):
            yield self._interpolate(self.indices(grid.centres_um(plane)))

    def shown(self, grid: Grid) -> Iterator[np.ndarray]:
        """Yield which pixels of each plane lie in voxels of the scan, bool of shape (y, x)."""
        for plane in range(grid.shape[0]):
            indices = self.indices(grid.centres_um(plane))
            inside = (indices >= -0.5) & (indices <= np.subtract(self._shape, 0.5))
            yield np.all(inside, axis=-1)

    def indices(self, points_um: np.ndarray) -> np.ndarray:
        """Return points of the fine scan (..., 3) as voxel indices of the coarse one."""
        return self._transform.to_coarse(points_um) / self._voxel_size_um - 0.5

    def _interpolate(self, indices: np.ndarray) -> np.ndarray:
        depth = self._shape[0]
        first, last = np.floor(indices[..., 0].min()), np.ceil(indices[..., 0].max())
        self._hold(
            int(np.clip(first - MARGIN, 0, depth - 1)),
            int(np.clip(last + MARGIN, 0, depth - 1)) + 1,
        )
        within = np.moveaxis(indices, -1, 0).copy()
        within[0] -= self._first
        return map_coordinates(self._slab, within, order=3, mode="mirror", prefilter=False)

    def _hold(self, start: int, stop: int) -> None:
        """Have the spline coefficients of the coarse slices start to stop - 1 in memory."""
        if self._first <= start and stop <= self._first + len(self._slab):
            return
        stop = min(self._shape[0], max(stop, start + self._most))
        self._slab = spline_filter(self._read(start, stop), order=3, mode="mirror")
        self._first = start
