"""What a user chooses of the measuring of pores; plain Python."""

import argparse

from sandstone import cli


def add_flags(arguments: argparse.ArgumentParser) -> None:
    """Add the flags that say how pores are told from solid, and of what."""
    add = arguments.add_argument
    add("--depth", type=cli.positive_int, default=1, help="slices of a block; 1 for single slices")
    add("--phases", type=int, choices=[2, 3], default=2, help="of HR, the darkest is pore")
    add(
        "--sweep",
        type=cli.non_negative_float,
        default=4.0,
        help="how far thresholds lie on either side of Otsu's, %% of the data range",
    )
    add("--steps", type=cli.non_negative_int, default=2, help="thresholds on either side")
    add("--speckle", type=cli.non_negative_int, default=3, help="edge of the largest speck, voxels")
    add("--permeability", type=cli.boolean, default=False, help="of blocks; minutes for each")
