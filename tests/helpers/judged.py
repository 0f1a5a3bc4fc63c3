"""A fine scan, the coarse one that is made from it, and volumes upscaled from that, on disk."""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from helpers import tile_pairs
from sandstone import files
from sandstone.dataset import slices
from sandstone.tiff_stack import write_stack

FINE_UM, SCALE = 2.0, 2
SHAPE = (12, 48, 52)
WINDOW = {"low": 0.0, "high": 255.0}


def rock() -> np.ndarray:
    """Return the fine scan, uint8."""
    noise = np.random.default_rng(4).normal(size=SHAPE)
    smooth = gaussian_filter(noise, 1.5)
    return np.rint(127 + 60 * smooth / smooth.std() / 2).clip(0, 255).astype(np.uint8)


def means(voxels: np.ndarray) -> np.ndarray:
    """Return the coarse scan of a fine one."""
    z, y, x = (length // SCALE for length in voxels.shape)
    return voxels.reshape(z, SCALE, y, SCALE, x, SCALE).mean(axis=(1, 3, 5))


def save(path: Path, voxels: np.ndarray, size: float, dtype: type = np.uint16) -> Path:
    """Write voxels as a stack of TIFF."""
    sizes = (size,) * 3
    write_stack(path, voxels.astype(dtype), shape=voxels.shape, dtype=dtype, voxel_size_um=sizes)
    return path


def words(
    folder: Path,
    upscaled: np.ndarray,
    *,
    mask: np.ndarray | None = None,
    test: tuple[int, int] = (0, SHAPE[0] - 1),
) -> list[object]:
    """Write all that a judge needs, and return the flags that name it.

    The coarse scan and what is made from it have a hundred times the fine scan's levels.
    """
    fine = rock()
    mask = np.ones(SHAPE, bool) if mask is None else mask
    metadata = {
        "sample": "rock",
        "source": {},
        "dtype": "uint8",
        "field_of_view": {},
        "voxel_size_um": [FINE_UM] * 3,
        "shape": SHAPE,
        "origin": [0, 0, 0],
        "window": WINDOW,
        "grey_max": 255,
    }
    files.write_json(folder / "rock.json", metadata)
    files.write_json(folder / "fit.json", {"grey": {"fine": [0, 255], "coarse": [0, 25500]}})
    splits = {"train": (90, 91), "val": (95, 96), "test": test}
    tiles = {"test": fine[:, :48, :48]}
    pairs = tile_pairs.write(
        folder / "rock.h5", tiles, sample="rock", guard_slices=3, slices=splits
    )
    return [
        *("--name", "plug", "--method", "srresnet", "--pairs", pairs),
        *("--upscaled", save(folder / "sr.tif", upscaled, FINE_UM)),
        *("--lr", save(folder / "lr.tif", means(fine * 100.0), FINE_UM * SCALE)),
        *("--slices", save(folder / "rock.tif", fine, FINE_UM, np.uint8)),
        *("--mask", save(folder / "rock.mask.tif", mask * slices.ROCK, FINE_UM, np.uint8)),
        *("--metadata", folder / "rock.json", "--degradation", folder / "fit.json"),
    ]
