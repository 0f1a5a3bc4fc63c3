"""Measure the pores of one method's images beside those of HR: porosity, surface, chords, flow.

Pores are what is dark: up to a threshold derived from HR and to some around it, without specks.
Images are the test tiles, or blocks of test tiles that lie one above the other.
"""

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from sandstone import cli
from sandstone.config.validity import check_border
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.pairs import Predictions, Split

CUBIC = 0.01  # relative difference of voxel edges that still counts as cubic
SMALL = 5  # correlation lengths that an edge needs for a number to speak for the rock


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


def threshold_of(test: "Split", phases: int) -> float:
    """Return the threshold of pores of all HR tiles of a split, from their histogram."""
    import numpy as np

    from sandstone.petrophysics.segmentation import pore_threshold

    first = test.hr[0]
    counts = np.zeros(np.iinfo(first.dtype).max + 1, np.int64)
    for tile in range(len(test)):
        counts += np.bincount(test.hr[tile].ravel(), minlength=len(counts))
    return pore_threshold(counts, phases)


def measure(
    levels: "np.ndarray", threshold: float, speckle: int, voxel_um: float, columns: Sequence[str]
) -> dict[str, float]:
    """Return measures of grey levels, shape (y, x) or (z, y, x), by column."""
    from sandstone.petrophysics import measures
    from sandstone.petrophysics.segmentation import segment

    pores = segment(levels, threshold, speckle)
    return {column: measures.described(column).of(pores, voxel_um) for column in columns}


def tell_if_small(lengths: Sequence[float], shape: Sequence[int], voxel_um: float) -> None:
    """Say when images are too small for their numbers to speak for the rock."""
    import numpy as np

    known = [length for length in lengths if np.isfinite(length)]
    if not known:
        print("note: no image tells how far its pores reach: it is smaller than that", flush=True)
        return
    length, edge = float(np.median(known)), min(shape) * voxel_um
    if edge < SMALL * length:
        print(
            f"note: an image of {edge:.0f} µm is {edge / length:.1f} correlation lengths wide, and "
            f"its numbers speak for the rock from {SMALL} on; compare methods by them, not rocks",
            flush=True,
        )


def check_cubic(voxel_size_um: Sequence[float], source: object) -> None:
    """Refuse blocks of voxels that are longer along z, in which no length would be right."""
    if max(voxel_size_um) > (1 + CUBIC) * min(voxel_size_um):
        sizes = " × ".join(f"{size:g}" for size in voxel_size_um)
        raise InputError(
            f"{source}: blocks need cubic voxels, and these are {sizes} µm (z, y, x); set "
            "evaluation.rock.depth to 0"
        )


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
    add("--depth", type=cli.positive_int, default=1, help="tiles of a block; 1 for single tiles")
    add("--phases", type=int, choices=[2, 3], default=2, help="of HR, the darkest is pore")
    add(
        "--sweep",
        type=cli.non_negative_float,
        default=4.0,
        help="how far thresholds lie on either side of Otsu's, %% of the data range",
    )
    add("--steps", type=cli.non_negative_int, default=2, help="thresholds on either side")
    add("--speckle", type=cli.non_negative_int, default=3, help="edge of the largest speck, voxels")
    add("--permeability", type=cli.boolean, default=False, help="of blocks; minutes for each")
    add("--output", type=cli.OutputPath, required=True, help="table to write (.csv)")
    add_record_flag(arguments)
    return arguments


def rows(
    args: argparse.Namespace, test: "Split", predictions: "Predictions", voxel_um: float
) -> Iterator[list[object]]:
    """Yield a row an image and threshold, as `header` names its cells."""
    import numpy as np

    from sandstone.metrics.quality import cut_border
    from sandstone.petrophysics import measures, segmentation
    from sandstone.progress import Progress

    about = predictions.attrs
    images = images_of(test, args.depth, args.pairs)
    dimensions = 2 if args.depth == 1 else 3
    chosen = measures.chosen(dimensions, permeability=args.permeability)
    threshold = threshold_of(test, args.phases)
    swept = segmentation.sweep(threshold, about.grey_max, args.sweep, args.steps)
    progress = Progress(f"pores of {about.method}", len(images), "images")
    lengths = []
    for number, image in enumerate(images):
        hr, sr = (
            np.squeeze(cut_border(np.stack([source[tile] for tile in image.tiles]), args.border))
            for source in (test.hr, predictions.sr)
        )
        for offset, threshold in swept:
            columns = [each.column for each in chosen if each.swept or offset == 0]
            of_sr, of_hr = (
                measure(levels, threshold, args.speckle, voxel_um, columns) for levels in (sr, hr)
            )
            lengths += [of_hr["length_um"]] if offset == 0 else []
            where = [about.sample, about.method, number, image.z, image.y, image.x]
            yield [*where, f"{offset:g}", f"{threshold:.3f}"] + [
                _cell(of.get(each.column)) for each in chosen for of in (of_sr, of_hr)
            ]
        progress.add(1)
    tell_if_small(lengths, hr.shape, voxel_um)


def _cell(value: float | None) -> str:
    """Return a number as a cell, empty where there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.9g}"


def header(args: argparse.Namespace) -> list[str]:
    """Return the columns of the table."""
    from sandstone.petrophysics import measures, rock_tables

    dimensions = 2 if args.depth == 1 else 3
    chosen = measures.chosen(dimensions, permeability=args.permeability)
    both = [each.column + end for each in chosen for end in ("", rock_tables.OF_HR)]
    return [*rock_tables.IMAGE_COLUMNS, *both]


def main(argv: Sequence[str] | None = None) -> None:
    """Read pairs and predictions, measure their pores, write the table."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset import pairs
    from sandstone.metrics import spectra

    with pairs.open_pairs(args.pairs) as reference, pairs.open_predictions(args.predictions) as sr:
        pairs.check_aligned(reference, sr)
        check_border("--border", args.border, reference.hr_size, lpips=False)
        test = reference.split("test")
        if not len(test):
            raise InputError(f"the test split of {args.pairs} holds no tile: give it more slices")
        if args.depth > 1:
            check_cubic(reference.attrs.hr_voxel_size_um, args.pairs)
        voxel_um = spectra.in_plane_voxel_size_um(reference.attrs.hr_voxel_size_um)
        table = files.csv_text(header(args), rows(args, test, sr, voxel_um))
    files.write_text(args.output, table)
    write_record(__file__, args, voxel_size_um=reference.attrs.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
