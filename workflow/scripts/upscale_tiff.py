"""Write an upscaled volume as one OME-BigTIFF, page by page."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.volumes.volume import Volume

# A chunk is decompressed once for all of its slices that are read together; at least one is.
BYTES_AT_ONCE = 1 << 28


def pages(volume: "Volume") -> "Iterator[np.ndarray]":
    """Yield every slice, shape (y, x)."""
    from sandstone.progress import Progress

    depth, height, width = volume.shape
    progress = Progress("OME-TIFF", depth, "slices")
    step = max(1, BYTES_AT_ONCE // (height * width * volume.dtype.itemsize))
    for z in range(0, depth, step):
        for page in volume.read(z, min(z + step, depth)):
            progress.add(1)
            yield page


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add(
        "--zarr",
        type=cli.InputPath,
        required=True,
        help="folder of the OME-Zarr image that upscale_volume.py wrote",
    )
    add("--output", type=cli.OutputPath, required=True, help="image to write (.ome.tif)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the finest level of the image and write it as TIFF."""
    args = parser().parse_args(argv)

    import tifffile

    from sandstone.files import atomic_path
    from sandstone.tiff_stack import check_ome_type, ome_layout
    from sandstone.volumes.volume import open_volume

    with open_volume(args.zarr) as volume, atomic_path(args.output) as temporary:
        check_ome_type(volume.dtype, args.zarr)
        tifffile.imwrite(
            temporary,
            pages(volume),
            shape=volume.shape,
            dtype=volume.dtype,
            photometric="minisblack",
            **ome_layout(volume.voxel_size_um, Path(args.zarr).name.removesuffix(".ome.zarr")),
        )
    write_record(__file__, args, voxel_size_um=volume.voxel_size_um, inputs=volume.files)


if __name__ == "__main__":
    sys.exit(cli.run(main))
