"""Draw how a model's training went, from its history: losses, learning rate, validation.

Thin lines are single steps, thick lines running means over a fiftieth of the training.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DISCRIMINATOR_OUTPUTS = {"discriminator_real": "real HR", "discriminator_fake": "generated"}
OTHER_COLUMNS = ("step", "learning_rate", "loss", "loss_discriminator", "val_psnr_db", "val_ssim")
PANEL = (3.7, 2.9)  # inches
TITLE_PAD = 18  # points above the axes, with one line of text between


def terms_of(history: pd.DataFrame) -> list[str]:
    """Return the columns of the terms of the generator's loss, which the history names itself."""
    columns = map(str, history.columns)
    return [each for each in columns if each.startswith("loss_") and each != "loss_discriminator"]


def measured(history: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    """Return those of `columns` that hold a number at some step."""
    return [column for column in columns if history[column].notna().any()]


def panels(history: pd.DataFrame) -> list[Callable[[Axes, pd.DataFrame], None]]:
    """Return the functions that draw what this model measured, in the order of the panels."""
    chosen: list[Callable[[Axes, pd.DataFrame], None]] = [draw_generator_losses]
    if measured(history, ["loss_discriminator"]):
        chosen += [draw_discriminator_loss, draw_discriminator_outputs]
    chosen.append(draw_learning_rate)
    if measured(history, ["val_psnr_db"]):
        chosen.append(draw_psnr)
    if measured(history, ["val_ssim"]):
        chosen.append(draw_ssim)
    return chosen


def draw(history: pd.DataFrame, model: str) -> Figure:
    """Return a figure with a panel for each thing that was measured."""
    from sandstone import style

    chosen = panels(history)
    last = history["step"].iloc[-1]
    columns = 2 if len(chosen) <= 4 else 3
    rows = -(-len(chosen) // columns)
    figure = style.figure(columns * PANEL[0], rows * PANEL[1] + 0.4)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for letter, panel, draw_panel in zip("abcdef", axes, chosen, strict=False):
        style.panel_label(panel, letter)  # first: a panel's title takes the letter to its height
        draw_panel(panel, history)
        panel.set(xlabel="step", xlim=(0, last))
    for unused in axes[len(chosen) :]:
        unused.set_axis_off()
    figure.suptitle(f"Training of {model}: {last} steps")
    return figure


def draw_generator_losses(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the generator's loss and its terms before weighting."""
    from sandstone import style

    palette = (style.BLUE, style.GREEN, style.VERMILLION, style.ORANGE, style.SKY, style.PURPLE)
    colours = {"loss": style.BLACK, **dict(zip(terms_of(history), cycle(palette), strict=False))}
    terms = measured(history, colours)
    if len(terms) == 2:
        terms.remove("loss")  # the sum repeats its only term
    for column in terms:
        label = "sum, weighted" if column == "loss" else column.removeprefix("loss_")
        draw_curve(axes, history, column, colours[column], label.replace("_", " "))
    log_if_positive(axes, history[terms])
    axes.set(title="generator loss", ylabel="loss")
    if len(terms) > 1:
        axes.margins(y=0.4)  # room for the legend above the curves
    axes.legend(ncols=2, loc="upper right")


def draw_discriminator_loss(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the discriminator's loss."""
    from sandstone import style

    draw_curve(axes, history, "loss_discriminator", style.PURPLE, "discriminator")
    log_if_positive(axes, history[["loss_discriminator"]])
    axes.set(title="discriminator loss", ylabel="loss")


def draw_discriminator_outputs(axes: Axes, history: pd.DataFrame) -> None:
    """Draw what the discriminator says of real and of generated tiles."""
    from sandstone import style

    for column, colour in zip(DISCRIMINATOR_OUTPUTS, (style.BLUE, style.ORANGE), strict=True):
        draw_curve(axes, history, column, colour, DISCRIMINATOR_OUTPUTS[column])
    axes.axhline(0.5, color=style.GREY, linestyle="--", linewidth=1, label="undecided")
    axes.set(title="discriminator", ylabel="mean probability of being real", ylim=(0, 1.15))
    axes.legend(ncols=3, loc="upper center", handlelength=1.2, columnspacing=1.2)


def draw_learning_rate(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the learning rate of each step."""
    from sandstone import style

    axes.plot(history["step"], history["learning_rate"], color=style.BLACK)
    exponent = math.floor(math.log10(history["learning_rate"].max()))
    axes.set(title="learning rate", ylabel=f"learning rate ($10^{{{exponent}}}$)")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(lambda rate, _: f"{rate / 10.0**exponent:g}")


def draw_psnr(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the validation PSNR and mark its best."""
    draw_validation(axes, history, "psnr_db")


def draw_ssim(axes: Axes, history: pd.DataFrame) -> None:
    """Draw the validation SSIM and mark its best."""
    draw_validation(axes, history, "ssim")


def draw_validation(axes: Axes, history: pd.DataFrame, metric: str) -> None:
    """Draw one validation metric, of which more is better, and mark its best."""
    from sandstone import style
    from sandstone.metrics import quality

    measured = quality.described(metric)
    column = f"val_{metric}"
    rows = history[history[column].notna()]
    best = rows.loc[rows[column].idxmax()]
    axes.plot(rows["step"], rows[column], color=style.BLUE, marker="o", markersize=3)
    axes.plot(
        best["step"],
        best[column],
        linestyle="none",
        marker="*",
        markersize=12,
        clip_on=False,
        zorder=5,
        color=style.VERMILLION,
    )
    axes.set_title(f"validation {measured.name}", pad=TITLE_PAD)
    axes.set_ylabel(measured.label)
    axes.ticklabel_format(axis="y", useOffset=False)  # an offset would stand where the best does
    # Above the axes: within them, its star would pass for a second best beside some curve.
    axes.annotate(
        f"★ best: {measured.text(best[column])} at step {best['step']:.0f}",
        xy=(0.5, 1),
        xycoords="axes fraction",
        xytext=(0, 5),
        textcoords="offset points",
        horizontalalignment="center",
        color=style.VERMILLION,
        fontsize=8.5,
    )


def draw_curve(axes: Axes, history: pd.DataFrame, column: str, colour: str, label: str) -> None:
    """Draw the single steps thinly and their centred running mean over them."""
    window = max(1, len(history) // 50)
    smooth = history[column].rolling(window, center=True, min_periods=1).mean()
    axes.plot(history["step"], history[column], color=colour, alpha=0.25, linewidth=0.7)
    axes.plot(history["step"], smooth, color=colour, label=label)


def log_if_positive(axes: Axes, values: pd.DataFrame) -> None:
    """Choose a logarithmic ordinate unless some value, such as a hinge loss, forbids it."""
    from sandstone import style

    if values.min(axis=None) > 0:
        style.log_ordinate(axes)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--history", type=cli.InputPath, required=True, help="CSV that the training wrote"
    )
    arguments.add_argument("--model", required=True, help="name of the model, for the title")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the history, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.metrics import tables

    columns = [*OTHER_COLUMNS, *DISCRIMINATOR_OUTPUTS]
    terms = terms_of(tables.read(args.history, columns))
    history = tables.read(args.history, [*columns, *terms])  # so that these are numbers too
    style.save(draw(history, args.model), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew the training of {args.model} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
