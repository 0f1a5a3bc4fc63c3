"""Resample the coarse scan of a pair to the LR pixels of the fine scan's slices.

Its grey levels become those that the fine scan would show, then are stretched as the slices are.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import SCALES
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from sandstone.degradation.grey_map import GreyMap
    from sandstone.registration.coarse import CoarseScan, Grid
    from sandstone.volumes.volume import Volume

AGAIN = "delete it and make it again"


def grid_of(metadata: dict[str, Any], scale: int) -> "Grid":
    """Return the LR pixels of the slices that `slice_volume` described."""
    from sandstone.registration.coarse import Grid
    from sandstone.sizes import zyx

    depth, height, width = metadata["shape"]
    return Grid(
        origin=zyx(metadata["origin"]),
        shape=(depth, height // scale, width // scale),
        scale=scale,
        voxel_size_um=zyx(map(float, metadata["voxel_size_um"])),
    )


def check_ratio_of(volume: "Volume", grid: "Grid") -> None:
    """Refuse a coarse scan of the wrong voxels; say where it is resampled to other ones."""
    from sandstone.config.validity import check_ratio

    fine, coarse = grid.voxel_size_um, volume.voxel_size_um
    check_ratio(f"{volume.files[0]}: the coarse scan", fine, coarse, grid.scale, "--scale")
    wanted = [grid.scale * edge for edge in fine[1:]]
    if any(abs(have / want - 1) > 1e-6 for have, want in zip(coarse[1:], wanted, strict=True)):
        print(
            f"{volume.files[0]}: voxels of {coarse[1]:g} x {coarse[2]:g} µm are resampled to "
            f"{wanted[0]:g} x {wanted[1]:g} µm, {grid.scale} times those of the fine scan",
            flush=True,
        )


def check_overlap(scan: "CoarseScan", grid: "Grid", sample: str) -> None:
    """Refuse a coarse scan that shows nothing of the slices."""
    if not any(scan.shown(plane).any() for plane in range(grid.shape[0])):
        raise InputError(
            f"{sample}: the coarse scan shows nothing of the fine scan's slices; check their "
            "registration, and that both are of one rock"
        )


def write_outputs(
    args: argparse.Namespace,
    scan: "CoarseScan",
    grid: "Grid",
    greys: "GreyMap",
    metadata: dict[str, Any],
) -> None:
    """Write the LR slices, and the mask of what the coarse scan shows."""
    import numpy as np

    from sandstone.dataset.slices import ROCK
    from sandstone.imaging import window
    from sandstone.progress import Progress
    from sandstone.tiff_stack import write_stack

    low, high = metadata["window"]["low"], metadata["window"]["high"]
    dtype, planes = metadata["dtype"], range(grid.shape[0])
    progress = Progress("resampling the coarse scan", grid.shape[0], "slices")

    def stretched() -> Iterator[np.ndarray]:
        for plane in planes:
            progress.add(1)
            yield window.apply(greys.to_fine(scan.plane(plane)), low, high, dtype)

    size = grid.lr_voxel_size_um
    write_stack(args.slices, stretched(), shape=grid.shape, dtype=dtype, voxel_size_um=size)
    write_stack(
        args.mask,
        (scan.shown(plane).astype(np.uint8) * ROCK for plane in planes),
        shape=grid.shape,
        dtype=np.uint8,
        voxel_size_um=size,
        compression="zlib",
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    flags.add(arguments, "lr")
    flags.add_axis(arguments)
    add("--metadata", type=cli.InputPath, required=True, help="of the fine scan's slices (.json)")
    add("--registration", type=cli.InputPath, required=True, help="of both scans (.json)")
    add("--degradation", type=cli.InputPath, required=True, help="fitted to both scans (.json)")
    add("--scale", type=int, choices=SCALES, default=4, help="HR voxels per LR voxel")
    add("--slices", type=cli.OutputPath, required=True, help="LR slices to write (.tif)")
    add("--mask", type=cli.OutputPath, required=True, help="where the scan shows them (.tif)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the coarse scan, write its levels and where it shows the rock on the LR grid."""
    args = parser().parse_args(argv)

    from sandstone.dataset.slices import read_metadata
    from sandstone.degradation.grey_map import GreyMap
    from sandstone.files import read_json
    from sandstone.registration.coarse import CoarseScan
    from sandstone.registration.transform import Transform

    metadata = read_metadata(args.metadata)
    grid = grid_of(metadata, args.scale)
    registration = read_json(args.registration, keys=["transform"], remedy=AGAIN)
    fit = read_json(args.degradation, keys=["grey"], remedy=AGAIN)
    transform = Transform.from_dict(registration["transform"], args.registration)
    greys = GreyMap.from_dict(fit["grey"], args.degradation)
    with flags.open_named(args, "lr") as volume:
        check_ratio_of(volume, grid)
        size = volume.voxel_size_um
        scan = CoarseScan(volume.read, volume.shape, size, transform, grid)
        check_overlap(scan, grid, metadata["sample"])
        write_outputs(args, scan, grid, greys, metadata)
        volume.check_unchanged()
    write_record(__file__, args, voxel_size_um=grid.lr_voxel_size_um, inputs=volume.files)


if __name__ == "__main__":
    sys.exit(cli.run(main))
