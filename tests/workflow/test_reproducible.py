"""The same config gives the same bytes, in another folder and on another number of cores."""

import hashlib
from pathlib import Path

import pytest

from .conftest import Clone, Snakemake

# How a run went is no part of its result.
NOT_RESULTS = {"logs", "benchmarks", "tensorboard", "checkpoints", "report.html"}


def digests(results: Path) -> dict[str, str]:
    """SHA-256 of every result, by its path under results/."""
    files = (file for file in sorted(results.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(results)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
        if file.relative_to(results).parts[0] not in NOT_RESULTS
    }


def test_two_runs_give_the_same_bytes(
    tiny: tuple[Path, str],
    clone: Clone,
    snakemake: Snakemake,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    other = clone(tmp_path_factory.mktemp("another folder"))
    done = snakemake(other, "--configfile", "tests/config/tiny.yaml", "--cores", "1")
    assert done.returncode == 0, done.stderr[-6000:]
    first, second = digests(tiny[0] / "results"), digests(other / "results")
    assert first.keys() == second.keys()
    assert len(first) > 50
    assert [name for name in first if first[name] != second[name]] == []
