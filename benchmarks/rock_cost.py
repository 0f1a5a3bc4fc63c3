"""Time the measures of pores: 100 tiles of 256 x 256 in two dimensions, a whole scan in three.

The scan is the fine one of the Bentheimer pair (SANDSTONE_DATA), taken in blocks of 210 slices.
Prints seconds and the peak memory of one method; HR, which a run measures too, costs the same.
"""

import argparse
import os
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import tifffile

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
SCAN = Path(os.environ.get("SANDSTONE_DATA", SHARED / "data")) / "bentheimer_pair_hr2um.tif"
TILES, EDGE, DEPTH, VOXEL_UM = 100, 256, 210, 2.0
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))


def measured(images: list[np.ndarray], grey_max: int, *, permeability: bool) -> float:
    """Measure the pores of images at the thresholds of a run, and return the seconds."""
    from sandstone.petrophysics import beside_hr
    from sandstone.petrophysics.options import add_flags

    flags = argparse.ArgumentParser()
    add_flags(flags)
    # A depth of more than 1 asks for three dimensions.
    words = ["--depth", str(images[0].ndim - 1), "--permeability", str(permeability).lower()]
    args = flags.parse_args(words)
    start = time.monotonic()
    threshold = beside_hr.threshold_of(images, grey_max, args.phases)
    measuring = beside_hr.Measuring.by(args, threshold, grey_max, VOXEL_UM)
    for image in images:
        measuring.measured(image)
    return time.monotonic() - start


def main() -> None:
    """Measure both, and print what they took."""
    if not SCAN.is_file():
        sys.exit(f"rock_cost: {SCAN} is absent; see data/README.md")
    scan = tifffile.imread(SCAN)
    along_x = np.ascontiguousarray(np.moveaxis(scan, 2, 0))  # 630 slices of 90 x 135
    wide = np.pad(along_x, ((0, 0), (0, EDGE - 90), (0, EDGE - 135)), mode="reflect")
    tiles = list(wide[:: len(wide) // TILES][:TILES])
    print(f"{platform.machine()}, {os.cpu_count()} cores")
    print(
        f"{len(tiles)} tiles of {EDGE} x {EDGE}: {measured(tiles, 255, permeability=False):.0f} s"
    )
    blocks = [along_x[z : z + DEPTH] for z in range(0, len(along_x), DEPTH)]
    for permeability in (False, True):
        seconds = measured(blocks, 255, permeability=permeability)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        what = "with" if permeability else "without"
        shape = " x ".join(map(str, along_x.shape))
        print(
            f"{shape} voxels {what} permeability: {seconds / 60:.1f} min, {peak:.1f} GB at most",
            flush=True,
        )


if __name__ == "__main__":
    main()
