"""Small pairs files, and predictions of their test tiles."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sandstone.dataset import pairs

SLICES = {"train": (0, 9), "val": (20, 29), "test": (40, 89)}


def about(**changes: Any) -> pairs.PairsAttributes:
    """Return what a pairs file says of itself; LR voxels follow from the HR ones."""
    settings = {
        "sample": "rock",
        "scale": 4,
        "hr_voxel_size_um": (2.0, 2.0, 2.0),
        "degradation": {"kernel": "bicubic"},
        "seed": 1,
        "guard_um": 8.0,
        "guard_slices": 4,
        "depth_step": 1,
        "correlation": correlation(3),
        "grey_max": 255,
        **changes,
    }
    z, y, x = settings["hr_voxel_size_um"]
    lr_voxel_size_um = (z, settings["scale"] * y, settings["scale"] * x)
    return pairs.PairsAttributes(**{"lr_voxel_size_um": lr_voxel_size_um, **settings})


def correlation(length: int, value: float = 0.1) -> dict[str, Any]:
    """Return a correlation of slices that falls to `value` at a distance of `length` slices."""
    return {"lags": [1, length], "values": [0.9, value], "length": length}


def write(
    path: Path,
    hr: Mapping[str, np.ndarray],
    lr: Mapping[str, np.ndarray] | None = None,
    *,
    corners: Mapping[str, tuple[np.ndarray, ...]] | None = None,
    slices: Mapping[str, tuple[int, int]] = SLICES,
    hr_size: int = 16,
    **changes: Any,
) -> Path:
    """Write a pairs file and return its path.

    Parameters
    ----------
    path : Path
    hr : mapping of str to ndarray, shape (n, H, H)
        Tiles of each split; no tiles of a split that is not named.
    lr : mapping of str to ndarray, shape (n, h, h), optional
        Default: every `scale`-th pixel of the HR tiles.
    corners : mapping of str to (z, y, x), optional
        Default: one tile a slice from the first slice of the split, at y = 3 and x = 7.
    slices : mapping of str to (first, last), optional
    hr_size : int, optional
        Where there is no tile to tell it.
    **changes
        Of the file's attributes, see `about`.
    """
    for tiles in hr.values():
        hr_size, changes = tiles.shape[1], {"grey_max": np.iinfo(tiles.dtype).max, **changes}
    attributes = about(**changes)
    with pairs.write_pairs(path, attributes, slices=slices, hr_size=hr_size) as writer:
        for split, tiles in hr.items():
            places = corners[split] if corners else in_a_column(len(tiles), slices[split][0])
            coarse = lr[split] if lr else tiles[:, :: attributes.scale, :: attributes.scale]
            writer.append(split, tiles, coarse, places)
    return path


def in_a_column(count: int, first: int) -> tuple[np.ndarray, ...]:
    """Return z, y and x of `count` tiles, each a slice below the one before."""
    z = first + np.arange(count, dtype=np.int32)
    return z, np.full_like(z, 3), np.full_like(z, 7)


def predict(path: Path, reference: Path, sr: np.ndarray, *, method: str, **changes: Any) -> Path:
    """Write predictions `sr`, shape (n, H, H), of the test tiles of a pairs file."""
    with pairs.open_pairs(reference) as source:
        test, attrs = source.split("test"), source.attrs
        shared = {
            name: getattr(attrs, name)
            for name in ("sample", "scale", "hr_voxel_size_um", "grey_max")
        }
        attributes = pairs.PredictionsAttributes(**{"method": method, **shared, **changes})
        with pairs.write_predictions(path, attributes, hr_size=sr.shape[1]) as writer:
            writer.append(sr, (test.z, test.y, test.x))
    return path
