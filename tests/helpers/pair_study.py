"""A small study of a pair of scans: both scans of one synthetic rock, and its overlay."""

from pathlib import Path

import numpy as np
import tifffile
import yaml

from helpers import twin_scans
from sandstone.registration.transform import Transform

FINE, COARSE = (96, 96, 96), (32, 32, 32)  # voxels of 2 and of 6 µm
SHIFT_UM = (1.5, -2.5, 2.0)
OVERLAY = {
    "samples": {
        "phantom": None,
        "rock": {"path": "fine.tif", "voxel_size_um": 2, "axis": "x"},
        "shrunken": {"scan_of": "rock"},
        "imitated": {"scan_of": "rock", "degradation": {"kernel": "fitted", "from": "rock"}},
    },
    "slices": {"field_of_view": "full"},
    "pairs": {"scale": 3, "hr_size": 48, "stride": 24, "depth_step": 2, "guard_um": 30},
    "models": {
        "srgan": None,
        "srresnet": {
            "train_on": ["imitated"],
            "generator": {"blocks": 1, "filters": 8},
            "steps": 4,
            "batch": 4,
            "crop": 12,
            "validate_every": 2,
        },
    },
    "evaluation": {
        "samples": ["rock", "shrunken"],
        "models": ["srresnet"],
        "baselines": ["bicubic"],
        "resamples": 200,
    },
}
OVERLAY["samples"]["rock"]["lr"] = {"path": "coarse.tif", "voxel_size_um": 6}
UPSCALED = {"path": "coarse.tif", "voxel_size_um": 6, "model": "srresnet", "hr": "rock"}


def write(directory: Path) -> Path:
    """Write both scans and `pair.yaml` into a clone; return its folder."""
    rock = twin_scans.grains([192.0] * 3, size_um=9.0, count=400, seed=1)
    moved = Transform(shift_um=SHIFT_UM)
    fine = twin_scans.scan(rock, FINE, (2.0,) * 3, noise=2.0, seed=1)
    coarse = twin_scans.scan(
        rock, COARSE, (6.0,) * 3, transform=moved, blur_um=6.0, noise=1.0, seed=2
    )
    for name, voxels in (("fine", fine), ("coarse", coarse)):
        grey = np.rint(voxels).clip(0, 255).astype(np.uint8)
        tifffile.imwrite(directory / f"{name}.tif", grey, photometric="minisblack")
    overlay = {**OVERLAY, "upscale": {"plug": {**UPSCALED, "axes": "mean"}}}
    (directory / "pair.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return directory
