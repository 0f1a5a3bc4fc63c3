"""The same config gives the same bytes, whatever surrounds the run."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from . import reproduce
from .conftest import Clone, Snakemake
from .planning import Job, jobs_to_run
from .reproduce import ABSENT, SURROUNDINGS, compare, run

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def test_two_runs_give_the_same_bytes(
    tiny: tuple[Path, str], clone: Clone, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = clone(tmp_path_factory.mktemp("another folder"))
    done = run(other, reproduce.TINY, SURROUNDINGS[0])
    assert done.returncode == 0, done.stderr[-6000:]
    count, differences = compare(tiny[0] / "results", other / "results")
    assert differences == []
    assert count > 50


@pytest.mark.soak
def test_the_command_says_how_many_files_are_alike(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main([]) == 0
    told = capsys.readouterr().out.splitlines()[-1]
    assert told.endswith(" files compared, 0 differ")
    assert int(told.split()[0]) > 50


# --- the comparison finds what differs ---


@pytest.fixture
def two_results(tmp_path: Path) -> tuple[Path, Path]:
    """Two equal results/, with a crate that tells another time."""
    folders = tmp_path / "first", tmp_path / "second"
    for number, folder in enumerate(folders):
        for name in ("slices/rock.tif", "metrics/summary.csv", "logs/train.log"):
            (folder / name).parent.mkdir(parents=True)
            (folder / name).write_bytes(bytes(range(256)))
        crate = {"@graph": [{"@id": "#run", "endTime": f"2026-01-0{number + 1}", "name": "run"}]}
        (folder / "ro-crate-metadata.json").write_text(json.dumps(crate))
    return folders


def test_equal_results_differ_in_nothing(two_results: tuple[Path, Path]) -> None:
    assert compare(*two_results) == (3, [])


def test_how_a_run_went_is_not_compared(two_results: tuple[Path, Path]) -> None:
    (two_results[1] / "logs/train.log").write_text("slower")
    (two_results[1] / "report.html").write_text("<html>")
    assert compare(*two_results) == (3, [])


def flip_a_bit(results: Path) -> None:
    file = results / "slices/rock.tif"
    content = bytearray(file.read_bytes())
    content[100] ^= 1
    file.write_bytes(content)


def rename_the_run(results: Path) -> None:
    file = results / "ro-crate-metadata.json"
    file.write_text(file.read_text().replace('"run"', '"walk"'))


@pytest.mark.parametrize(
    ("plant", "path", "absent_in"),
    [
        (flip_a_bit, "slices/rock.tif", None),
        (rename_the_run, "ro-crate-metadata.json", None),
        (lambda results: (results / "slices/rock.tif").unlink(), "slices/rock.tif", "second"),
        (lambda results: (results / ".partial.rock.tif").touch(), ".partial.rock.tif", "first"),
    ],
)
def test_a_planted_difference_is_found(
    two_results: tuple[Path, Path], plant: Callable[[Path], None], path: str, absent_in: str | None
) -> None:
    plant(two_results[1])
    [difference] = compare(*two_results)[1]
    assert difference.path == path
    assert difference.first != difference.second
    sides = {"first": difference.first, "second": difference.second}
    assert [side for side, digest in sides.items() if digest == ABSENT] == (
        [absent_in] if absent_in else []
    )


def test_the_command_names_a_difference_and_fails(
    two_results: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flip_a_bit(two_results[1])
    results = iter(two_results)

    def copied_run(directory: Path, *_: object) -> subprocess.CompletedProcess[str]:
        shutil.copytree(next(results), directory / "results")
        return subprocess.CompletedProcess([], 0, "", "")

    monkeypatch.setattr(reproduce, "run", copied_run)
    assert reproduce.main([]) == 1
    told = capsys.readouterr().out
    assert "slices/rock.tif\n    " in told
    assert "3 files compared, 1 differ" in told
    shutil.rmtree(told.rpartition("both runs are kept in ")[2].strip())


# --- threads and CPUs ---


@pytest.mark.soak
def test_threads_of_libraries_and_cpus_change_no_byte(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    """Each rule once, on four threads for libraries; TensorFlow's own are those of the config."""
    folder = Path(shutil.copytree(tiny[0], tmp_path / "copy"))
    jobs = {job.rule: job for job in jobs_to_run(snakemake, folder)}
    assert len(jobs) > 10
    for job in jobs.values():
        for output in job.outputs:
            (folder / output).unlink()
        start(job, folder)
    assert compare(tiny[0] / "results", folder / "results")[1] == []


def start(job: Job, folder: Path) -> None:
    """Run a job's script, all of it on one CPU."""
    one = min(os.sched_getaffinity(0))
    done = subprocess.run(
        job.command,
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, **dict.fromkeys(THREADS, "4")},
        preexec_fn=lambda: os.sched_setaffinity(0, {one}),
        check=False,
    )
    assert done.returncode == 0, done.stderr
