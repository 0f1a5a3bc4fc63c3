"""Draw one test tile by every method beside LR and HR, with its finest detail and its errors.

Errors are the differences to HR and, where it is known how LR was made, those to LR of the tile
degraded again.

The tile is the one with the median PSNR of bicubic interpolation (of the first method
without it), so that no method has chosen it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.dataset.pairs import Pairs, PairsAttributes

REFERENCE = "bicubic"
DETAIL = 4  # the tile's edge over the detail's
PANEL = 1.55  # inches
SHADES = 16  # of the errors: more shades of noise swell the file, and tell the eye nothing
SATURATION = 99.5  # percentile of all errors where the colour scale ends


@dataclass(frozen=True)
class Example:
    """One test tile by every method.

    Attributes
    ----------
    tile : int
        Number of the tile in the test split.
    lr, hr : ndarray of unsigned integers, shapes (h, h) and (H, H)
    sr : dict
        The prediction, shape (H, H), of each method.
    lr_errors : dict
        The absolute difference to LR of each prediction degraded again, grey levels, float64,
        shape (h, h), NaN at the border; empty where it is not known how LR was made.
    """

    tile: int
    lr: np.ndarray
    hr: np.ndarray
    sr: dict[str, np.ndarray]
    lr_errors: dict[str, np.ndarray]

    def errors(self) -> dict[str, np.ndarray]:
        """Return each method's absolute difference to HR, grey levels, float64."""
        return {name: abs(sr.astype(float) - self.hr) for name, sr in self.sr.items()}


def read_tables(paths: Sequence[str], sample: str, tiles: int) -> dict[str, pd.DataFrame]:
    """Return the per-tile table of each method.

    Raises
    ------
    InputError
        If a table is not one of metrics, is of another sample, or has other than `tiles` rows.
    """
    from sandstone.metrics import quality, tables

    read = {}
    for path in paths:
        table = tables.read(path, [*tables.TILE_COLUMNS, *quality.ALWAYS])
        found = tables.only_value(table, "sample", path)
        if found != sample:
            raise InputError(
                f"{path} is of {found} but the pairs are of {sample}; give tables of one sample"
            )
        if len(table) != tiles:
            raise InputError(
                f"{path} measures {len(table)} tiles but the pairs have {tiles} to test; measure "
                "the method again"
            )
        read[tables.only_value(table, "method", path)] = table.set_index("tile")
    return read


