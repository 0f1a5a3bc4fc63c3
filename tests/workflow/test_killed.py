"""Whatever is killed, whenever: no half of a file has a name, and the next run ends the same."""

import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import killing

from .conftest import Snakemake
from .planning import Job, jobs_to_run
from .reproduce import compare

TINY = ("--configfile", "tests/config/tiny.yaml")

# A job of every rule, where there is time. One function writes all figures: one stands for them.
SHORT = (
    "make_pairs phantom",
    "super_resolve bicubic/phantom",
    "compute_metrics bicubic/phantom",
    "summarise_metrics",
    "model_card srgan",
    "plot_network srgan/discriminator",
)
LONG = (
    "make_phantom phantom",
    "slice_volume phantom",
    "train srresnet",
    "train srgan",
    "super_resolve srgan/phantom",
    "compute_metrics srgan/phantom",
    "plot_pairs phantom",
    "plot_histogram phantom",
    "plot_split phantom",
    "plot_training srgan",
    "plot_comparison phantom",
    "plot_metrics phantom",
    "plot_spectra phantom",
)


@pytest.fixture(scope="module")
def jobs(tiny: tuple[Path, str], snakemake: Snakemake) -> dict[str, Job]:
    """Every job of the tiny config, by name."""
    return {job.name: job for job in jobs_to_run(snakemake, tiny[0])}


@pytest.fixture
def folder(tiny: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(tiny[0], tmp_path / "copy", copy_function=shutil.copy2))


def delete(folder: Path, *patterns: str) -> None:
    """Remove results, which are there."""
    for pattern in patterns:
        files = list((folder / "results").glob(pattern))
        assert files, pattern
        for file in files:
            file.unlink()


