"""Draw examples of LR and HR tiles of every split from a pairs file.

Two tiles a split, at a quarter and three quarters of its list, so that the choice is
nobody's. All tiles share one grey scale, the data range.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import SCANNED
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.dataset.pairs import Pairs

EXAMPLES = 2
PANEL = 2.0  # inches


def evenly_spaced(count: int, wanted: int) -> list[int]:
    """Return up to `wanted` different indices, spread evenly over `count` items."""
    return sorted({(2 * i + 1) * count // (2 * wanted) for i in range(wanted)} if count else set())


def draw(pairs: Pairs) -> Figure:
    """Return a figure with a row a split and a pair of columns (LR, HR) an example."""
    from sandstone import style
    from sandstone.dataset.pairs import SPLITS

    figure = style.figure(2 * EXAMPLES * PANEL, len(SPLITS) * (PANEL + 0.15) + 0.6)
    axes = figure.subplots(len(SPLITS), 2 * EXAMPLES)
    for row, name in zip(axes, SPLITS, strict=True):
        draw_split(row, pairs, name)
    about = pairs.attrs
    origin = made_by(about.degradation["kernel"])
    figure.suptitle(f"{about.sample}: LR and HR tiles, scale {about.scale}, {origin}")
    return figure


def made_by(kernel: str) -> str:
    """Say where LR tiles come from."""
    if kernel == SCANNED:
        return "LR from the coarse scan"
    return f"degraded by {kernel.replace('_', ' ')}"


def draw_split(row: Sequence[Axes], pairs: Pairs, name: str) -> None:
    """Draw the examples of one split side by side, and blank what it cannot fill."""
    from sandstone import style

    for panel in row:
        panel.set_axis_off()
    split = pairs.split(name)
    for place, tile in enumerate(evenly_spaced(len(split), EXAMPLES)):
        left, right = row[2 * place : 2 * place + 2]
        draw_tile(left, split.lr[tile], pairs.attrs.lr_voxel_size_um, pairs.attrs.grey_max)
        draw_tile(right, split.hr[tile], pairs.attrs.hr_voxel_size_um, pairs.attrs.grey_max)
        depth_um = split.z[tile] * pairs.attrs.hr_voxel_size_um[0]
        left.set_title(f"LR, z = {split.z[tile]} ({depth_um:.0f} µm)")
        right.set_title(f"HR, y = {split.y[tile]}, x = {split.x[tile]}")
    row[0].set_ylabel(name, color=style.SPLIT_COLOURS[name], fontweight="bold", fontsize=11)


def draw_tile(
    axes: Axes, tile: np.ndarray, voxel_size_um: tuple[float, float, float], grey_max: int
) -> None:
    """Draw one tile with a scale bar."""
    from sandstone import style

    axes.set_axis_on()
    _, height, width = voxel_size_um
    style.show_grey(axes, tile, grey_max, aspect=height / width)
    style.scale_bar(axes, width)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--pairs", type=cli.InputPath, required=True, help="HDF5 file of tile pairs"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the pairs, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.dataset.pairs import open_pairs

    with open_pairs(args.pairs) as pairs:
        style.save(draw(pairs), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=pairs.attrs.hr_voxel_size_um)
    print(f"drew tiles of {args.pairs} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
