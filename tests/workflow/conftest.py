"""Whole runs of the workflow, each in a copy of the repository."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from . import reproduce

Snakemake = Callable[..., subprocess.CompletedProcess[str]]
Clone = Callable[[Path], Path]

# Rules call `python`: the one that runs the tests.
ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def clone() -> Clone:
    """Copy what a fresh clone holds of the workflow into a folder."""
    return reproduce.copy_workflow


@pytest.fixture(scope="session")
def snakemake() -> Snakemake:
    """Run snakemake in a clone as a user would; programs in `bin` come before all others."""

    def run(
        directory: Path,
        *options: object,
        targets: tuple[object, ...] = (),
        bin: Path | None = None,  # noqa: A002 - what such a folder is called
        start_new_session: bool = False,
    ) -> subprocess.CompletedProcess[str]:
        path = f"{bin}:{ENVIRONMENT['PATH']}" if bin else ENVIRONMENT["PATH"]
        # The profile is quiet about rules, and a dry run would not list the jobs.
        listing = ("--quiet", "host") if "-n" in options else ()
        command = ["snakemake", "--cores", "2", *listing, *options, "--", *targets]
        return subprocess.run(
            [*map(str, command)],
            capture_output=True,
            text=True,
            cwd=directory,
            env={**ENVIRONMENT, "PATH": path},
            start_new_session=start_new_session,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def tiny(
    clone: Clone, snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A clone after one whole run of the tiny config, and what its jobs printed."""
    directory = clone(tmp_path_factory.mktemp("tiny"))
    done = snakemake(directory, "--configfile", "tests/config/tiny.yaml")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return directory, done.stdout
