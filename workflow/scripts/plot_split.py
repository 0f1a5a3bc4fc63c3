"""Draw how a pairs file splits the rock into training, validation and test tiles.

Above, the splits along depth with the guard gaps between them; below, where the tiles of
each split lie in the plane.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.dataset.pairs import Pairs


def read_metadata(path: str, sample: str) -> dict[str, Any]:
    """Return the JSON of the slices that the pairs were cut from.

    Raises
    ------
    InputError
        If the file is missing, is no JSON of slices, or describes another sample.
    """
    from sandstone.dataset import slices

    metadata = slices.read_metadata(path)
    found = metadata["sample"]
    if found != sample:
        raise InputError(
            f"{path} describes {found} but the pairs are of {sample}; "
            "give the metadata of the same sample"
        )
    return metadata


def guards(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the gaps between slice ranges: first slice of the gap, first slice after it.

    Examples
    --------
    >>> guards([(0, 9), (14, 19)])
    [(10, 14)]
    """
    ordered = sorted(ranges)
    return [
        (above[1] + 1, below[0])
        for above, below in itertools.pairwise(ordered)
        if below[0] > above[1] + 1
    ]


def draw(pairs: Pairs, metadata: dict[str, Any]) -> Figure:
    """Return the figure: the splits along depth, and a map for each split."""
    from sandstone import style
    from sandstone.dataset.pairs import SPLITS

    figure = style.figure(9.0, 6.4)
    grid = figure.add_gridspec(2, len(SPLITS), height_ratios=(1, 1.3))
    depth = figure.add_subplot(grid[0, :])
    draw_depth(depth, pairs)
    style.panel_label(depth, "a")
    for letter, column, name in zip("bcd", range(len(SPLITS)), SPLITS, strict=True):
        axes = figure.add_subplot(grid[1, column])
        draw_map(axes, pairs, name, metadata)
        style.panel_label(axes, letter)
    figure.suptitle(f"{pairs.attrs.sample}: where tiles are trained on, validated and tested")
    return figure


def draw_depth(axes: Axes, pairs: Pairs) -> None:
    """Draw the number of tiles in each slice, the range of each split and the guard gaps."""
    import numpy as np

    from sandstone import style
    from sandstone.dataset.pairs import SPLITS

    step = pairs.attrs.hr_voxel_size_um[0]
    ranges = [pairs.split(name).slices for name in SPLITS]
    for name, (first, last) in zip(SPLITS, ranges, strict=True):
        slices, counts = np.unique(pairs.split(name).z, return_counts=True)
        label = f"{name}: {counts.sum()} tiles in {slices.size} of {last - first + 1} slices"
        colour = style.SPLIT_COLOURS[name]
        axes.axvspan(first * step, (last + 1) * step, color=colour, alpha=0.15, linewidth=0)
        axes.bar((slices + 0.5) * step, counts, width=0.8 * step, color=colour, label=label)
    label = f"guard, {pairs.attrs.guard_um:g} µm or more, in no split"
    for first, after in guards(ranges):
        axes.axvspan(
            first * step,
            after * step,
            facecolor="none",
            edgecolor=style.GREY,
            hatch="////",
            linewidth=0,
            label=label,
        )
        label = "_nolegend_"
    axes.set(xlabel="depth (µm)", ylabel="tiles per slice")
    axes.margins(x=0)
    axes.grid(visible=False, axis="x")
    axes.locator_params(axis="y", integer=True)
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda place: labels[place].startswith("guard"))
    axes.legend(
        [handles[place] for place in order],
        [labels[place] for place in order],
        loc="lower center",
        bbox_to_anchor=(0.5, 1.0),
        ncols=2,
    )


def draw_map(axes: Axes, pairs: Pairs, name: str, metadata: dict[str, Any]) -> None:
    """Draw the outlines of one split's tiles in the plane of the slices."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    from sandstone import style

    _, height, width = pairs.attrs.hr_voxel_size_um
    split, edge = pairs.split(name), pairs.hr_size
    corners = sorted(set(zip(split.y.tolist(), split.x.tolist(), strict=True)))
    colour = style.SPLIT_COLOURS[name]
    tiles = [Rectangle((x * width, y * height), edge * width, edge * height) for y, x in corners]
    axes.add_collection(PatchCollection(tiles, facecolor=colour, edgecolor="none", alpha=0.18))
    axes.add_collection(PatchCollection(tiles, facecolor="none", edgecolor=colour, linewidth=1.0))
    (_, y, x), (_, rows, columns) = metadata["origin"], metadata["shape"]
    axes.grid(visible=False)
    axes.set(
        title=f"{name}: {len(corners)} positions",
        xlabel="x (µm)",
        ylabel="y (µm)",
        xlim=(x * width, (x + columns) * width),
        ylim=((y + rows) * height, y * height),
        aspect="equal",
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--pairs", type=cli.InputPath, required=True, help="HDF5 file of tile pairs"
    )
    arguments.add_argument(
        "--metadata", type=cli.InputPath, required=True, help="JSON of the slices they come from"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the pairs and the slices' metadata, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.dataset.pairs import open_pairs

    with open_pairs(args.pairs) as pairs:
        metadata = read_metadata(args.metadata, pairs.attrs.sample)
        style.save(draw(pairs, metadata), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=pairs.attrs.hr_voxel_size_um)
    print(f"drew the split of {args.pairs} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
