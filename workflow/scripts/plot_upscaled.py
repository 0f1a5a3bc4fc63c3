"""Draw the middle slice of a volume beside the same slice upscaled, a detail, and the jitter.

Only these slices are read. Both have the grey scale that the network has: its window.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

    from sandstone.upscaling.layout import Layout
    from sandstone.volumes.volume import Volume

MOST_PIXELS = 1200  # of a slice's longer edge in the figure; larger slices are shown by means
BYTES_AT_ONCE = 1 << 26  # of a slice that is shrunk while it is read
DETAIL = (16, 64)  # least and greatest edge of the detail, LR pixels, between them a third
AROUND = 2  # LR pixels that the cubic kernel needs around the detail
WIDTH = 7.2  # inches
TALLEST = 4.5  # inches, of a slice
WIDE = 1.8  # width over height, above which both slices lie one above the other
ROW = 0.27  # inches, of a line of the jitter


@dataclass(frozen=True)
class View:
    """One slice of a volume for the figure.

    Attributes
    ----------
    z : int
        Number of the slice.
    overview : ndarray of float32, shape (y, x)
        All of it, in means over `step`² voxels; 0 is black and 1 white.
    step : int
    detail : ndarray of float32, shape (y, x)
        A part of it, voxel by voxel.
    """

    z: int
    overview: np.ndarray
    step: int
    detail: np.ndarray


@dataclass(frozen=True)
class Both:
    """The same slice of the volume and of the upscaled one.

    Attributes
    ----------
    lr, sr : View
    cubic : ndarray of float32, shape of `sr.detail`
        The detail of LR, enlarged by bicubic interpolation.
    corner : tuple of int
        Of the detail, (y, x), LR pixels.
    """

    lr: View
    sr: View
    cubic: np.ndarray
    corner: tuple[int, int]

    @property
    def edge(self) -> int:
        """Edge of the detail, LR pixels."""
        return self.lr.detail.shape[0]


def check_image(layout: Layout, image: Volume) -> None:
    """Refuse an upscaled volume that is not the one of the layout.

    Raises
    ------
    InputError
        If shape or type differ.
    """
    if image.shape != layout.tiling.sr_shape or image.dtype.name != layout.dtype:
        raise InputError(
            f"{image.files[0].parent}: not the upscaled volume of the layout (shape or type "
            "differ); make it again with upscale_volume.py"
        )


def shrunken(volume: Volume, z: int, step: int) -> np.ndarray:
    """Return a slice in means over `step`² voxels, shape (y, x); in memory is a band of rows."""
    import numpy as np

    from sandstone.upscaling.pyramid import shrink

    _, height, width = volume.shape
    rows = max(1, BYTES_AT_ONCE // (width * volume.dtype.itemsize * step)) * step
    bands = (slice(y, min(y + rows, height)) for y in range(0, height, rows))
    return np.concatenate(
        [shrink(volume.read(z, z + 1, band), (1, step, step)) for band in bands], 1
    )[0]


def step_of(volume: Volume) -> int:
    """Return the edge of the cells by whose means a slice is shown."""
    return -(-max(volume.shape[1:]) // MOST_PIXELS)


def place_of_detail(overview: np.ndarray, step: int, shape: Sequence[int]) -> tuple[int, int, int]:
    """Return the corner (y, x) and the edge of the detail, LR pixels.

    It is where the central half of the slice changes most: a plug's wall lies further out.
    """
    from sandstone.imaging.detail import most_detailed

    margins = [length // 4 for length in overview.shape]
    centre = overview[tuple(slice(margin, -margin or None) for margin in margins)]
    least, most = DETAIL
    wanted = max(least, min(min(shape) // 3, most))
    cells = max(1, min(wanted // step, *centre.shape))
    corner = most_detailed(centre, cells, max(1, cells // 4))
    edge = min(cells * step, *shape)
    y, x = (
        min((first + margin) * step, length - edge)
        for first, margin, length in zip(corner, margins, shape, strict=True)
    )
    return y, x, edge


def read_both(layout: Layout, volume: Volume, image: Volume) -> Both:
    """Read the middle slice, and of the upscaled volume the slice in its middle."""
    scale, (along, _, _) = layout.tiling.scale, layout.tiling.factors
    z = volume.shape[0] // 2
    fine_z = z * along + along // 2
    step, fine_step = step_of(volume), step_of(image)
    overview = seen(shrunken(volume, z, step), layout)
    y, x, edge = place_of_detail(overview, step, volume.shape[1:])
    rows, columns = slice(y, y + edge), slice(x, x + edge)
    fine = [slice(part.start * scale, part.stop * scale) for part in (rows, columns)]
    return Both(
        lr=View(z, overview, step, seen(volume.read(z, z + 1, rows)[0, :, columns], layout)),
        sr=View(
            fine_z,
            seen(shrunken(image, fine_z, fine_step), layout),
            fine_step,
            seen(image.read(fine_z, fine_z + 1, fine[0])[0, :, fine[1]], layout),
        ),
        cubic=by_cubic(layout, volume, z, (rows, columns)),
        corner=(y, x),
    )


def seen(image: np.ndarray, layout: Layout) -> np.ndarray:
    """Return an image as the network sees it: float32, black 0 and white 1, the rest saturated."""
    from sandstone.imaging import window

    return window.to_unit(image, *layout.grey_window)


def by_cubic(layout: Layout, volume: Volume, z: int, inside: tuple[slice, slice]) -> np.ndarray:
    """Return a part of a slice enlarged as the whole slice would be, by bicubic interpolation."""
    from sandstone.imaging.resample import resize

    scale = layout.tiling.scale
    rows, columns = (
        slice(max(0, part.start - AROUND), min(length, part.stop + AROUND))
        for part, length in zip(inside, volume.shape[1:], strict=True)
    )
    coarse = seen(volume.read(z, z + 1, rows)[0, :, columns], layout)
    height, width = (length * scale for length in coarse.shape)
    fine = resize(coarse, (height, width), "bicubic").clip(0, 1)
    kept = (
        slice((part.start - around.start) * scale, (part.stop - around.start) * scale)
        for part, around in zip(inside, (rows, columns), strict=True)
    )
    return fine[tuple(kept)]


def read_jitter(path: str) -> pd.DataFrame:
    """Return the lines of the jitter's table that have a ratio; none of a single slice.

    Raises
    ------
    InputError
        If it is no such table.
    """
    from sandstone.metrics import tables
    from sandstone.metrics.jitter import Jitter

    return tables.read(path, Jitter._fields).dropna(subset=["ratio"])


def draw(both: Both, layout: Layout, jitter: pd.DataFrame) -> Figure:
    """Return the figure: the slices, the detail, and the jitter where it was measured."""
    from sandstone import style

    height, width = (
        length * size
        for length, size in zip(layout.tiling.shape[1:], layout.voxel_size_um[1:], strict=True)
    )
    stacked = width > WIDE * height
    across = WIDTH if stacked else WIDTH / 2
    slices = (min(across * height / width, TALLEST) + 0.3) * (1 + stacked) + 0.45
    detail = WIDTH / 3 + 0.35
    lines = ROW * len(jitter) + 0.75 if len(jitter) else 0
    heights = [each for each in (slices, detail, lines) if each]
    figure = style.figure(WIDTH, sum(heights) + 0.4)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
    draw_slices(parts[0], both, layout, stacked=stacked)
    draw_detail(parts[1], both, layout)
    if lines:
        draw_jitter(parts[2].subplots(), jitter)
    along, _, _ = layout.tiling.factors
    axes = "along all axes" if along > 1 else "within slices"
    figure.suptitle(f"{layout.volume}: {layout.tiling.scale} times finer {axes} by {layout.model}")
    return figure


def draw_slices(part: SubFigure, both: Both, layout: Layout, *, stacked: bool) -> None:
    """Draw both slices with the outline of the detail and scale bars, and the window below."""
    from matplotlib.patches import Rectangle

    from sandstone import style

    scale = layout.tiling.scale
    panels = part.subplots(*((2, 1) if stacked else (1, 2)))
    for axes, name, view, sizes, factor in (
        (panels[0], "input", both.lr, layout.voxel_size_um, 1),
        (panels[1], "upscaled", both.sr, layout.sr_voxel_size_um, scale),
    ):
        depth_um, height_um, width_um = sizes
        style.show_grey(axes, view.overview, 1, aspect=height_um / width_um)
        # Of their middles: the first voxels of both begin at the same place.
        axes.set_title(f"{name}, z = {view.z} ({(view.z + 0.5) * depth_um:g} µm deep)")
        y, x = (first * factor / view.step - 0.5 for first in both.corner)
        edge = both.edge * factor / view.step
        axes.add_patch(Rectangle((x, y), edge, edge, fill=False, edgecolor=style.YELLOW))
        style.scale_bar(axes, width_um * view.step)
    part.supxlabel(window_text(layout), fontsize=8.5)


def window_text(layout: Layout) -> str:
    """Return what is black and white, why, and how much lies beyond."""
    low, high = layout.grey_window
    percentiles = layout.window.get("percentiles")
    why = (
        "percentiles {:g} and {:g} of its rock".format(*percentiles) if percentiles else "as given"
    )
    beyond = layout.window.get("below", 0) + layout.window.get("above", 0)
    share = beyond / math.prod(layout.tiling.shape)
    return (
        f"grey levels {low:g} (black) to {high:g} (white), {why};\n"
        f"{share:.2%} of the voxels lie beyond and saturate"
    )


def draw_detail(part: SubFigure, both: Both, layout: Layout) -> None:
    """Draw the detail as its voxels, by bicubic interpolation, and upscaled."""
    from sandstone import style

    _, height_um, width_um = layout.voxel_size_um
    images = {
        "detail, input": both.lr.detail,
        "detail, input by bicubic": both.cubic,
        "detail, upscaled": both.sr.detail,
    }
    panels = part.subplots(1, len(images))
    for axes, (name, image) in zip(panels, images.items(), strict=True):
        shown = style.show_grey(axes, image, 1, aspect=height_um / width_um)
        shown.set_interpolation("nearest")
        axes.set_title(name)
        axes.spines[:].set(edgecolor=style.YELLOW, linewidth=1.5)
    style.scale_bar(panels[0], width_um)


def draw_jitter(axes: Axes, jitter: pd.DataFrame) -> None:
    """Draw the ratio of each line of the table against 1, that of rock without a direction."""
    from sandstone import style

    colours = {"input": style.GREY, "hr": style.HR_COLOUR, "upscaled": style.ORANGE}
    labels = [f"{row.source}, {row.band} ({row.distance_um:g} µm)" for row in jitter.itertuples()]
    places = range(len(jitter))
    axes.axvline(1, color=style.BLACK, linestyle="--", linewidth=0.9)
    axes.scatter(
        jitter["ratio"], places, c=[colours.get(name, style.BLUE) for name in jitter["source"]]
    )
    for place, ratio in zip(places, jitter["ratio"], strict=True):
        axes.annotate(
            f"{ratio:.2f}", (ratio, place), (6, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(places, labels)
    axes.set_ylim(len(jitter) - 0.5, -0.5)
    axes.set_xlim(0, 1.15 * max(1.0, jitter["ratio"].max()))
    axes.set_xlabel(
        "jitter: change from slice to slice over change within slices (about 1 without flicker)"
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    # The layout holds its hash: it need not be read again as a whole.
    flags.add(arguments, kind=cli.WorkPath)
    add("--layout", type=cli.InputPath, required=True, help="what prepare_upscale.py wrote (.json)")
    add(
        "--zarr",
        type=cli.InputPath,
        required=True,
        help="folder of the OME-Zarr image that upscale_volume.py wrote",
    )
    add("--jitter", type=cli.InputPath, required=True, help="its table of the jitter (.csv)")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read one slice of each volume, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style, unchanged
    from sandstone.upscaling.layout import check_volume, read_layout
    from sandstone.volumes.volume import open_volume

    layout = read_layout(Path(args.layout))
    jitter = read_jitter(args.jitter)
    with flags.open_named(args) as volume, open_volume(args.zarr) as image:
        check_volume(layout, volume, unchanged.size(volume.files))
        check_image(layout, image)
        with unchanged.unchanged(volume.files):
            both = read_both(layout, volume, image)
    style.save(draw(both, layout, jitter), args.png, args.pdf)
    # Its zarr.json differs where voxels do; to hash them all would take longer than to draw.
    description = Path(args.zarr) / "zarr.json"
    write_record(__file__, args, voxel_size_um=layout.sr_voxel_size_um, inputs=[description])
    print(f"drew slice {both.lr.z} of {layout.volume} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
