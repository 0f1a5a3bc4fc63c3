"""Draw how each metric is distributed over the test tiles of one sample, method by method.

Boxes hold the middle half of the tiles, whiskers reach the tiles within 1.5 box lengths, dots are
tiles. The diamond is the mean with its confidence interval, from the summary. Below each axis stand
the gains of the models over the best interpolation, and beside their names whether a model has seen
the rock. A dashed line marks the PSNR that the rock would have without the noise of HR.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GOLDEN_RATIO = 0.618033988749895
MEAN_OFFSET = -0.34  # of the mean from its box, upwards, in lines


def read_metrics(paths: Sequence[str]) -> pd.DataFrame:
    """Return the rows of all tables, the methods in the order given.

    Raises
    ------
    InputError
        If a table is not one of metrics, or the tables are of different samples, metrics
        or, twice, of one method.
    """
    import pandas as pd

    from sandstone.metrics import quality, tables

    read = [tables.read(path, [*tables.TILE_COLUMNS, *quality.ALWAYS]) for path in paths]
    for path, table in zip(paths, read, strict=True):
        if list(table.columns) != list(read[0].columns):
            raise InputError(
                f"{path} measures other things than {paths[0]}; measure all methods alike"
            )
    rows = pd.concat(read, ignore_index=True)
    tables.only_value(rows, "sample", "the list of --metrics")
    if rows.duplicated(["method", "tile"]).any():
        raise InputError("--metrics names a method twice; name each table once")
    return rows


def read_summary(path: str, metrics: pd.DataFrame) -> pd.DataFrame:
    """Return the summary's rows of the sample of `metrics`, by method and metric.

    Raises
    ------
    InputError
        If the file is no summary, or lacks a method or a metric.
    """
    from sandstone.metrics import tables

    summary = tables.read(path, tables.SUMMARY_COLUMNS)
    sample = metrics["sample"].iloc[0]
    summary = summary[summary["sample"] == sample].set_index(["method", "metric"])
    for method in metrics["method"].unique():
        for metric in tables.metric_columns(metrics):
            if (method, metric) not in summary.index:
                raise InputError(
                    f"{path} lacks {metric} of {method} on {sample}; summarise these tables again"
                )
    return summary


def spread(count: int) -> np.ndarray:
    """Return offsets in [-0.5, 0.5), evenly scattered and the same on every run."""
    import numpy as np

    return np.arange(count) * GOLDEN_RATIO % 1 - 0.5


def draw(metrics: pd.DataFrame, summary: pd.DataFrame) -> Figure:
    """Return a figure with a panel for each metric and a line for each method."""
    from sandstone import style
    from sandstone.metrics.tables import metric_columns

    names = metric_columns(metrics)
    methods = list(metrics["method"].unique())
    labels = {name: axis_label(summary.xs(name, level="metric"), name) for name in names}
    lines = max(label.count("\n") for label in labels.values())
    figure = style.figure(1.0 + 3.3 * len(names), 1.6 + 0.55 * len(methods) + 0.16 * lines)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for letter, axes, name in zip("abcdefghijkl", panels, names, strict=False):
        draw_metric(axes, metrics, summary.xs(name, level="metric"), name)
        axes.set_xlabel(labels[name])
        style.panel_label(axes, letter)
    panels[0].set_yticks(range(len(methods)), [method_label(method, summary) for method in methods])
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    tiles = metrics["tile"].nunique()
    figure.suptitle(f"{metrics['sample'].iloc[0]}: {tiles} test tiles by every method")
    return figure


def axis_label(rows: pd.DataFrame, name: str) -> str:
    """Return what an axis shows, and below it what each model gains.

    Parameters
    ----------
    rows
        The summary of one metric, by method.
    name
        Column of the metric.
    """
    from sandstone.metrics import quality
    from sandstone.metrics.gains import Gain

    metric = quality.described(name)
    models = rows[rows["rock"].notna() & rows["gain"].notna()]
    lines = [metric.label]
    if len(models):
        lines.append(f"gain over {models['baseline'].iloc[0]}, tile by tile:")
    for method, *row in models[["baseline", "gain", "gain_low", "gain_high"]].itertuples():
        gain = Gain(*row)
        lines.append(f"{method}: {gain.text(metric.digits + 1)}, {gain.verdict}")
    return "\n".join(lines)


def method_label(method: str, summary: pd.DataFrame) -> str:
    """Return the name of a method, and of a model whether it has seen the rock."""
    known = summary.loc[method, "rock"].dropna()
    return f"{method}\n({known.iloc[0]} rock)" if len(known) else method


def draw_metric(axes: Axes, metrics: pd.DataFrame, summary: pd.DataFrame, name: str) -> None:
    """Draw one metric: a box and the tiles of each method, and its mean with interval."""
    import numpy as np
    import seaborn as sns

    from sandstone import style

    methods = list(metrics["method"].unique())
    colours = style.method_colours(methods)
    # Identical tiles have an infinite PSNR, which no axis can show.
    finite = metrics[np.isfinite(metrics[name])]
    sns.boxplot(
        finite,
        x=name,
        y="method",
        order=methods,
        hue="method",
        hue_order=methods,
        palette=colours,
        legend=False,
        width=0.4,
        fliersize=0,
        linewidth=0.9,
        boxprops={"alpha": 0.4},
        ax=axes,
    )
    for place, method in enumerate(methods):
        values = finite.loc[finite["method"] == method, name].to_numpy()
        heights = place + 0.36 * spread(values.size)
        axes.scatter(values, heights, s=5, color=colours[method], linewidth=0, rasterized=True)
        draw_mean(axes, summary.loc[method], place + MEAN_OFFSET, name)
    draw_ceiling(axes, summary)
    axes.set_ylabel("")
    axes.grid(visible=False, axis="y")


def draw_ceiling(axes: Axes, summary: pd.DataFrame) -> None:
    """Mark what the rock would have without the noise of HR, where the metric has such a number."""
    from sandstone import style

    known = summary["ceiling"].dropna()
    if len(known):
        label = "the rock without the noise of HR"
        axes.axvline(known.iloc[0], color=style.BLACK, linestyle="--", linewidth=1.0, label=label)


def draw_mean(axes: Axes, row: pd.Series, height: float, metric: str) -> None:
    """Draw a mean with its value and, where there is one, its confidence interval."""
    from sandstone import style
    from sandstone.metrics import quality

    first = not axes.get_legend_handles_labels()[1]
    axes.errorbar(
        row["mean"],
        height,
        xerr=[[row["mean"] - row["ci_low"]], [row["ci_high"] - row["mean"]]],
        marker="D",
        markersize=4.5,
        markerfacecolor="white",
        color=style.BLACK,
        elinewidth=1.6,
        capsize=3,
        label="mean and confidence interval" if first else None,
    )
    axes.annotate(
        quality.described(metric).text(row["mean"]),
        (row["mean"], height),
        xytext=(0, 5),
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=7.5,
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--metrics",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="per-tile tables (.csv), in the order to show",
    )
    arguments.add_argument(
        "--summary", type=cli.InputPath, required=True, help="means and intervals (.csv)"
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style

    metrics = read_metrics(args.metrics)
    summary = read_summary(args.summary, metrics)
    style.save(draw(metrics, summary), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew {len(args.metrics)} tables of metrics to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
