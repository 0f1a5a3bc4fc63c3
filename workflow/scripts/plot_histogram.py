"""Draw the grey-level histogram of the rock in a slice stack, with the window's limits.

The lower axis is the scanner's raw grey level, the upper one that of the slices. The end
levels also hold all that the window cut off, so their shares bound what was lost.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.dataset.slices import Slices

BINS = 256


def count_rock(slices: Slices) -> np.ndarray:
    """Count the rock's voxels of each grey level, one slice in memory at a time.

    Returns
    -------
    ndarray of int64, shape (grey_max + 1,)

    Raises
    ------
    InputError
        If the mask marks no rock, or the metadata do not tell the window.
    """
    import numpy as np

    from sandstone.imaging.grey import grey_max

    levels = grey_max(slices.dtype) + 1
    counts = np.zeros(levels, dtype=np.int64)
    for z in range(slices.shape[0]):
        counts += np.bincount(slices.read(z)[slices.read_mask(z)], minlength=levels)
    if not {"low", "high", "percentiles"} <= slices.metadata["window"].keys():
        raise InputError(
            f"the metadata of {slices.metadata['sample']} lack the window's ends; "
            "make them again with slice_volume.py"
        )
    if not counts.any():
        raise InputError(
            f"the mask of {slices.metadata['sample']} marks no rock; check slices.field_of_view"
        )
    return counts


def draw(counts: np.ndarray, metadata: dict[str, Any]) -> Figure:
    """Return the figure of a histogram of shape (grey_max + 1,)."""
    from sandstone import style

    figure = style.figure(7.0, 4.3)
    axes = figure.subplots()
    draw_histogram(axes, counts, metadata)
    draw_limits(axes, counts, metadata)
    draw_grey_axis(axes, metadata)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.17), ncols=3)
    figure.suptitle(f"{metadata['sample']}: grey levels of the rock ({counts.sum():,} voxels)")
    return figure


def draw_histogram(axes: Axes, counts: np.ndarray, metadata: dict[str, Any]) -> None:
    """Draw the share of the rock in each of `BINS` bins over the raw grey level."""
    import numpy as np

    from sandstone import style

    low, high = metadata["window"]["low"], metadata["window"]["high"]
    shares = counts.reshape(BINS, -1).sum(axis=1) / counts.sum()
    edges = np.linspace(low, high, BINS + 1)
    axes.stairs(100 * shares, edges, fill=True, color=style.SKY, label="rock")
    axes.stairs(100 * shares[:1], edges[:2], fill=True, color=style.VERMILLION)
    axes.stairs(100 * shares[-1:], edges[-2:], fill=True, color=style.VERMILLION)
    axes.set(xlabel="raw grey level", ylabel=f"share of the rock in 1/{BINS} of the window (%)")
    axes.set_ylim(bottom=0)
    axes.margins(x=0.04)


def draw_limits(axes: Axes, counts: np.ndarray, metadata: dict[str, Any]) -> None:
    """Mark the window's limits, with the share of the rock in the end level behind each."""
    from sandstone import style

    percentiles = metadata["window"]["percentiles"]
    ends = (("low", "black", counts[0]), ("high", "white", counts[-1]))
    for (name, grey, count), percentile, line in zip(ends, percentiles, ("--", ":"), strict=True):
        axes.axvline(
            metadata["window"][name],
            color=style.VERMILLION,
            linestyle=line,
            label=f"{grey}: {metadata['window'][name]:.6g}, percentile {percentile:g}\n"
            f"({100 * count / counts.sum():.2f} % of the rock)",
        )


def draw_grey_axis(axes: Axes, metadata: dict[str, Any]) -> None:
    """Add the grey levels of the slices along the top."""
    low, high = metadata["window"]["low"], metadata["window"]["high"]
    step = (high - low) / metadata["grey_max"]
    top = axes.secondary_xaxis("top", (lambda raw: (raw - low) / step, lambda g: low + g * step))
    top.set_xlabel("grey level of the slices")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--slices", type=cli.InputPath, required=True, help="stack of normalised slices (.tif)"
    )
    arguments.add_argument("--mask", type=cli.InputPath, required=True, help="its rock mask (.tif)")
    arguments.add_argument(
        "--metadata", type=cli.InputPath, required=True, help="its window and voxel size (.json)"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Count the grey levels of the rock, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.dataset.slices import open_slices

    with open_slices(args.slices, args.mask, args.metadata) as slices:
        counts = count_rock(slices)
        style.save(draw(counts, slices.metadata), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=slices.metadata["voxel_size_um"])
    print(f"drew the grey levels of {args.slices} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
