"""Draw the diagram of a generator or a discriminator from its JSON.

Boxes follow the data from top to bottom; what each gives out stands to its left, how many
parameters it holds to its right. Normalisations and activations share the box of the
layer before them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Row = dict[str, Any]

TIMES = "\N{MULTIPLICATION SIGN}"

IN_BOX_BEFORE = {
    "prelu": "PReLU",
    "silu": "SiLU",
    "leaky_relu": "LeakyReLU",
    "batch_norm": "batch normalisation",
}

BRIEF = {
    "prelu": "PReLU",
    "silu": "SiLU",
    "leaky_relu": "LeakyReLU",
    "batch_norm": "norm",
}  # inside a block

# Inches.
WIDTH, BOX_HEIGHT, PITCH = 7.6, 0.46, 0.66
BOX_LEFT, BOX_RIGHT = 2.1, 5.9
FIRST_LANE, LANE, ALL_LANES = 0.25, 0.3, 1.0  # of skip connections, right of the boxes


@dataclass
class Box:
    """One box of the diagram: a layer with what follows it directly.

    Attributes
    ----------
    row : dict
        The layer, as `description.describe` gives it.
    notes : list of str
        What stands under the name.
    names : list of str
        Names of the layer and of its followers, to which skip connections refer.
    parameters : int
        Of the layer and its followers.
    """

    row: Row
    notes: list[str]
    names: list[str] = field(default_factory=list)
    parameters: int = 0


def read_network(path: str) -> dict[str, Any]:
    """Return the content of a generator's or discriminator's JSON.

    Raises
    ------
    InputError
        If the file holds no JSON object.
    """
    from sandstone.files import read_json

    return read_json(path, remedy="delete it and train again")


def boxes(network: dict[str, Any]) -> list[Box]:
    """Return the boxes of a network's diagram, from input to output."""
    from sandstone.models import description

    made: list[Box] = []
    for row in description.describe(network):
        if row["kind"] in IN_BOX_BEFORE:
            made[-1].notes.append(IN_BOX_BEFORE[row["kind"]])
        else:
            made.append(Box(row, notes(row, network)))
        made[-1].names.append(row["name"])
        made[-1].parameters += row["parameters"]
    return made


def plural(count: int, noun: str) -> str:
    """Return a count with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def headline(row: Row) -> str:
    """Return what a layer is."""
    kind = row["kind"].removeprefix("spectral_")
    kernel, filters, stride = row["kernel"], row["filters"], row["stride"]
    strided = f", stride {stride}" if stride > 1 else ""
    headlines = {
        "input": "input",
        "conv": f"{kernel} {TIMES} {kernel} convolution, {plural(filters, 'filter')}{strided}",
        "residual_block": plural(row["repeat"], "residual block"),
        "attention_block": plural(row["repeat"], "attention block"),
        "centre": "less the mean colour, × 255",
        "attend": "attend: add, weighted by what came before",
        "pixel_shuffle": f"pixel shuffle {TIMES} {stride}",
        "upsample": f"nearest neighbour {TIMES} {stride}",
        "add": "add",
        "add_bicubic": "add the bicubic interpolation",
        "add_noise": "add noise that follows from the input",
        "flatten": "flatten",
        "dense": f"dense, {plural(filters, 'unit')}",
    }
    return headlines.get(kind, kind.replace("_", " "))


def notes(row: Row, network: dict[str, Any]) -> list[str]:
    """Return what else must be said of a layer."""
    if row["kind"] == "input":
        return ["LR tile, grey in [0, 1]" if "scale" in network else "HR or SR tile"]
    if row["inside"]:
        join = "add" if row["kind"] == "residual_block" else "attend"
        return [", ".join([*map(brief, row["inside"]), join])]
    return ["spectral normalisation"] if row["kind"].startswith("spectral_") else []


def brief(row: Row) -> str:
    """Return what a layer inside a residual block is, in a few words."""
    if row["kind"] == "conv":
        return f"{row['kernel']} {TIMES} {row['kernel']} conv, {row['filters']}"
    return BRIEF.get(row["kind"], row["kind"].replace("_", " "))


def output_size(row: Row) -> str:
    """Return height, width and channels that a layer gives out, by the input's h and w."""
    scale, filters = row["output_scale"], row["filters"]
    if not scale:
        return f"{filters:,}"
    if scale >= 1:
        factor = "" if scale == 1 else f"{scale:g}"
        return f"{factor}h {TIMES} {factor}w {TIMES} {filters}"
    return f"h/{1 / scale:g} {TIMES} w/{1 / scale:g} {TIMES} {filters}"


