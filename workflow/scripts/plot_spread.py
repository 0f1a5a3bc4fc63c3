"""Draw where trainings that differ in their seed alone disagree on an upscaled volume.

Above, the middle slice beside the map of their standard deviation; below, where the number of one
more training would lie, measure by measure.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.volumes.volume import Volume

MOST_PIXELS = 900  # of a slice's longer edge in the figure
WIDTH = 7.2  # inches
TALLEST = 3.4  # inches, of a slice
ROW = 0.27  # inches, of a line below
PER_PERCENT = 100  # steps of the map in a hundredth of the grey window
BRIGHTEST = 99.5  # percentile of the map that is white


def read_numbers(path: str) -> pd.DataFrame:
    """Return the lines of the table that have an interval; whether pores percolate has none.

    Raises
    ------
    InputError
        If it is no such table.
    """
    from sandstone.metrics import tables
    from sandstone.petrophysics.columns import PERCOLATES, SPREAD_COLUMNS

    table = tables.read(path, SPREAD_COLUMNS).dropna(subset=["mean", "low", "high"])
    return table[~table["measure"].str.startswith(PERCOLATES)]


def middle_slice(volume: Volume) -> tuple[np.ndarray, int]:
    """Return the middle slice, every so many voxels, and that number."""
    z, step = volume.shape[0] // 2, -(-max(volume.shape[1:]) // MOST_PIXELS)
    return volume.read(z, z + 1)[0, ::step, ::step], step


def draw(
    image: np.ndarray, spread: np.ndarray, pixel_um: float, numbers: pd.DataFrame, title: str
) -> Figure:
    """Return the figure.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Grey levels from 0, black, to 1.
    spread : ndarray, shape (y, x)
        Standard deviation, % of the grey window.
    pixel_um : float
    numbers : DataFrame
        See `read_numbers`.
    title : str
    """
    import numpy as np

    from sandstone import style

    height, width = image.shape
    slices = min(WIDTH / 2 * height / width, TALLEST) + 0.5
    lines = ROW * len(numbers) + 0.7 if len(numbers) else 0
    figure = style.figure(WIDTH, slices + lines + 0.3)
    heights = [each for each in (slices, lines) if each]
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    left, right = parts[0].subplots(1, 2)
    style.show_grey(left, image, 1)
    left.set_title("middle slice, upscaled")
    style.scale_bar(left, pixel_um)
    brightest = max(float(np.percentile(spread, BRIGHTEST)), 0.1)
    shown = right.imshow(spread, cmap="viridis", vmin=0, vmax=brightest)
    style.bare(right)
    right.set_title("standard deviation between trainings")
    parts[0].colorbar(shown, ax=right, label="% of the window")
    if lines:
        draw_numbers(parts[1].subplots(), numbers)
    figure.suptitle(title)
    return figure


def draw_numbers(axes: Axes, numbers: pd.DataFrame) -> None:
    """Draw the interval of each measure, in % of its mean."""
    from sandstone import style
    from sandstone.petrophysics.measures import described

    places = range(len(numbers))
    scale = 100 / numbers["mean"].abs().where(numbers["mean"] != 0)
    reach = ((numbers["high"] - numbers["low"]) / 2 * scale).fillna(0)
    axes.axvline(0, color=style.BLACK, linestyle="--", linewidth=0.9)
    axes.errorbar([0] * len(numbers), places, xerr=reach, fmt="o", color=style.BLUE, capsize=3)
    units = numbers["unit"].fillna("")
    labels = [
        f"{described(measure).name}: {mean:.3g} {unit}".strip()
        for measure, mean, unit in zip(numbers["measure"], numbers["mean"], units, strict=True)
    ]
    axes.set_yticks(places, labels)
    axes.set_ylim(len(numbers) - 0.5, -0.5)
    axes.set_xlabel("where one more training would lie (% of the mean)")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--layout", type=cli.InputPath, required=True, help="what prepare_upscale.py wrote (.json)")
    add("--zarr", type=cli.InputPath, required=True, help="folder of the upscaled OME-Zarr image")
    add("--map", type=cli.InputPath, required=True, help="map of spread_upscaled.py (.tif)")
    add("--table", type=cli.InputPath, required=True, help="table of spread_upscaled.py (.csv)")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read one slice of the volume and of the map, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.imaging import window
    from sandstone.upscaling.layout import read_layout
    from sandstone.volumes.volume import open_volume

    layout = read_layout(Path(args.layout))
    numbers = read_numbers(args.table)
    with open_volume(args.zarr) as volume, open_volume(args.map) as spread:
        image, step = middle_slice(volume)
        deviation, _ = middle_slice(spread)
    figure = draw(
        window.to_unit(image, *layout.grey_window),
        deviation / PER_PERCENT,
        layout.sr_voxel_size_um[-1] * step,
        numbers,
        f"{layout.volume}: what another seed of {layout.model} would change",
    )
    style.save(figure, args.png, args.pdf)
    # Its zarr.json differs where voxels do; to hash them all would take longer than to draw.
    description = Path(args.zarr) / "zarr.json"
    write_record(__file__, args, voxel_size_um=layout.sr_voxel_size_um, inputs=[description])
    print(f"drew the spread of {layout.volume} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
