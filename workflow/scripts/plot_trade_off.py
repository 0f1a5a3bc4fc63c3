"""Draw how faithful and how sharp each method is: PSNR against LPIPS, or against SSIM.

Models between two others are joined to a curve, along which alpha grows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FAITHFUL = "psnr_db"
SHARP = ("lpips", "ssim")  # the first that is measured
BETWEEN = "/"  # of the models of a curve, as in "srresnet/half/srgan"

Means = Mapping[str, Mapping[str, float]]  # by method, then by metric


def read_means(path: str, sample: str) -> dict[str, dict[str, float]]:
    """Return the means of a sample by method and metric.

    Raises
    ------
    InputError
        If the summary is missing or damaged, or has no such sample.
    """
    from sandstone.metrics import tables

    table = tables.read(path, tables.SUMMARY_COLUMNS)
    own = table[table["sample"] == sample]
    if own.empty:
        raise InputError(f"{path} has no sample {sample}: run summarise_metrics.py again")
    means: dict[str, dict[str, float]] = {}
    for row in own.itertuples():
        means.setdefault(row.method, {})[row.metric] = row.mean
    return means


def draw(
    means: Means, sample: str, curves: Sequence[Sequence[str]], recommended: str | None
) -> Figure:
    """Return the figure: a mark for each method, and the curves through models between two.

    Parameters
    ----------
    means : mapping
    sample : str
    curves : sequence of sequence of str
        The methods of each, alpha growing.
    recommended : str, optional
        The method that gets a ring.
    """
    from sandstone import style
    from sandstone.metrics.quality import described

    first = next(iter(means.values()))
    sharp = next(metric for metric in SHARP if metric in first)
    figure = style.figure(6.4, 4.2)
    axes = figure.subplots()
    places = {name: (own[sharp], own[FAITHFUL]) for name, own in means.items()}
    for curve in curves:
        axes.plot(*zip(*(places[name] for name in curve), strict=True), color=style.GREY, zorder=1)
    draw_methods(axes, places)
    if recommended in places:
        ring: dict[str, Any] = {"s": 150, "facecolor": "none", "edgecolor": style.BLACK}
        axes.scatter(*places[recommended], label="recommended", **ring)
    figure.legend(loc="outside right upper")
    axes.set(xlabel=described(sharp).label, ylabel=described(FAITHFUL).label)
    if described(sharp).better == "lower":
        axes.invert_xaxis()  # better lies to the right and above
    axes.margins(0.18)
    figure.suptitle(f"{sample}: faithful above, sharp to the right")
    return figure


def draw_methods(axes: Axes, places: Mapping[str, tuple[float, float]]) -> None:
    """Draw a mark for each method."""
    from sandstone import style

    for name, colour in style.method_colours(list(places)).items():
        axes.scatter(*places[name], s=40, color=colour, label=name, zorder=2)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--summary", type=cli.InputPath, required=True, help="of summarise_metrics.py (.csv)")
    add("--sample", required=True, help="the one to draw")
    add(
        "--curves",
        nargs="+",
        required=True,
        help=f"methods along which alpha grows, as in srresnet{BETWEEN}half{BETWEEN}srgan",
    )
    add("--recommended", help="the method to mark")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the summary, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style

    means = read_means(args.summary, args.sample)
    curves = [curve.split(BETWEEN) for curve in args.curves]
    if missing := sorted({name for curve in curves for name in curve} - means.keys()):
        raise InputError(f"{args.summary} does not measure {', '.join(missing)}: name others")
    style.save(draw(means, args.sample, curves, args.recommended), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew {len(means)} methods to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
