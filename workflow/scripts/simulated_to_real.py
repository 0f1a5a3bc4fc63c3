"""Compare each method on shrunken tiles with the same tiles of a real coarse scan.

Both show the same places of the fine scan, so the difference is taken tile by tile: how much worse
a method is where LR comes from a scanner and not from arithmetic.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd

    from sandstone.metrics.bootstrap import MeanInterval


class Row(NamedTuple):
    """One metric of one method on the same tiles of two samples, in the order of `GAP_COLUMNS`.

    The gap is in the metric's unit, negative where the method is worse on the real scan.
    """

    real: str
    simulated: str
    method: str
    metric: str
    mean_simulated: float
    mean_real: float
    gap: float
    gap_low: float
    gap_high: float
    n: int


def joined(real: str, simulated: str) -> "pd.DataFrame":
    """Return the rows of two per-tile tables that are of one place, side by side.

    Raises
    ------
    InputError
        If a table is none, they are of different methods, or no tile is in both.
    """
    from sandstone.metrics import quality, tables

    columns = [*tables.TILE_COLUMNS, *quality.ALWAYS]
    both = [tables.read(path, columns) for path in (real, simulated)]
    methods = [
        tables.only_value(table, "method", path)
        for table, path in zip(both, (real, simulated), strict=True)
    ]
    if methods[0] != methods[1]:
        raise InputError(
            f"{real} is of {methods[0]} but {simulated} of {methods[1]}; give both in one order"
        )
    rows = both[0].merge(
        both[1], on=["method", *tables.CORNER_COLUMNS], suffixes=("_real", "_simulated")
    )
    if rows.empty:
        raise InputError(
            f"{real} and {simulated} have no tile in common; give both samples one scan and split"
        )
    return rows


def compare(rows: "pd.DataFrame", interval: "Callable[..., MeanInterval]") -> list[Row]:
    """Return what each metric that looks at HR says of the rows that `joined` returned.

    One that looks at LR would tell the noise of the real scan, not what the method lost.

    Parameters
    ----------
    rows : DataFrame
    interval : callable
        Takes values and depths of tiles, shape (n,), and returns their mean with its interval.
    """
    from sandstone.metrics import bootstrap, quality

    found = []
    for metric in (each for each in quality.METRICS if each.grid == "hr"):
        names = [f"{metric.column}_{kind}" for kind in ("simulated", "real")]
        if not set(names) <= set(rows.columns):
            continue
        simulated, real = (rows[name].to_numpy() for name in names)
        gap = interval(metric.gain(real, simulated), rows["z"].to_numpy())
        found.append(
            Row(
                str(rows["sample_real"].iloc[0]),
                str(rows["sample_simulated"].iloc[0]),
                str(rows["method"].iloc[0]),
                metric.column,
                bootstrap.mean(simulated),
                bootstrap.mean(real),
                *gap,
            )
        )
    return found


def table_text(rows: Sequence[Row]) -> str:
    """Return the rows as CSV text; an interval that cannot be given is empty."""
    from sandstone.files import cell, csv_text
    from sandstone.metrics.tables import GAP_COLUMNS

    return csv_text(
        GAP_COLUMNS,
        ([cell(value) if isinstance(value, float) else value for value in row] for row in rows),
    )


def print_gaps(rows: Sequence[Row]) -> None:
    """Print a line a method and metric."""
    from sandstone.metrics.quality import described

    for row in rows:
        metric = described(row.metric)
        digits = metric.digits + 1
        ends = f"[{row.gap_low:+.{digits}f}, {row.gap_high:+.{digits}f}]"
        interval = ends if row.gap_low <= row.gap_high else "[none: fewer than two depth blocks]"
        print(
            f"{row.method}, {metric.name}: {metric.text(row.mean_simulated)} on {row.simulated}, "
            f"{metric.text(row.mean_real)} on {row.real}: {row.gap:+.{digits}f} {interval}",
            flush=True,
        )


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    for kind in ("real", "simulated"):
        add(
            f"--{kind}",
            type=cli.InputPath,
            nargs="+",
            required=True,
            help=f"tables of metrics on {kind} LR, the methods in one order (.csv)",
        )
    add("--pairs", type=cli.InputPath, required=True, help="pairs of the real scan (.h5)")
    cli.add_bootstrap(arguments)
    add("--output", type=cli.OutputPath, required=True, help="table to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read both tables of each method, compare them, write the gaps."""
    args = parser().parse_args(argv)
    if len(args.simulated) % len(args.real):
        raise InputError(
            f"--simulated names {len(args.simulated)} tables and --real {len(args.real)}; give as "
            "many of each simulated sample as of the real one"
        )

    from sandstone import files
    from sandstone.dataset import guard
    from sandstone.dataset.pairs import open_pairs
    from sandstone.metrics.bootstrap import block_bootstrap

    with open_pairs(args.pairs) as pairs:
        about = pairs.attrs
    interval = partial(
        block_bootstrap,
        block_slices=guard.span_slices(about),
        confidence=args.confidence,
        resamples=args.resamples,
        seed=args.seed,
    )
    real = args.real * (len(args.simulated) // len(args.real))
    rows = [
        row
        for one, other in zip(real, args.simulated, strict=True)
        for row in compare(joined(one, other), interval)
    ]
    print_gaps(rows)
    files.write_text(args.output, table_text(rows))
    write_record(__file__, args, voxel_size_um=about.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
