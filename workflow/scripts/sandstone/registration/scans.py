"""The two scans as registration reads them: boxes of bounded memory, clipped grey levels, means.

A volume may be larger than memory. It is read slice by slice, once for its binned overview, and
then box by box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from scipy.ndimage import gaussian_filter

from sandstone.errors import InputError
from sandstone.progress import Progress
from sandstone.registration.transform import Vector
from sandstone.sizes import zyx

Shape = tuple[int, int, int]
Box = tuple[slice, slice, slice]

CLIPPED = (0.01, 99.99)  # percentiles; a few voxels beyond them must not outweigh the rock
LOOKED_AT = 16  # slices that tell these percentiles
VOXELS_OF_SLICE = 1 << 18  # of each of them, spread evenly
NO_LEVEL = 1e29  # what fills the outside of a reconstruction is larger than any grey level
ROUNDING = 1e-6  # three voxels of 2.12 µm fit into 6.36 µm, whatever floats say
TRUNCATE = 3.0  # standard deviations to which a blur reaches


class Volume(Protocol):
    """What registration needs of `volumes.volume.Volume`."""

    shape: Shape
    dtype: np.dtype
    files: tuple[Path, ...]
    voxel_size_um: Vector

    def read(self, z0: int, z1: int, rows: slice = ...) -> np.ndarray:
        """Return rows of the slices z0 to z1 - 1, shape (z1 - z0, y, x)."""


@dataclass(frozen=True)
class Patch:
    """Grey levels in memory, and where they lie in their scan.

    Attributes
    ----------
    voxels : ndarray of float32, shape (z, y, x)
    voxel_size_um : tuple of float
    corner_um : tuple of float
        Outer corner of the first voxel, counted from that of the scan.
    """

    voxels: np.ndarray
    voxel_size_um: Vector
    corner_um: Vector = (0.0, 0.0, 0.0)

    @property
    def shape(self) -> Shape:
        """Depth, height and width, voxels."""
        return zyx(self.voxels.shape)

    def block(self, box: Box) -> "Patch":
        """Return a part."""
        steps = zip(box, self.voxel_size_um, self.corner_um, strict=True)
        corner = zyx(part.start * size + start for part, size, start in steps)
        return Patch(self.voxels[box], self.voxel_size_um, corner)

    def blurred(self, sigma_um: Sequence[float]) -> "Patch":
        """Return the patch after a Gaussian blur of these standard deviations, micrometres."""
        sigma = np.divide(sigma_um, self.voxel_size_um)
        voxels = gaussian_filter(self.voxels, sigma, mode="nearest", truncate=TRUNCATE)
        return Patch(voxels, self.voxel_size_um, self.corner_um)


class Scan:
    """A volume with its grey levels clipped to those of nearly all voxels.

    Parameters
    ----------
    volume : Volume
    name : str
        What a sentence calls it, such as "the coarse scan".

    Raises
    ------
    InputError
        If all voxels that are looked at have one grey level.
    """

    def __init__(self, volume: Volume, name: str) -> None:
        self.name = name
        self.file = volume.files[0]
        self.shape = volume.shape
        self.voxel_size_um = volume.voxel_size_um
        self._volume = volume
        self._low, self._high = self._levels()

    @property
    def extent_um(self) -> Vector:
        """Length along z, y and x, micrometres."""
        return zyx(np.multiply(self.shape, self.voxel_size_um).tolist())

    def _levels(self) -> tuple[float, float]:
        depth = self.shape[0]
        looked_at = np.unique(np.linspace(0, depth - 1, min(depth, LOOKED_AT)).round().astype(int))
        step = max(1, self.shape[1] * self.shape[2] // VOXELS_OF_SLICE)
        images = [self._volume.read(int(z), int(z) + 1).ravel()[::step] for z in looked_at]
        levels = np.concatenate([image[_is_level(image)] for image in images])
        if not levels.size or levels.min() == levels.max():
            level = f"constant, grey level {levels[0]:g}" if levels.size else "empty"
            raise InputError(
                f"{self.file}: {self.name} is {level}, and so lies on no other; name the file of "
                "a scan of the rock"
            )
        low, high = np.percentile(levels, CLIPPED)
        if low == high:
            low, high = levels.min(), levels.max()
        return float(low), float(high)

    def _float(self, voxels: np.ndarray) -> np.ndarray:
        """Return clipped grey levels as float32; what was not scanned has the lowest one."""
        if voxels.dtype.kind == "f":
            voxels = np.where(_is_level(voxels), voxels, self._low)
        return np.clip(voxels, self._low, self._high).astype(np.float32)

    def block(self, box: Box) -> Patch:
        """Return a box of voxels, read slice by slice."""
        planes, rows, columns = box
        voxels = np.empty([part.stop - part.start for part in box], np.float32)
        for image, z in zip(voxels, range(planes.start, planes.stop), strict=True):
            image[:] = self._float(self._volume.read(z, z + 1, rows)[0, :, columns])
        corner = zyx(part.start * size for part, size in zip(box, self.voxel_size_um, strict=True))
        return Patch(voxels, self.voxel_size_um, corner)

    def binned(self, voxel_um: float) -> Patch:
        """Return means over as many whole voxels as fit into `voxel_um`, one slice in memory.

        What does not fill a bin at the far ends is left out.
        """
        depth, rows, columns = (
            max(1, int(voxel_um / size + ROUNDING)) for size in self.voxel_size_um
        )
        shape = zyx(
            length // count
            for length, count in zip(self.shape, (depth, rows, columns), strict=True)
        )
        progress = Progress(f"reading {self.name}", shape[0] * depth, "slices")
        means = np.zeros(shape, np.float32)
        for z in range(shape[0] * depth):
            image = self._float(self._volume.read(z, z + 1)[0])
            means[z // depth] += _bin(image, rows, columns) / np.float32(depth)
            progress.add(1)
        sizes = zip(self.voxel_size_um, (depth, rows, columns), strict=True)
        return Patch(means, zyx(size * count for size, count in sizes))


def _is_level(voxels: np.ndarray) -> np.ndarray:
    """Say which voxels hold a grey level, not what stands for the outside of a scan."""
    if voxels.dtype.kind != "f":
        return np.ones(voxels.shape, bool)
    lowest = max(-NO_LEVEL, float(np.finfo(voxels.dtype).min))
    return (voxels > lowest) & (voxels < NO_LEVEL)


def _bin(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    height, width = image.shape[0] // rows, image.shape[1] // columns
    whole = image[: height * rows, : width * columns]
    return whole.reshape(height, rows, width, columns).mean(axis=(1, 3), dtype=np.float32)
