"""Run the workflow twice, in two folders and two surroundings, and compare every byte.

Prints each file under results/ that differs, or that only one run has; exit code 1 if there is any.
Logs, benchmarks, checkpoints and TensorBoard's files tell how a run went and are left out.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
TINY = REPOSITORY / "tests" / "config" / "tiny.yaml"
FILES = (
    "Snakefile",
    "config.yaml",
    "requirements.txt",
    "README.md",
    "LICENSE",
    "CITATION.cff",
)
FOLDERS = ("workflow", "profiles", "config", "tests/config")

# How a run went is no part of its result.
NOT_RESULTS = {"logs", "benchmarks", "tensorboard", "checkpoints", "report.html"}
WITH_RUN_TIMES = "ro-crate-metadata.json"
RUN_TIMES = {"startTime", "endTime", "datePublished"}
ABSENT = "absent"


@dataclass(frozen=True)
class Surroundings:
    """What a run may not depend on."""

    folder: str
    cores: int
    umask: int
    variables: Mapping[str, str]


SURROUNDINGS = (
    Surroundings(
        "first", 1, 0o022, {"PYTHONHASHSEED": "1", "TZ": "UTC", "LANG": "C", "COLUMNS": "80"}
    ),
    Surroundings(
        "another folder",
        2,
        0o077,
        {"PYTHONHASHSEED": "2", "TZ": "Asia/Kathmandu", "LANG": "C.UTF-8", "COLUMNS": "200"},
    ),
)


@dataclass(frozen=True)
class Difference:
    """A file that differs, with its SHA-256 in either run, or `absent`."""

    path: str
    first: str
    second: str


def copy_workflow(directory: Path) -> Path:
    """Copy what a fresh clone holds of the workflow into a folder."""
    for name in FILES:
        shutil.copy2(REPOSITORY / name, directory / name)
    for name in FOLDERS:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, directory / name, ignore=ignored)
    return directory


def run(
    directory: Path, config: Path, surroundings: Surroundings, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run the workflow in a folder, with a home and a place for temporary files of its own."""
    own = {name: directory / "own" / name for name in ("HOME", "TMPDIR")}
    for folder in own.values():
        folder.mkdir(parents=True, exist_ok=True)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    variables = {**surroundings.variables, **{name: str(place) for name, place in own.items()}}
    command = ["snakemake", "--cores", str(surroundings.cores), "--configfile", str(config)]
    return subprocess.run(
        [*command, *options],
        capture_output=True,
        text=True,
        cwd=directory,
        env={**os.environ, "PATH": path, **variables},
        umask=surroundings.umask,
        check=False,
    )


def digests(results: Path) -> dict[str, str]:
    """Return the SHA-256 of every result, by its path under results/."""
    files = (file for file in sorted(results.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(results)): hashlib.sha256(_content(file)).hexdigest()
        for file in files
        if file.relative_to(results).parts[0] not in NOT_RESULTS
    }


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if file.name != WITH_RUN_TIMES:
        return content
    return json.dumps(_without_run_times(json.loads(content))).encode()


def _without_run_times(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_run_times(each) for each in value]
    if isinstance(value, dict):
        kept = {key: each for key, each in value.items() if key not in RUN_TIMES}
        return {key: _without_run_times(each) for key, each in kept.items()}
    return value


def compare(first: Path, second: Path) -> tuple[int, list[Difference]]:
    """Return how many files of two results/ were compared, and those that differ."""
    ours, theirs = digests(first), digests(second)
    names = sorted(ours.keys() | theirs.keys())
    pairs = [Difference(name, ours.get(name, ABSENT), theirs.get(name, ABSENT)) for name in names]
    return len(names), [pair for pair in pairs if pair.first != pair.second]


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    arguments = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    arguments.add_argument("config", nargs="?", type=Path, default=TINY, help="an overlay (.yaml)")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run twice, compare, and keep both folders only where they differ."""
    config = parser().parse_args(argv).config.resolve()
    place = Path(tempfile.mkdtemp(prefix="reproduce-"))
    runs = [copy_with_data(place / each.folder) for each in SURROUNDINGS]
    for number, (directory, surroundings) in enumerate(zip(runs, SURROUNDINGS, strict=True), 1):
        print(f"run {number} of {len(runs)}, on {surroundings.cores} core(s)", flush=True)
        done = run(directory, config, surroundings)
        if done.returncode:
            print(f"{done.stdout[-2000:]}{done.stderr[-6000:]}\nrun {number} failed in {directory}")
            return 1
    count, differences = compare(*(directory / "results" for directory in runs))
    for difference in differences:
        print(f"{difference.path}\n    {difference.first}\n    {difference.second}")
    print(f"{count} files compared, {len(differences)} differ")
    if differences or not count:
        print(f"both runs are kept in {place}")
        return 1
    shutil.rmtree(place)
    return 0


def copy_with_data(directory: Path) -> Path:
    """Copy the workflow and lend it data/, so that nothing is fetched twice."""
    directory.mkdir()
    copy_workflow(directory)
    (directory / "data").symlink_to(REPOSITORY / "data")
    return directory


if __name__ == "__main__":
    sys.exit(main())
