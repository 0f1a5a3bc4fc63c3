"""Collect the provenance records of a finished run into a Workflow Run RO-Crate.

The results folder becomes its root: beside the metadata, it then holds the workflow's code and
the whole configuration, so that it explains itself wherever it is copied.
"""

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError

if TYPE_CHECKING:
    from sandstone.provenance.records import Record

CITATION = "CITATION.cff"
CODE = ("Snakefile", "config.yaml", "requirements.txt", "LICENSE", CITATION, "workflow")


def check_current(records: "Sequence[Record]", external_inputs: Sequence[str]) -> None:
    """Raise an `InputError` where something changed since: a crate must tell one story."""
    from sandstone.provenance.records import by_name, mismatches

    for record, difference in mismatches(records, by_name(external_inputs)):
        raise InputError(f"{record.path}: {difference}; run the workflow again, then this")


def copy_code(project: Path, code: Path) -> None:
    """Copy the workflow without caches to the folder `code`, whole or not at all.

    Raises
    ------
    InputError
        If a part of the project is missing.
    """
    sources = [project / name for name in CODE]
    if missing := [source for source in sources if not source.exists()]:
        raise InputError(f"{missing[0]} is missing; restore it from the project's repository")
    temporary = code.with_name(f".partial.{code.name}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for source in sources:
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".*")
            shutil.copytree(source, temporary / source.name, ignore=ignored)
        else:
            shutil.copy2(source, temporary / source.name)
    shutil.rmtree(code, ignore_errors=True)
    temporary.rename(code)


def project_version(project: Path) -> str:
    """Return the version that the project's citation file names."""
    import yaml

    return str(yaml.safe_load((project / CITATION).read_text(encoding="utf-8"))["version"])


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--records", type=cli.InputPath, nargs="+", required=True, help="records of all jobs")
    cli.add_external_inputs(arguments)
    add("--config", type=json.loads, required=True, help="the whole configuration as JSON")
    add("--snakemake", required=True, help="version of Snakemake that ran the workflow")
    add("--crate", type=cli.OutputPath, required=True, help="metadata to write (.json)")
    add("--code", type=cli.OutputPath, required=True, help="folder to copy the code into")
    add("--config-file", type=cli.OutputPath, required=True, help="configuration to write (.yaml)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Check the records, copy code and configuration, write the metadata."""
    args = parser().parse_args(argv)

    import yaml

    from sandstone import files
    from sandstone.provenance import crate
    from sandstone.provenance.records import PROJECT, read

    records = [read(path) for path in sorted(args.records)]
    check_current(records, args.external_inputs)
    copy_code(PROJECT, Path(args.code))
    files.write_text(args.config_file, yaml.safe_dump(args.config, allow_unicode=True))
    metadata = crate.build(
        records,
        results=Path(args.crate).parent,
        version=project_version(PROJECT),
        snakemake=args.snakemake,
    )
    files.write_json(args.crate, metadata)
    print(f"{len(records)} jobs in {args.crate}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
