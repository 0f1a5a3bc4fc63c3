"""Draw how two scans of one rock lie on each other, before and after registration.

Sections are checkerboards: their fields show the coarse scan and the fine one in turn, the latter
blurred as the coarse scanner blurs. Edges of grains run on from field to field where both agree.
Below, grey levels of both along one row.
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
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sandstone.registration.sections import Section

FIELDS = 4  # of a checkerboard along the shorter edge of a section
SHOWN = (0.5, 99.5)  # percentiles of the coarse scan that become black and white
WIDTH = 10.0  # inches
STATES = {"before": "as delivered", "after": "registered"}
REMEDY = "delete it and run register_volumes.py again"


def checkerboard(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return two images of one shape in turn, in square fields; the upper left is the first's.

    Where the second has NaN, the first is shown.
    """
    import numpy as np

    edge = max(1, round(min(first.shape) / FIELDS))
    rows, columns = (np.arange(length) // edge for length in first.shape)
    is_first = (rows[:, np.newaxis] + columns) % 2 == 0
    return np.where(is_first | np.isnan(second), first, second)


def as_grey(image: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Return an image as uint8, black and white at the percentiles `SHOWN` of another one."""
    import numpy as np

    low, high = np.percentile(like, SHOWN)
    share = (image - low) / max(high - low, 1e-9)
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def draw(sections: Mapping[str, Section], description: Mapping[str, Any]) -> Figure:
    """Return the figure: a row a section, then the profiles; before on the left, after right."""
    from sandstone import style

    sections = dict(lying(name, section) for name, section in sections.items())
    heights = [height_of(section) for section in sections.values()]
    figure = style.figure(WIDTH, sum(heights) + 3.4)
    axes = figure.subplots(len(sections) + 1, 2, height_ratios=[*heights, 1.9])
    for row, (name, section) in zip(axes, sections.items(), strict=False):
        for panel, state in zip(row, STATES, strict=True):
            draw_board(panel, section, state)
        row[0].set_ylabel(f"section {name}")
    longest = max(sections, key=lambda name: width_um(sections[name]))
    for panel, state in zip(axes[-1], STATES, strict=True):
        draw_profile(panel, sections[longest], state)
        panel.set_xlabel(f"along the middle row of section {longest} (µm)")
    for panel, (state, words) in zip(axes[0], STATES.items(), strict=True):
        panel.set_title(f"{words}: {told(description['correlation'][state])}")
    axes[-1][0].set_ylabel("grey level of the coarse scan")
    handles, labels = axes[-1][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    figure.suptitle(f"{description['sample']}: coarse and fine scan, {shift_told(description)}")
    return figure


def lying(name: str, section: Section) -> tuple[str, Section]:
    """Return a section wider than tall, and its name: the axis to the right, then that down."""
    from sandstone.registration.sections import Section

    if height_um(section) <= width_um(section):
        return name, section
    coarse, before, after = (each.T for each in (section.coarse, section.before, section.after))
    height, width = section.voxel_size_um
    return name[::-1], Section(coarse, before, after, (width, height))


def height_um(section: Section) -> float:
    """Return the length of the axis that runs down."""
    return section.coarse.shape[0] * section.voxel_size_um[0]


def width_um(section: Section) -> float:
    """Return the length of the axis that runs to the right."""
    return section.coarse.shape[1] * section.voxel_size_um[1]


def height_of(section: Section) -> float:
    """Return the height of a section's panel, inches."""
    return 0.45 * WIDTH * height_um(section) / width_um(section)


def told(correlation: float | None) -> str:
    """Return a correlation in words."""
    return "no common field" if correlation is None else f"correlation {correlation:.4f}"


def shift_told(description: Mapping[str, Any]) -> str:
    """Return the transform in words, with the method that found it."""
    import numpy as np

    transform = description["transform"]
    shift = ", ".join(f"{each:.2f}" for each in transform["shift_um"])
    turn = float(np.linalg.norm(transform["rotation_deg"]))
    return (
        f"registration {description['method']}: shift {shift} µm (z, y, x), rotation {turn:.2f}°, "
        f"scale {transform['scale']:.4f}"
    )


def draw_board(axes: Axes, section: Section, state: str) -> None:
    """Draw the checkerboard of a section."""
    from sandstone import style

    height, width = section.voxel_size_um
    board = checkerboard(section.coarse, getattr(section, state))
    style.show_grey(axes, as_grey(board, section.coarse), 255, aspect=height / width)
    style.scale_bar(axes, width)


def draw_profile(axes: Axes, section: Section, state: str) -> None:
    """Draw the grey levels of both scans along the middle row of a section."""
    import numpy as np

    from sandstone import style

    row = section.coarse.shape[0] // 2
    x = (np.arange(section.coarse.shape[1]) + 0.5) * section.voxel_size_um[1]
    axes.plot(x, section.coarse[row], color=style.BLACK, label="coarse scan")
    axes.plot(
        x,
        getattr(section, state)[row],
        color=style.VERMILLION,
        linewidth=1.0,
        label="fine scan, blurred as the coarse one",
    )
    axes.margins(x=0.01)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--sections", type=cli.InputPath, required=True, help="through both scans (.h5)")
    add("--registration", type=cli.InputPath, required=True, help="of both scans (.json)")
    cli.add_figure(arguments)
    add_record_flag(arguments)
    return arguments


def read_description(path: str) -> dict[str, Any]:
    """Return what `register_volumes` said of two scans.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    from sandstone.files import read_json
    from sandstone.registration.transform import Transform

    keys = ["sample", "coarse", "transform", "method", "correlation"]
    description = read_json(path, keys=keys, remedy=REMEDY)
    transform = Transform.from_dict(description["transform"], path)
    correlation = description["correlation"]
    if not isinstance(correlation, dict) or not correlation.keys() >= STATES.keys():
        raise InputError(f"{path} lacks the correlations before and after; {REMEDY}")
    return {**description, "transform": transform.as_dict()}


def main(argv: Sequence[str] | None = None) -> None:
    """Read the sections, draw, write."""
    args = parser().parse_args(argv)
    from sandstone import style
    from sandstone.registration.sections import read_sections

    description = read_description(args.registration)
    sections = read_sections(args.sections)
    style.save(draw(sections, description), args.png, args.pdf)
    write_record(__file__, args, voxel_size_um=description["coarse"]["voxel_size_um"])
    print(f"drew the registration of {description['sample']} to {args.png}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
