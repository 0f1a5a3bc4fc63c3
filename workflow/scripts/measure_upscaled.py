"""Measure the pores of an upscaled volume beside those of a true fine scan of the same rock.

Both are brought to the fine scan's slices and grey levels, on slices of its test split alone, and
measured as tiles are, beside cubic interpolation of the coarse scan.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.petrophysics import options
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import pandas as pd

    from sandstone.judging.place import Place
    from sandstone.petrophysics.beside_hr import Measuring

EDGE = 256  # voxels of the middle of a block's slices, at most


def consecutive(inside: list[int], depth: int) -> list[int]:
    """Return as many of the slices as blocks of `depth` can be made of.

    Raises
    ------
    InputError
        If there are fewer than that.
    """
    whole = len(inside) - len(inside) % depth
    if not whole:
        raise InputError(
            f"the upscaled volume and the test split of the fine scan share {len(inside)} slices, "
            f"too few for a block of {depth}; set evaluation.rock.depth to that or less, or to 0"
        )
    return inside[:whole]


def image_of(
    read: "Callable[[int], np.ndarray]", zs: Sequence[int], inside: tuple[slice, slice]
) -> "np.ndarray":
    """Return a slice, shape (y, x), or a block of several, shape (z, y, x)."""
    import numpy as np

    return np.squeeze(np.stack([read(z)[inside] for z in zs]))


def rows(seen: "Place", volume: str, depth: int, measuring: "Measuring") -> Iterator[list[object]]:
    """Yield a row an image, method and threshold."""
    from sandstone.judging.place import middle
    from sandstone.progress import Progress

    y, x = seen.corner
    inside = slice(None), slice(None)
    if depth > 1:
        height, width = seen.hr(seen.zs[0]).shape
        inside = middle(height, EDGE), middle(width, EDGE)
        y, x = y + inside[0].start, x + inside[1].start
    firsts = range(0, len(seen.zs), depth)
    progress = Progress("pores of the upscaled volume", len(firsts), "images")
    for number, first in enumerate(firsts):
        zs = seen.zs[first : first + depth]
        levels = image_of(seen.hr, zs, inside)
        hr = measuring.measured(levels)
        for method in seen.scans:
            own = image_of(partial(seen.grey_image, method), zs, inside)
            where = [volume, method, number, seen.depths[first], y, x]
            yield from measuring.rows(where, measuring.measured(own), hr)
        progress.add(1)
    measuring.tell_if_small(levels.shape)


def by_method(text: str) -> "dict[str, pd.DataFrame]":
    """Return the table of each method, in the order in which they stand in the CSV text."""
    import pandas as pd

    whole = pd.read_csv(io.StringIO(text))
    return {
        str(method): rows.reset_index(drop=True)
        for method, rows in whole.groupby("method", sort=False)
    }


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    flags.add_judged(arguments)
    add(
        "--siblings",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="the same, upscaled by trainings that differ in their seed alone",
    )
    options.add_flags(arguments)
    cli.add_bootstrap(arguments)
    add("--output", type=cli.OutputPath, required=True, help="table of the errors to write (.csv)")
    add("--images", type=cli.OutputPath, required=True, help="table of every image to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the volumes, measure pores where all show the rock, write the table."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset import guard
    from sandstone.dataset.pairs import open_pairs
    from sandstone.dataset.slices import open_slices
    from sandstone.judging import place
    from sandstone.metrics import spectra
    from sandstone.metrics.bootstrap import depth_blocks
    from sandstone.petrophysics import beside_hr, compared, rock_tables
    from sandstone.volumes.volume import open_volume

    with open_pairs(args.pairs) as pairs:
        test, about = pairs.split("test"), pairs.attrs
        span = test.slices
        tiles = (test.hr[tile] for tile in range(len(test)))
        threshold = beside_hr.threshold_of(tiles, about.grey_max, args.phases)
    siblings = {f"{args.method} again {k}": path for k, path in enumerate(args.siblings, 2)}
    with ExitStack() as opened:
        stack = opened.enter_context(open_slices(args.slices, args.mask, args.metadata))
        voxel_size_um = stack.metadata["voxel_size_um"]
        if args.depth > 1:
            beside_hr.check_cubic(voxel_size_um, args.slices)
        volumes = {
            name: opened.enter_context(flags.open_named(args, flag))
            for name, flag in ((place.CUBIC, "lr"), (args.method, "upscaled"))
        }
        for name, path in siblings.items():
            volumes[name] = opened.enter_context(open_volume(path, axis=args.axis))
        seen = place.common_place(
            stack,
            volumes,
            place.read_pair(args.registration, args.degradation),
            span,
            partial(consecutive, depth=args.depth) if args.depth > 1 else place.spread,
        )
        measuring = beside_hr.Measuring.by(
            args, threshold, about.grey_max, spectra.in_plane_voxel_size_um(voxel_size_um)
        )
        images = files.csv_text(measuring.columns, rows(seen, args.name, args.depth, measuring))
        for each in volumes.values():
            each.check_unchanged()
        read = [file for each in volumes.values() for file in each.files]
    tables = by_method(images)
    found = compared.compare(
        tables,
        tables[place.CUBIC],
        blocks := depth_blocks(seen.depths[:: args.depth], guard.span_slices(about)),
        rock_tables.draws(
            int(blocks.max()) + 1,
            confidence=args.confidence,
            resamples=args.resamples,
            seed=args.seed,
        ),
        siblings={args.method: list(siblings)},
        confidence=args.confidence,
    )
    compared.tell(found)
    files.write_text(args.images, images)
    files.write_text(args.output, compared.table_text(found))
    write_record(__file__, args, voxel_size_um=voxel_size_um, inputs=read)


if __name__ == "__main__":
    sys.exit(cli.run(main))
