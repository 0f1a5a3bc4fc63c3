"""Measure the pores of one method's images beside those of HR: porosity, surface, chords, flow.

Pores are what is dark: up to a threshold derived from HR and to some around it, without specks.
Images are the test tiles, or blocks of test tiles that lie one above the other.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sandstone import cli
from sandstone.config.validity import check_border
from sandstone.errors import InputError
from sandstone.petrophysics import options
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from sandstone.dataset.pairs import Predictions, Split
    from sandstone.petrophysics.beside_hr import Measuring


class Image(NamedTuple):
    """Where an image lies, and the tiles that it is made of, from above."""

    z: int
    y: int
    x: int
    tiles: tuple[int, ...]


def images_of(test: "Split", depth: int, source: object) -> list[Image]:
    """Return the images of a test split: each tile, or blocks of `depth` tiles.

    Raises
    ------
    InputError
        If no `depth` tiles lie one above the other.
    """
    corners = [(int(y), int(x), int(z), tile) for tile, (z, y, x) in enumerate(_corners(test))]
    if depth == 1:
        return [Image(z, y, x, (tile,)) for y, x, z, tile in corners]
    columns: list[list[tuple[int, int, int, int]]] = []
    for corner in sorted(corners):
        y, x, z, _ = corner
        if not columns or (y, x, z - 1) != columns[-1][-1][:3]:
            columns.append([])
        columns[-1].append(corner)
    blocks = [
        column[first : first + depth]
        for column in columns
        for first in range(0, len(column) - depth + 1, depth)
    ]
    if not blocks:
        longest = max(map(len, columns))
        raise InputError(
            f"no {depth} test tiles of {source} lie one above the other, at most {longest}; set "
            "evaluation.rock.depth to that or less, or to 0 where slices lie apart"
        )
    return [
        Image(block[0][2], block[0][0], block[0][1], tuple(tile for *_, tile in block))
        for block in sorted(blocks, key=lambda block: (block[0][2], block[0][0], block[0][1]))
    ]


def _corners(test: "Split") -> Iterator[tuple[int, int, int]]:
    return zip(test.z, test.y, test.x, strict=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--pairs", type=cli.InputPath, required=True, help="tile pairs of one sample (.h5)")
    add(
        "--predictions",
        type=cli.InputPath,
        required=True,
        help="super-resolved test tiles of one method (.h5)",
    )
    add("--border", type=int, default=4, help="HR pixels cut from each side of a tile")
    options.add_flags(arguments)
    add("--output", type=cli.OutputPath, required=True, help="table to write (.csv)")
    add_record_flag(arguments)
    return arguments


def rows(
    args: argparse.Namespace, test: "Split", predictions: "Predictions", measuring: "Measuring"
) -> Iterator[list[object]]:
    """Yield a row an image and threshold."""
    import numpy as np

    from sandstone.metrics.quality import cut_border
    from sandstone.progress import Progress

    about = predictions.attrs
    images = images_of(test, args.depth, args.pairs)
    progress = Progress(f"pores of {about.method}", len(images), "images")
    for number, image in enumerate(images):
        hr, sr = (
            np.squeeze(cut_border(np.stack([source[tile] for tile in image.tiles]), args.border))
            for source in (test.hr, predictions.sr)
        )
        where = [about.sample, about.method, number, image.z, image.y, image.x]
        yield from measuring.rows(where, *map(measuring.measured, (sr, hr)))
        progress.add(1)
    measuring.tell_if_small(hr.shape)


def main(argv: Sequence[str] | None = None) -> None:
    """Read pairs and predictions, measure their pores, write the table."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset import pairs
    from sandstone.metrics import spectra
    from sandstone.petrophysics import beside_hr

    with pairs.open_pairs(args.pairs) as reference, pairs.open_predictions(args.predictions) as sr:
        pairs.check_aligned(reference, sr)
        check_border("--border", args.border, reference.hr_size, lpips=False)
        test = reference.split("test")
        if not len(test):
            raise InputError(f"the test split of {args.pairs} holds no tile: give it more slices")
        if args.depth > 1:
            beside_hr.check_cubic(reference.attrs.hr_voxel_size_um, args.pairs)
        measuring = beside_hr.Measuring.by(
            args,
            beside_hr.threshold_of(
                (test.hr[tile] for tile in range(len(test))), reference.attrs.grey_max, args.phases
            ),
            reference.attrs.grey_max,
            spectra.in_plane_voxel_size_um(reference.attrs.hr_voxel_size_um),
        )
        table = files.csv_text(measuring.columns, rows(args, test, sr, measuring))
    files.write_text(args.output, table)
    write_record(__file__, args, voxel_size_um=reference.attrs.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
