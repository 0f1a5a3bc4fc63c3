"""Where a point of the fine scan lies in the coarse one: shift, rotation and a scale error.

Points are micrometres in the order z, y, x. Each scan counts from the outer corner of its first
voxel, so that the centre of voxel `i` is at `(i + 0.5) * voxel size`, and two scans that need no
registration cover each other's areas.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from scipy.spatial.transform import Rotation

from sandstone.errors import InputError
from sandstone.sizes import zyx

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Transform:
    """A similarity transform: `centre + scale * R (point - centre) + shift`.

    Attributes
    ----------
    shift_um : tuple of float
        Where the coarse scan shows the centre, minus where the fine scan has it.
    rotation_deg : tuple of float
        Rotation vector: its direction is the axis, its length the angle. Of small rotations,
        each component is the angle about its axis.
    scale : float
        What the stated voxel sizes miss: above 1, the coarse scan shows the rock larger.
    centre_um : tuple of float
        The fixed point of rotation and scale, in the fine scan.
    """

    shift_um: Vector = (0.0, 0.0, 0.0)
    rotation_deg: Vector = (0.0, 0.0, 0.0)
    scale: float = 1.0
    centre_um: Vector = (0.0, 0.0, 0.0)

    @property
    def matrix(self) -> np.ndarray:
        """Scale and rotation, shape (3, 3)."""
        return self.scale * Rotation.from_rotvec(self.rotation_deg, degrees=True).as_matrix()

    @property
    def is_shift(self) -> bool:
        """Whether it neither turns nor scales, so that the axes of both scans are parallel."""
        return not any(self.rotation_deg) and self.scale == 1

    def to_coarse(self, points_um: np.ndarray) -> np.ndarray:
        """Return where points of the fine scan, shape (..., 3), lie in the coarse one."""
        return (points_um - self.centre_um) @ self.matrix.T + self.centre_um + self.shift_um

    def to_fine(self, points_um: np.ndarray) -> np.ndarray:
        """Return where points of the coarse scan, shape (..., 3), lie in the fine one."""
        moved = points_um - np.add(self.centre_um, self.shift_um)
        return moved @ np.linalg.inv(self.matrix).T + self.centre_um

    def as_dict(self) -> dict[str, Any]:
        """Return what `from_dict` takes: lists and numbers, for JSON."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], source: str | Path = "a transform") -> Self:
        """Return the transform that `as_dict` described.

        Raises
        ------
        InputError
            If a number is missing or none; the sentence names `source`.
        """
        try:
            shift, rotation, centre = (
                zyx(map(float, values[name])) for name in ("shift_um", "rotation_deg", "centre_um")
            )
            return cls(shift, rotation, float(values["scale"]), centre)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{source}: holds no transform of two scans; delete it and run "
                "register_volumes.py again"
            ) from error


def centres_um(shape: tuple[int, ...], voxel_size_um: Vector) -> list[np.ndarray]:
    """Return the voxel centres of a scan along z, y and x, micrometres."""
    return [
        (np.arange(length) + 0.5) * size for length, size in zip(shape, voxel_size_um, strict=True)
    ]
