"""Recompute every hash of the provenance records and name what no longer matches.

Results, their inputs, the code and the packages are compared with what the records say;
results that no record claims are named, too. Exit code 1 where anything differs.
"""

import argparse
import sys
from collections.abc import Sequence

from sandstone import cli
from sandstone.errors import InputError, Stop


class Mismatch(Stop):
    """Something is no longer as a record says."""


def verify(results: str, external_inputs: Sequence[str]) -> None:
    """Print each mismatch of the records below `results`, then the count.

    Raises
    ------
    InputError
        If there is no record, or one cannot be read.
    Mismatch
        If anything differs.
    """
    from sandstone.provenance import records

    found = records.find(results)
    if not found:
        raise InputError(f"{results} holds no provenance record; run the workflow first")
    differences = records.mismatches(found, records.by_name(external_inputs))
    mismatches = [f"{record.path}: {difference}" for record, difference in differences]
    unrecorded = records.unrecorded(results, found)
    mismatches += [f"{path}: no record says how it was made" for path in unrecorded]
    for mismatch in mismatches:
        print(mismatch, flush=True)
    if mismatches:
        raise Mismatch(
            f"{len(mismatches)} mismatches in {len(found)} records, named above; run the workflow "
            "to make changed results again"
        )
    hashes = sum(
        len(record.content[role]) for record in found for role in ("inputs", "outputs", "code")
    )
    print(f"{len(found)} records with {hashes} hashes: all match", flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument(
        "--results", type=cli.InputPath, default="results", help="folder to search for records"
    )
    cli.add_external_inputs(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Find the records, compare, tell."""
    args = parser().parse_args(argv)
    verify(args.results, args.external_inputs)


if __name__ == "__main__":
    sys.exit(cli.run(main))
