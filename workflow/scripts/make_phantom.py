"""Grow a synthetic sandstone and scan it, as a 16-bit TIFF with voxel size."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

NO_SETTINGS = {"output", "provenance"}
POROSITY = (0.02, 0.4)  # share of the rock; with fewer or more pores it is no sandstone
MOST_PHOTONS = 1e9  # a voxel; no source has more


def with_progress(slices: "Iterator[np.ndarray]", depth: int) -> "Iterator[np.ndarray]":
    """Yield `slices` and tell every few seconds how far they are."""
    from sandstone.progress import Progress

    progress = Progress("phantom", depth, "slices")
    for image in slices:
        progress.add(1)
        yield image


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script; one flag for each key of a phantom's config."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--shape", type=cli.positive_int, nargs=3, required=True, help="z y x, voxels")
    add("--voxel-size-um", type=cli.positive_float, required=True, help="voxel edge, µm")
    add("--porosity", type=cli.fraction, default=0.2, help="share of the rock that is pore")
    add("--grain-size-um", type=cli.positive_float, default=90.0, help="mean diameter, µm")
    add("--clay", type=cli.fraction, default=0.06, help="share of the grains that are clay")
    add("--heavy-minerals", type=cli.fraction, default=0.01, help="share of the grains")
    add("--psf-sigma", type=cli.non_negative_float, default=0.9, help="X-ray blur, voxels")
    add("--photons", type=cli.positive_float, default=4000.0, help="a voxel, in the open beam")
    add("--readout-noise", type=cli.fraction, default=0.01, help="share of quartz-air contrast")
    add("--ring-strength", type=cli.fraction, default=0.01, help="share of quartz-air contrast")
    add("--plug", type=cli.boolean, default=True, help="true for a plug in a holder, or false")
    add("--seed", type=cli.non_negative_int, default=1, help="of every random number")
    add("--output", type=cli.OutputPath, required=True, help="volume to write (.tif)")
    add_record_flag(arguments)
    return arguments


def check_flags(args: argparse.Namespace) -> None:
    """Raise an `InputError` for numbers beyond those of the config's schema."""
    least, most = POROSITY
    if not least <= args.porosity <= most:
        raise InputError(
            f"--porosity {args.porosity:g} is no sandstone's; take {least:g} to {most:g}"
        )
    if args.photons > MOST_PHOTONS:
        raise InputError(f"--photons {args.photons:g} is beyond any source; take up to 1e9")


def main(argv: Sequence[str] | None = None) -> None:
    """Grow the rock, scan it, write the volume."""
    args = parser().parse_args(argv)
    check_flags(args)

    import numpy as np

    from sandstone.phantom.phantom import Phantom, Specification
    from sandstone.tiff_stack import write_stack

    settings = {name: value for name, value in vars(args).items() if name not in NO_SETTINGS}
    wanted = Specification(**{**settings, "shape": tuple(args.shape)})
    print(f"phantom: growing grains in {' x '.join(map(str, wanted.shape))} voxels", flush=True)
    slices = with_progress(Phantom(wanted).slices(), wanted.shape[0])
    size = (wanted.voxel_size_um,) * 3
    write_stack(args.output, slices, shape=wanted.shape, dtype=np.uint16, voxel_size_um=size)
    write_record(__file__, args, voxel_size_um=size)


if __name__ == "__main__":
    sys.exit(cli.run(main))