def start(command: tuple[str, ...], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def partials(folder: Path) -> list[str]:
    """Return the names of what is half-written."""
    return [file.name for file in (folder / "results").rglob(".partial.*")]


def check_whole_or_absent(job: Job, folder: Path, reference: Path) -> None:
    """Check that each output has the bytes of the finished run, or no name yet."""
    for output in job.outputs:
        if (folder / output).exists():
            assert (folder / output).read_bytes() == (reference / output).read_bytes(), output


# --- scripts, without Snakemake ---


def moments(job: Job) -> Iterator[tuple[str, str]]:
    """Yield the moments just before and just after each output gets its name."""
    for output in job.outputs:
        yield "before_rename", Path(output).name
        yield "after_rename", Path(output).name


def test_every_rule_has_a_job_that_is_killed(jobs: dict[str, Job]) -> None:
    assert {job.rule for job in jobs.values()} == {name.split()[0] for name in SHORT + LONG}


@pytest.mark.parametrize(
    "name", [*SHORT, *(pytest.param(name, marks=pytest.mark.soak) for name in LONG)]
)
def test_a_script_killed_at_each_output_ends_the_same(
    tiny: tuple[Path, str], folder: Path, jobs: dict[str, Job], name: str
) -> None:
    job = jobs[name]
    for output in job.outputs:
        (folder / output).unlink()
    for moment, file in moments(job):
        killed = start(killing.command("KILL", moment, file, *job.script), folder)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        assert (f".partial.{file}" in partials(folder)) == (moment == "before_rename")
        check_whole_or_absent(job, folder, tiny[0])
    done = start(job.command, folder)
    assert done.returncode == 0, done.stderr
    assert compare(tiny[0] / "results", folder / "results")[1] == []


@pytest.mark.parametrize(
    "name",
    [
        "make_pairs phantom",
        *(
            pytest.param(name, marks=pytest.mark.soak)
            for name in SHORT + LONG
            if name != "make_pairs phantom"
        ),
    ],
)
def test_a_script_killed_at_any_time_ends_the_same(
    tiny: tuple[Path, str], folder: Path, jobs: dict[str, Job], name: str
) -> None:
    job = jobs[name]
    for output in job.outputs:
        (folder / output).unlink()
    began = time.monotonic()
    assert start(job.command, folder).returncode == 0
    duration = time.monotonic() - began
    for share in np.random.default_rng(len(name)).uniform(0.3, 1, 3):
        for output in job.outputs:
            (folder / output).unlink(missing_ok=True)
        with subprocess.Popen(
            job.command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(share * duration)
            process.kill()
        check_whole_or_absent(job, folder, tiny[0])
    assert start(job.command, folder).returncode == 0
    assert compare(tiny[0] / "results", folder / "results")[1] == []


# --- the workflow ---


@pytest.fixture
def end_once(folder: Path) -> Callable[..., None]:
    """Let one job of the next runs of Snakemake be ended, once, at a moment."""

    def prepare(job: str, number: str, moment: str, file: str, *, count: int = 1) -> None:
        ended = shlex.join(killing.command(number, moment, file, count=count))
        python = folder / "bin" / "python"
        python.parent.mkdir(exist_ok=True)
        mark = folder / "bin" / f"{number} {moment} {file}"
        python.write_text(
            "#!/bin/bash\nshift\n"
            f'if [[ "$*" == *{shlex.quote(job)}* ]] && mkdir {shlex.quote(str(mark))} 2>/dev/null\n'
            f'then exec {ended} "$@"\nfi\n'
            f'exec {shlex.quote(sys.executable)} -u "$@"\n',
            encoding="utf-8",
        )
        python.chmod(0o755)
        launcher = folder / "workflow" / "scripts" / "logged"
        text = launcher.read_text(encoding="utf-8")
        launcher.write_text(
            text.replace("exec python", f"exec {shlex.quote(str(python))}"), "utf-8"
        )

    return prepare


def told_by(done: subprocess.CompletedProcess[str]) -> str:
    return done.stdout + done.stderr


@pytest.mark.soak
def test_a_killed_and_a_terminated_training_end_the_same(
    tiny: tuple[Path, str], folder: Path, snakemake: Snakemake, end_once: Callable[..., None]
) -> None:
    """Killed in the middle of a checkpoint; then out of time, and tried again by Snakemake."""
    delete(folder, "models/srgan/*", "predictions/srgan/*", "metrics/srgan/*", "metrics/summary.*")

    end_once(
        "--model-dir results/models/srgan", "KILL", "in_archive", "step_000000004.npz", count=9
    )
    killed = snakemake(folder, *TINY)
    assert killed.returncode == 1
    checkpoints = folder / "results/checkpoints/srgan"
    names = {file.name for file in checkpoints.iterdir()}
    assert names == {"step_000000003.npz", ".partial.step_000000004.npz"}

    end_once("--model-dir results/models/srgan", "TERM", "before_rename", "generator.json")
    done = snakemake(folder, *TINY, "--retries", "1")
    assert done.returncode == 0, told_by(done)[-6000:]
    assert "resuming from step 3" in told_by(done)
    assert "train: error: stopped by SIGTERM: start again to continue" in told_by(done)
    assert "resuming from step 4" in told_by(done)
    assert compare(tiny[0] / "results", folder / "results")[1] == []
    assert not checkpoints.exists()


@pytest.mark.soak
def test_a_power_cut_between_two_outputs_makes_both_again(
    tiny: tuple[Path, str], folder: Path, snakemake: Snakemake, end_once: Callable[..., None]
) -> None:
    """Snakemake dies with its job, and asks for --unlock as after every power cut."""
    figure = folder / "results/figures/evaluation/phantom"
    delete(folder, "figures/evaluation/phantom/metrics.*")
    end_once("plot_metrics.py", "POWER", "after_rename", "metrics.pdf")
    cut = snakemake(folder, *TINY, start_new_session=True)
    assert cut.returncode == -signal.SIGKILL
    left = {file.name for file in figure.iterdir() if "metrics" in file.name}
    assert left == {"metrics.pdf", ".partial.metrics.png"}

    assert "--unlock" in told_by(snakemake(folder, *TINY))
    assert snakemake(folder, *TINY, "--unlock").returncode == 0
    done = snakemake(folder, *TINY)
    assert done.returncode == 0, told_by(done)[-6000:]
    assert compare(tiny[0] / "results", folder / "results")[1] == []