def draw(network: dict[str, Any]) -> Figure:
    """Return the diagram, or a sentence where there is no network."""
    from sandstone import style

    if not network:
        return draw_absence()
    chain = boxes(network)
    height = (len(chain) + 0.6) * PITCH
    figure = style.figure(WIDTH, height + 0.55)
    axes = figure.subplots()
    axes.set(xlim=(0, WIDTH), ylim=(-height, 0))
    axes.set_axis_off()
    centre = (BOX_LEFT + BOX_RIGHT) / 2
    for x, text, side in (
        (BOX_LEFT - 0.15, f"height {TIMES} width {TIMES} channels", "right"),
        (WIDTH, "parameters", "right"),
    ):
        axes.text(x, -0.2 * PITCH, text, ha=side, va="center", color=style.GREY, fontsize=8)
    for place, box in enumerate(chain):
        draw_box(axes, box, place)
    for place in range(1, len(chain)):
        arrow = {"arrowstyle": "-|>", "color": style.BLACK, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (centre, top(place)), (centre, bottom(place - 1)), arrowprops=arrow)
    draw_skips(axes, chain)
    figure.suptitle(title(network))
    return figure


def draw_absence() -> Figure:
    """Return the figure of a discriminator that does not exist."""
    from sandstone import style

    figure = style.figure(WIDTH, 1.2)
    sentence = "no discriminator: trained with pixel and content losses only"
    figure.text(0.5, 0.5, sentence, ha="center", va="center", fontsize=11, color=style.BLACK)
    return figure


def title(network: dict[str, Any]) -> str:
    """Return what the network is and how large it is."""
    from sandstone.models import description

    name, size = network["architecture"], description.parameter_count(network)
    if "scale" not in network:
        return f"Discriminator {name}: {size:,} parameters"
    reach = description.receptive_field(network)
    return (
        f"Generator {name}, {TIMES} {network['scale']}: {size:,} parameters, "
        f"sees {reach} LR pixels to each side"
    )


def draw_box(axes: Axes, box: Box, place: int) -> None:
    """Draw one box with its name, notes, output and parameters."""
    from matplotlib.patches import FancyBboxPatch

    from sandstone import style

    centre, middle = (BOX_LEFT + BOX_RIGHT) / 2, top(place) - BOX_HEIGHT / 2
    axes.add_patch(
        FancyBboxPatch(
            (BOX_LEFT, bottom(place)),
            BOX_RIGHT - BOX_LEFT,
            BOX_HEIGHT,
            boxstyle="round,pad=0,rounding_size=0.06",
            facecolor=colour(box.row["kind"]),
            edgecolor=style.BLACK,
            linewidth=0.8,
        )
    )
    shift = 0.1 if box.notes else 0
    centred: dict[str, Any] = {"ha": "center", "va": "center"}
    axes.text(centre, middle + shift, headline(box.row), fontsize=9.5, **centred)
    axes.text(centre, middle - 0.11, ", ".join(box.notes), fontsize=8, **centred)
    axes.text(BOX_LEFT - 0.15, middle, output_size(box.row), ha="right", va="center", fontsize=8.5)
    if box.parameters:
        axes.text(WIDTH, middle, f"{box.parameters:,}", ha="right", va="center", fontsize=8.5)


def colour(kind: str) -> str:
    """Return the colour of a kind of layer: pale, so that text stays readable on it."""
    kind = kind.removeprefix("spectral_")
    colours = {
        "conv": "#cfe4f2",
        "residual_block": "#fbe3b5",
        "attention_block": "#fbe3b5",
        "pixel_shuffle": "#c9e9de",
        "upsample": "#c9e9de",
        "dense": "#f6d9c5",
    }
    return colours.get(kind, "#eeeeee")


def draw_skips(axes: Axes, chain: Sequence[Box]) -> None:
    """Draw the skip connections to the right of the boxes, the longer the farther out."""
    from sandstone import style

    places = {name: place for place, box in enumerate(chain) for name in box.names}
    skips = [
        (places[source], place)
        for place, box in enumerate(chain)
        for source in box.row["skip_from"]
    ]
    skips.sort(key=lambda skip: skip[1] - skip[0])
    step = min(LANE, (ALL_LANES - FIRST_LANE) / max(1, len(skips) - 1))
    for number, (source, target) in enumerate(skips):
        lane = BOX_RIGHT + FIRST_LANE + number * step
        start, end = top(source) - BOX_HEIGHT / 2, top(target) - BOX_HEIGHT / 2
        axes.plot([BOX_RIGHT, lane, lane], [start, start, end], color=style.BLUE, linewidth=1.2)
        arrow = {"arrowstyle": "-|>", "color": style.BLUE, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (BOX_RIGHT, end), (lane, end), arrowprops=arrow)


def top(place: int) -> float:
    """Return the upper edge of a box, inches below the figure's top (negative)."""
    return -(place + 0.5) * PITCH


def bottom(place: int) -> float:
    """Return the lower edge of a box."""
    return top(place) - BOX_HEIGHT


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add(
        "--network",
        type=cli.InputPath,
        required=True,
        help="generator.json or discriminator.json of a model",
    )
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the network's JSON, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style

    style.save(draw(read_network(args.network)), args.png, args.pdf)
    write_record(__file__, args)
    print(f"drew {args.network} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