def representative_tile(tables: dict[str, pd.DataFrame]) -> tuple[int, str]:
    """Return the tile with the (lower) median PSNR of bicubic, and the method that chose."""
    method = REFERENCE if REFERENCE in tables else next(iter(tables))
    ranked = tables[method].sort_values("psnr_db", kind="stable")
    return int(ranked.index[(len(ranked) - 1) // 2]), method


def read_example(pairs: Pairs, prediction_paths: Sequence[str], tile: int) -> Example:
    """Read one test tile and every method's prediction of it.

    Raises
    ------
    InputError
        If the predictions are not of these pairs.
    """
    from sandstone.dataset.pairs import check_aligned, open_predictions

    sr = {}
    for path in prediction_paths:
        with open_predictions(path) as predictions:
            check_aligned(pairs, predictions)
            sr[predictions.attrs.method] = predictions.sr[tile]
    test = pairs.split("test")
    lr = test.lr[tile]
    return Example(tile, lr, test.hr[tile], sr, lr_errors(lr, sr, pairs.attrs))


def lr_errors(
    lr: np.ndarray, sr: dict[str, np.ndarray], attributes: PairsAttributes
) -> dict[str, np.ndarray]:
    """Return what `Example` says of them, where a pixel shows nothing beyond the tile."""
    import numpy as np

    from sandstone.imaging import redegrade

    scale = attributes.scale
    degradation = redegrade.without_noise(attributes.degradation)
    if degradation is None:
        return {}
    margin = redegrade.margin(degradation, scale)
    if 2 * margin >= len(lr):
        return {}
    inside = (slice(margin, len(lr) - margin),) * 2
    errors = {}
    for name, image in sr.items():
        errors[name] = np.full(lr.shape, np.nan)
        again = redegrade.degrade_again(image[None], scale, degradation)[0]
        errors[name][inside] = abs(again[inside].astype(float) - lr[inside])
    return errors


def check_methods(example: Example, tables: dict[str, pd.DataFrame]) -> None:
    """Check that predictions and tables are of the same methods.

    Raises
    ------
    InputError
        If one of the two lacks a method of the other.
    """
    unmatched = sorted(set(example.sr) ^ set(tables))
    if unmatched:
        raise InputError(
            f"method {unmatched[0]} is in only one of --predictions and --metrics; "
            "give both of every method"
        )


def draw(example: Example, tables: dict[str, pd.DataFrame], attributes: PairsAttributes) -> Figure:
    """Return a figure with a column each for LR, the methods and HR; rows tile, detail, errors."""
    from sandstone import style
    from sandstone.imaging.detail import most_detailed

    images = {"LR": example.lr, **example.sr, "HR": example.hr}
    rows = 4 if example.lr_errors else 3
    figure = style.figure(PANEL * len(images) + 0.3, rows * PANEL + 1.45)
    grid = figure.subplots(rows, len(images), squeeze=False)
    edge = example.hr.shape[0] // DETAIL // attributes.scale * attributes.scale
    # In whole LR pixels.
    corner = most_detailed(example.hr, edge, attributes.scale)
    colours = style.method_colours(list(example.sr))
    for column, (name, image) in zip(grid.T, images.items(), strict=True):
        shrink = example.hr.shape[0] // image.shape[0]
        box = (corner[0] // shrink, corner[1] // shrink, edge // shrink)
        draw_tile_and_detail(column[:2], image, box, attributes)
        column[0].set_title(name, color=colours.get(name, style.BLACK), fontweight="bold")
    draw_scale_bars(list(grid[:2, 0]), corner, attributes)
    grid[0, 0].set_ylabel("test tile")
    grid[1, 0].set_ylabel("detail")
    draw_errors(grid[2], example.errors(), "|SR - HR|", attributes)
    if example.lr_errors:
        draw_errors(grid[3], example.lr_errors, "|SR degraded\nagain - LR|", attributes)
    for axes, method in zip(grid[-1, 1:-1], example.sr, strict=True):
        axes.set_xlabel(metrics_text(tables[method], example.tile), fontsize=8.5)
    figure.suptitle(title(example, tables, attributes.sample))
    return figure


def title(example: Example, tables: dict[str, pd.DataFrame], sample: str) -> str:
    """Return what tile is shown, and why."""
    _, chooser = representative_tile(tables)
    row = tables[chooser].loc[example.tile]
    return (
        f"{sample}: test tile {example.tile} (z = {row['z']:.0f}, y = {row['y']:.0f}, "
        f"x = {row['x']:.0f}),\nthe median of {len(tables[chooser])} by the PSNR of {chooser}"
    )


def draw_tile_and_detail(
    panels: Sequence[Axes],
    image: np.ndarray,
    box: tuple[int, int, int],
    attributes: PairsAttributes,
) -> None:
    """Draw an image with the detail's outline, and below it the detail.

    Parameters
    ----------
    panels
        Axes of the image and of the detail.
    image
        Grey levels, shape (y, x).
    box
        Corner (y, x) and edge of the detail, pixels of this image.
    attributes
        Of the pairs file.
    """
    from matplotlib.patches import Rectangle

    from sandstone import style

    y, x, edge = box
    _, height_um, width_um = attributes.hr_voxel_size_um
    for axes, shown in zip(panels, (image, image[y : y + edge, x : x + edge]), strict=True):
        style.show_grey(axes, shown, attributes.grey_max, aspect=height_um / width_um)
    outline = Rectangle((x - 0.5, y - 0.5), edge, edge, fill=False, edgecolor=style.YELLOW)
    panels[0].add_patch(outline)
    panels[1].spines[:].set(edgecolor=style.YELLOW, linewidth=1.5)


def draw_scale_bars(
    panels: Sequence[Axes], corner: tuple[int, int], attributes: PairsAttributes
) -> None:
    """Draw scale bars into the LR tile and its detail, beside the outline of the detail.

    All panels of a row show the same piece of rock, so one bar serves a row.
    """
    from sandstone import style

    lr_width_um = attributes.lr_voxel_size_um[2]
    at_left = corner[1] < pixels_across(panels[0]) * attributes.scale / 2
    style.scale_bar(panels[0], lr_width_um, corner="lower right" if at_left else "lower left")
    style.scale_bar(panels[1], lr_width_um)


def pixels_across(axes: Axes) -> float:
    """Return the width of the image in `axes`, pixels."""
    left, right = axes.get_xlim()
    return right - left


def draw_errors(
    row: Sequence[Axes], errors: dict[str, np.ndarray], name: str, attributes: PairsAttributes
) -> None:
    """Draw each method's absolute differences, grey levels, on one colour scale, and their name."""
    import matplotlib as mpl
    import numpy as np

    from sandstone import style

    _, height_um, width_um = attributes.hr_voxel_size_um
    shades = mpl.colormaps["magma"].resampled(SHADES)
    largest = max(1.0, float(np.nanpercentile(list(errors.values()), SATURATION)))
    for axes, error in zip(row[1:-1], errors.values(), strict=True):
        style.bare(axes)
        drawn = axes.imshow(
            error,
            cmap=shades,
            vmin=0,
            vmax=largest,
            aspect=height_um / width_um,
            interpolation_stage="data",
        )
    row[0].set_axis_off()
    row[-1].set_axis_off()
    row[0].text(0.98, 0.5, name, ha="right", va="center", transform=row[0].transAxes)
    bar = row[-1].inset_axes((0.05, 0.05, 0.09, 0.9))
    row[-1].figure.colorbar(drawn, cax=bar, extend="max", label="grey levels")


def metrics_text(table: pd.DataFrame, tile: int) -> str:
    """Return one line a metric with its value on a tile."""
    from sandstone.metrics import quality, tables

    metrics = [quality.described(column) for column in tables.metric_columns(table)]
    return "\n".join(
        f"{metric.name} {metric.text(table.loc[tile, metric.column])}" for metric in metrics
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--pairs", type=cli.InputPath, required=True, help="HDF5 file of tile pairs")
    add(
        "--predictions",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="test tiles of each method (.h5), in order",
    )
    add(
        "--metrics",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="per-tile table of each method (.csv)",
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Choose the tile, read it by every method, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.dataset.pairs import open_pairs

    with open_pairs(args.pairs) as pairs:
        tables = read_tables(args.metrics, pairs.attrs.sample, len(pairs.split("test")))
        tile, _ = representative_tile(tables)
        example = read_example(pairs, args.predictions, tile)
        check_methods(example, tables)
        style.save(draw(example, tables, pairs.attrs), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=pairs.attrs.hr_voxel_size_um)
    print(f"drew test tile {tile} by {len(example.sr)} methods to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
