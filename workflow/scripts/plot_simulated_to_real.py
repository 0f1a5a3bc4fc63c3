"""Draw how each method scores on shrunken tiles and on the same tiles of a real coarse scan."""

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

MARGIN = 0.9  # of the axis beside the marks, for the intervals, as a share of what these span


def draw(table: pd.DataFrame) -> Figure:
    """Return a figure with a panel for each metric and a line for each method and sample.

    Parameters
    ----------
    table
        Columns of `tables.GAP_COLUMNS`.
    """
    from sandstone import style

    lines = table[["simulated", "method"]].drop_duplicates()
    metrics = list(table["metric"].unique())
    figure = style.figure(1.6 + 3.6 * len(metrics), 1.5 + 0.36 * len(lines))
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    for letter, axes, metric in zip("abcdefghijkl", panels, metrics, strict=False):
        draw_metric(axes, table[table["metric"] == metric], metric)
        style.panel_label(axes, letter)
    several = len(set(table["simulated"])) > 1
    names = [
        f"{method} (against {simulated})" if several else method
        for simulated, method in lines.itertuples(index=False)
    ]
    panels[0].set_yticks(range(len(lines)), names)
    panels[0].set_ylim(len(lines) - 0.5, -0.5)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.suptitle(f"{table['real'].iloc[0]}: shrunken tiles and a real coarse scan")
    return figure


def draw_metric(axes: Axes, rows: pd.DataFrame, metric: str) -> None:
    """Draw one metric: two marks a line, what they differ by, and how sure that is."""
    from sandstone import style
    from sandstone.metrics.quality import described

    colours = style.method_colours(list(rows["method"].unique()))
    about = described(metric)
    for place, row in enumerate(rows.itertuples()):
        colour = colours[row.method]
        ends = (row.mean_simulated, row.mean_real)
        axes.plot(ends, (place, place), color=colour, linewidth=1.4, zorder=1)
        labels = ("shrunken HR", "real scan") if not place else (None, None)
        for end, fill, label in zip(ends, ("white", colour), labels, strict=True):
            axes.scatter(end, place, s=34, color=fill, edgecolor=colour, label=label, zorder=2)
        axes.annotate(
            gap_text(row.gap, row.gap_low, row.gap_high, about.digits),
            (max(ends), place),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    means = rows[["mean_simulated", "mean_real"]].to_numpy()
    low, high = means.min(), means.max()
    axes.set_xlim(low - 0.1 * (high - low), high + MARGIN * (high - low))
    axes.set_xlabel(about.label)


def gap_text(gap: float, low: float, high: float, digits: int) -> str:
    """Return a gap with its interval, if it has one."""
    interval = f" [{low:+.{digits}f}, {high:+.{digits}f}]" if low <= high else ""
    return f"{gap:+.{digits}f}{interval}"


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--table", type=cli.InputPath, required=True, help="of simulated_to_real.py (.csv)"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the table, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.metrics import tables

    table = tables.read(args.table, tables.GAP_COLUMNS)
    style.save(draw(table), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew {len(table)} gaps to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
