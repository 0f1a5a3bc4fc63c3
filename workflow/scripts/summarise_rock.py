"""Compare the pores of every method with those of HR: errors, intervals, lost percolation.

Errors are those of means over images, in %, at the threshold derived from HR, and averaged over the
sweep of thresholds; intervals come from resampled depth blocks, the same for every method.
Trainings that differ in their seed alone give one more interval, which is held against HR.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd


def read_all(paths: Sequence[str]) -> "dict[str, pd.DataFrame]":
    """Return the table of each method, in the order of the paths.

    Raises
    ------
    InputError
        If a table is none, or two are not of the same images and thresholds.
    """
    from sandstone.metrics import tables
    from sandstone.petrophysics.rock_tables import IMAGE_COLUMNS

    found: dict[str, pd.DataFrame] = {}
    same = ["sample", "z", "y", "x", "offset"]
    for path in paths:
        table = tables.read(path, IMAGE_COLUMNS)
        method = tables.only_value(table, "method", path)
        if found:
            first = next(iter(found.values()))
            if not table[same].equals(first[same]):
                raise InputError(
                    f"{path} is of other images or thresholds than {paths[0]}; measure both again"
                )
        found[method] = table
    return found


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add(
        "--rock",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="tables of measure_rock.py, one a method (.csv)",
    )
    add("--pairs", type=cli.InputPath, required=True, help="tile pairs of the sample (.h5)")
    add(
        "--siblings",
        nargs="*",
        default=[],
        help="MODEL/MODEL/...: trainings that differ in their seed alone, the one to show first",
    )
    cli.add_bootstrap(arguments)
    add("--output", type=cli.OutputPath, required=True, help="table to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, compare them, write the summary."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset import guard
    from sandstone.dataset.pairs import open_pairs
    from sandstone.metrics.bootstrap import depth_blocks
    from sandstone.petrophysics import compared, rock_tables

    with open_pairs(args.pairs) as pairs:
        about = pairs.attrs
    tables = read_all(args.rock)
    first = next(iter(tables.values()))
    depths = first.drop_duplicates("image").sort_values("image")["z"].to_numpy()
    blocks = depth_blocks(depths, guard.span_slices(about))
    resampled = rock_tables.draws(
        int(blocks.max()) + 1,
        confidence=args.confidence,
        resamples=args.resamples,
        seed=args.seed,
    )
    if resampled is None:
        note(
            f"all images of {about.sample} lie in one depth block, so no interval can be given; "
            "give the test split more slices"
        )
    reference = tables.get(rock_tables.reference_of([*tables], BASELINES) or next(iter(tables)))
    groups = {first: others for first, *others in (each.split("/") for each in args.siblings)}
    rows = compared.compare(
        tables, reference, blocks, resampled, siblings=groups, confidence=args.confidence
    )
    compared.tell(rows)
    files.write_text(args.output, compared.table_text(rows))
    write_record(__file__, args, voxel_size_um=about.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
