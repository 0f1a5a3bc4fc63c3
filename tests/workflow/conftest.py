"""Whole runs of the workflow, each in a copy of the repository."""

import fcntl
import os
import shutil
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
    clone: Clone, snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> tuple[Path, str]:
    """A clone after one whole run of the tiny config, and what its jobs printed.

    Processes that test side by side share it: one of them runs it, and the others wait. None of
    them may change it.
    """
    base = tmp_path_factory.getbasetemp()
    place = base.parent if worker_id != "master" else base
    directory, printed = place / "tiny", place / "tiny.txt"
    with (place / "tiny.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not printed.exists():
            shutil.rmtree(directory, ignore_errors=True)
            directory.mkdir()
            done = snakemake(clone(directory), "--configfile", "tests/config/tiny.yaml")
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
            printed.write_text(done.stdout, encoding="utf-8")
    return directory, printed.read_text(encoding="utf-8")
