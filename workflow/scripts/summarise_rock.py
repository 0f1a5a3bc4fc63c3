"""Compare the pores of every method with those of HR: errors, intervals, lost percolation.

Errors are those of means over images, in %, at the threshold derived from HR, and averaged over the
sweep of thresholds; intervals come from resampled depth blocks, the same for every method.
Trainings that differ in their seed alone give one more interval, which is held against HR.
"""

import argparse
import math
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd

    from sandstone.petrophysics.rock_tables import Row


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


def table_text(rows: "Sequence[Row]") -> str:
    """Return the rows as CSV text; what cannot be given is empty."""
    from sandstone.files import csv_text
    from sandstone.metrics.tables import cell
    from sandstone.petrophysics.rock_tables import ROCK_COLUMNS

    return csv_text(
        ROCK_COLUMNS,
        ([cell(value) if isinstance(value, float) else value for value in row] for row in rows),
    )


def print_rows(rows: "Sequence[Row]") -> None:
    """Print a line a method and measure."""
    from sandstone.petrophysics.measures import described

    for row in rows:
        about = described(row.measure)
        if not math.isnan(row.lost):
            print(f"{row.method}, {about.name}: {row.lost:.0f} lost", flush=True)
            continue
        ends = f"[{row.error_low:+.1f}, {row.error_high:+.1f}]"
        error = f"{row.error:+.1f} % {ends if row.error_low <= row.error_high else '[none]'}"
        print(f"{row.method}, {about.name}: {error}, {row.swept:.1f} % over the sweep", flush=True)
        if not math.isnan(row.held):
            print(
                f"    {row.seeds} seeds: from {row.seed_low:.4g} to {row.seed_high:.4g}, HR has "
                f"{row.hr:.4g}; such an interval holds HR in {row.held:.0f} % of the images",
                flush=True,
            )


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
    add("--confidence", type=cli.fraction, default=0.95, help="of the intervals")
    add("--resamples", type=cli.positive_int, default=2000, help="bootstrap draws")
    add("--seed", type=cli.non_negative_int, default=1, help="of the bootstrap")
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
    from sandstone.petrophysics import rock_tables

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
    further = {name for others in groups.values() for name in others}
    rows = [
        row
        for method, table in tables.items()
        if method not in further
        for row in rock_tables.rows_of(
            table,
            reference,
            blocks,
            resampled,
            siblings=[tables[name] for name in groups.get(method, ()) if name in tables],
            confidence=args.confidence,
        )
    ]
    print_rows(rows)
    files.write_text(args.output, table_text(rows))
    write_record(__file__, args, voxel_size_um=about.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
