"""Draw what each model gains on each sample, as a map: train here, test there.

A cell holds the mean gain in PSNR over the best interpolation with its interval; a frame marks rock
that the model has seen in its training. LR outside of a model's domain is named.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

METRIC = "psnr_db"
MAP = (
    "PuOr_r"  # orange for gains, violet for losses: told apart under every kind of colour blindness
)
DARK = 0.6  # of the largest gain, from which text is white


def read_gains(path: str, models: Sequence[str]) -> pd.DataFrame:
    """Return the rows of the summary that tell the gains of models, by sample and method.

    Raises
    ------
    InputError
        If the summary is missing or damaged, does not measure a model on every sample, or has no
        interpolation to gain over.
    """
    from sandstone.metrics import tables

    table = tables.read(path, tables.SUMMARY_COLUMNS)
    table = table[(table["metric"] == METRIC) & ~table["method"].isin(BASELINES)]
    gains = table.set_index(["sample", "method"])
    for sample in gains.index.unique("sample"):
        for model in models:
            if (sample, model) not in gains.index:
                raise InputError(f"{path} does not measure {model} on {sample}: name other models")
    if gains["gain"].isna().all():
        raise InputError(f"{path} has no gain over an interpolation: measure one beside the models")
    return gains


def draw(gains: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Return a figure with a row for each sample and a column for each model."""
    from sandstone import style

    samples = list(gains.index.unique("sample"))
    values = [[gains.loc[(sample, model), "gain"] for model in models] for sample in samples]
    largest = max(abs(value) for row in values for value in row if not math.isnan(value)) or 1.0
    figure = style.figure(1.8 + 1.35 * len(models), 1.5 + 0.8 * len(samples))
    axes = figure.subplots()
    image = axes.imshow(values, cmap=MAP, vmin=-largest, vmax=largest, aspect="auto")
    axes.grid(visible=False)
    axes.set_xticks(range(len(models)), models)
    axes.set_yticks(range(len(samples)), samples)
    axes.set(xlabel="model", ylabel="measured on")
    for row, sample in enumerate(samples):
        for column, model in enumerate(models):
            cell = gains.loc[(sample, model)]
            draw_cell(axes, (column, row), cell, dark=abs(cell["gain"]) > DARK * largest)
    figure.colorbar(image, ax=axes, label="gain over the best interpolation (dB)")
    figure.suptitle("Train here, test there: a frame marks rock that the model has seen")
    return figure


def draw_cell(axes: Axes, place: tuple[int, int], row: pd.Series, *, dark: bool) -> None:
    """Write the gain with its interval into a cell, and frame it where the rock was seen."""
    from matplotlib.patches import Rectangle

    from sandstone import style
    from sandstone.metrics.gains import Gain

    gain = Gain(*row[["baseline", "gain", "gain_low", "gain_high"]])
    text = "no gain known" if math.isnan(gain.mean) else gain.text(2).replace(" [", "\n[")
    text += "\noutside its domain" if isinstance(row["domain"], str) else ""
    colour = "white" if dark else style.BLACK
    axes.text(*place, text, ha="center", va="center", fontsize=8, color=colour)
    if row["rock"] == "seen":
        corner = place[0] - 0.46, place[1] - 0.44
        axes.add_patch(Rectangle(corner, 0.92, 0.88, fill=False, edgecolor=colour, linewidth=1.4))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--summary", type=cli.InputPath, required=True, help="of summarise_metrics.py (.csv)")
    add("--models", nargs="+", required=True, help="in the order to show")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the summary, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style

    gains = read_gains(args.summary, args.models)
    style.save(draw(gains, args.models), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew the gains of {len(args.models)} models to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
