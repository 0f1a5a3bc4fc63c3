"""Draw how far the pores of each method are from those of HR, over the thresholds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS = 2  # of panels


def error_curves(tables: Sequence[pd.DataFrame], measure: str) -> dict[str, pd.Series]:
    """Return, by method, the error of the mean over images in %, by offset of the threshold."""
    from sandstone.petrophysics.rock_tables import OF_HR

    curves = {}
    for table in tables:
        known = table.dropna(subset=[measure, measure + OF_HR])
        sums = known.groupby("offset")[[measure, measure + OF_HR]].sum()
        curves[str(table["method"].iloc[0])] = 100 * (sums[measure] / sums[measure + OF_HR] - 1)
    return curves


def swept_measures(table: pd.DataFrame) -> list[str]:
    """Return the measures that a table has at every threshold, percolation aside."""
    from sandstone.petrophysics.columns import PERCOLATES
    from sandstone.petrophysics.measures import MEASURES

    return [
        each.column
        for each in MEASURES
        if each.swept and each.column in table and not each.column.startswith(PERCOLATES)
    ]


def draw(tables: Sequence[pd.DataFrame]) -> Figure:
    """Return a figure with a panel for each measure and a line for each method.

    Parameters
    ----------
    tables
        Of `measure_rock.py`, one a method.
    """
    from sandstone import style

    measures = swept_measures(tables[0])
    count = -(-len(measures) // COLUMNS)
    figure = style.figure(3.9 * min(COLUMNS, len(measures)), 0.9 + 2.7 * count)
    panels = figure.subplots(count, min(COLUMNS, len(measures)), squeeze=False).ravel()
    for letter, axes, measure in zip("abcdefghijkl", panels, measures, strict=False):
        draw_measure(axes, error_curves(tables, measure), measure)
        style.panel_label(axes, letter)
    for axes in panels[len(measures) :]:
        axes.set_axis_off()
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.suptitle(f"{tables[0]['sample'].iloc[0]}: pores against those of HR")
    return figure


def draw_measure(axes: Axes, curves: dict[str, pd.Series], measure: str) -> None:
    """Draw the error curves of one measure; a flat line at zero is HR."""
    from sandstone import style
    from sandstone.petrophysics.measures import described

    colours = style.method_colours(list(curves))
    axes.axhline(0, color="0.6", linewidth=0.8)
    for method, curve in curves.items():
        axes.plot(curve.index, curve, color=colours[method], marker=".", label=method)
    axes.set_title(described(measure).name, fontsize=9)
    axes.set_xlabel("threshold above HR's own (% of the data range)", fontsize=8)
    axes.set_ylabel("error (%)")


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--rock",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="tables of measure_rock.py, one a method (.csv)",
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.metrics import tables
    from sandstone.petrophysics.rock_tables import IMAGE_COLUMNS

    read = [tables.read(path, IMAGE_COLUMNS) for path in args.rock]
    style.save(draw(read), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew the pores of {len(read)} methods to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
