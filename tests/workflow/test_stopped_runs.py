"""Ctrl-C, SIGTERM, kill -9, and a second run beside the first: nothing lost, nothing half-made."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from .conftest import ENVIRONMENT, Clone, Snakemake
from .faults import TINY, assert_success, copy_of, last_sentence, partial_files

Start = Callable[..., "StartedRun"]
# Long enough to be stopped in the middle.
LONGER = {"models": {"srresnet": {"steps": 60, "validate_every": 30, "checkpoint_every": 5}}}
TRAINING = (*TINY, "longer.yaml")
HISTORY = "results/models/srresnet/history.csv"
PAIRS = "results/pairs/phantom.h5"
SECONDS = 120  # more than any of these runs takes


class StartedRun:
    """Snakemake with its jobs in a process group of their own, as a terminal starts it."""

    def __init__(self, directory: Path, *options: str, target: str) -> None:
        self.directory = directory
        # Where the tests run in the background, SIGINT is ignored, and would be in the run.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            self.process = subprocess.Popen(
                ["snakemake", "--cores", "1", *options, "--", target],
                cwd=directory,
                env=ENVIRONMENT,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def wait_for(self, name: str) -> None:
        """Wait until a file is there."""
        limit = time.monotonic() + SECONDS
        while not (self.directory / name).exists():
            assert self.process.poll() is None, self.process.communicate()[1][-3000:]
            assert time.monotonic() < limit, f"{name} did not appear"
            time.sleep(0.002)

    def send(self, number: signal.Signals, *, to_group: bool) -> None:
        """Send a signal to Snakemake and all its jobs, or to Snakemake alone."""
        (os.killpg if to_group else os.kill)(self.process.pid, number)

    def end(self) -> subprocess.CompletedProcess[str]:
        """Wait for the end and check that no process of the group is left."""
        stdout, stderr = self.process.communicate(timeout=SECONDS)
        limit = time.monotonic() + 5
        while self._processes():
            assert time.monotonic() < limit, self._processes()
            time.sleep(0.05)
        return subprocess.CompletedProcess([], self.process.returncode, stdout, stderr)

    def kill_job(self, script: str) -> None:
        """Kill the process of one job, as the system does where memory runs out."""
        (job,) = (
            number
            for number, command in self._processes().items()
            if script in command and "exec " not in command
        )
        os.kill(job, signal.SIGKILL)

    def _processes(self) -> dict[int, str]:
        """Map the group's processes to their commands; what waits to be reaped has ended."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,pgid=,stat=,args="], capture_output=True, text=True, check=True
        )
        rows = (line.split(None, 3) for line in listed.stdout.splitlines())
        return {
            int(pid): command
            for pid, group, state, command in rows
            if group == str(self.process.pid) and not state.startswith("Z")
        }


# What Snakemake asks of conda, and an environment that takes long to make.
CONDA = """#!/bin/sh
case "$*" in
  "info --json") echo '{"conda_prefix": "/nowhere", "platform": "linux-64"}' ;;
  --version) echo "conda 26.7.0" ;;
  config*) echo '{"get": {"channel_priority": "strict"}}' ;;
  "env create"*) touch making; exec sleep 60 ;;
esac
"""


@pytest.fixture
def start(clone: Clone, tmp_path: Path) -> Iterator[Start]:
    """Start runs in a clone, and leave none behind."""
    clone(tmp_path)
    started = []

    def run(*options: str, target: str) -> StartedRun:
        started.append(StartedRun(tmp_path, *options, target=target))
        return started[-1]

    yield run
    for each in started:
        if each.process.poll() is None:
            each.send(signal.SIGKILL, to_group=True)
            each.process.communicate()


# --- before the first job ---


def test_ctrl_c_while_conda_makes_an_environment_is_one_sentence(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    conda = tmp_path / "bin/conda"
    conda.parent.mkdir()
    conda.write_text(CONDA, encoding="utf-8")
    conda.chmod(0o755)
    monkeypatch.setitem(ENVIRONMENT, "PATH", f"{conda.parent}:{ENVIRONMENT['PATH']}")
    run = start(*TINY, "--use-conda", target=PAIRS)
    run.wait_for("making")
    run.send(signal.SIGINT, to_group=True)
    done = run.end()
    assert done.returncode == -signal.SIGINT
    assert "Traceback" not in done.stderr
    assert last_sentence(done) == (
        "sandstone-srgan: error: the run was stopped: start again to continue"
    )


# --- a stage that is made again ---


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.soak)]
)
def test_a_stage_stopped_with_its_run_leaves_nothing_half_made(
    tiny: tuple[Path, str],
    start: Start,
    snakemake: Snakemake,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    run = start(*TINY, target=PAIRS)
    run.wait_for("results/slices/.partial.phantom.tif")
    run.send(number, to_group=True)
    assert last_sentence(run.end()) == (
        f"slice_volume: error: stopped by {number.name}: start again to continue"
    )
    assert list((tmp_path / "results/slices").glob("*")) == []
    assert_success(snakemake(tmp_path, *TINY, targets=(PAIRS,)))
    assert (tmp_path / PAIRS).read_bytes() == (tiny[0] / PAIRS).read_bytes()


@pytest.mark.soak
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_snakemake_alone_lets_the_running_job_finish(
    tiny: tuple[Path, str],
    start: Start,
    snakemake: Snakemake,
    tmp_path: Path,
    number: signal.Signals,
) -> None:
    run = start(*TINY, target=PAIRS)
    run.wait_for("results/slices/.partial.phantom.tif")
    run.send(number, to_group=False)
    assert last_sentence(run.end()) == (
        "sandstone-srgan: error: the run was stopped: start again to continue"
    )
    assert partial_files(tmp_path) == []
    assert not (tmp_path / PAIRS).exists()
    assert_success(snakemake(tmp_path, *TINY, targets=(PAIRS,)))
    assert (tmp_path / PAIRS).read_bytes() == (tiny[0] / PAIRS).read_bytes()


def test_a_job_that_is_killed_is_told_though_it_cannot_tell(
    tiny: tuple[Path, str], start: Start, snakemake: Snakemake, tmp_path: Path
) -> None:
    run = start(*TINY, target=PAIRS)
    run.wait_for("results/slices/.partial.phantom.tif")
    run.kill_job("slice_volume.py")
    assert last_sentence(run.end()).startswith(
        "sandstone-srgan: error: a job failed without a sentence of its own"
    )
    assert_success(snakemake(tmp_path, *TINY, targets=(PAIRS,)))
    assert (tmp_path / PAIRS).read_bytes() == (tiny[0] / PAIRS).read_bytes()
    assert partial_files(tmp_path) == []


@pytest.mark.parametrize(
    "stage",
    [
        pytest.param("slices/.partial.phantom.tif", marks=pytest.mark.soak),
        "pairs/.partial.phantom.h5",
    ],
)
def test_after_kill_9_the_lock_says_what_to_do_and_the_rest_is_made_again(
    tiny: tuple[Path, str], start: Start, snakemake: Snakemake, tmp_path: Path, stage: str
) -> None:
    run = start(*TINY, target=PAIRS)
    run.wait_for(f"results/{stage}")
    run.send(signal.SIGKILL, to_group=True)
    assert run.end().returncode == -signal.SIGKILL
    assert partial_files(tmp_path) == [f"results/{stage}"]

    assert_locked(snakemake(tmp_path, *TINY, targets=(PAIRS,)), tmp_path)
    assert_success(snakemake(tmp_path, *TINY, "--unlock", targets=(PAIRS,)))
    assert_success(snakemake(tmp_path, *TINY, targets=(PAIRS,)))
    assert (tmp_path / PAIRS).read_bytes() == (tiny[0] / PAIRS).read_bytes()
    assert partial_files(tmp_path) == []


@pytest.mark.soak
def test_a_second_run_in_the_same_folder_ends_and_leaves_the_first_alone(
    tiny: tuple[Path, str], start: Start, snakemake: Snakemake, tmp_path: Path
) -> None:
    first = start(*TINY, target=PAIRS)
    first.wait_for("results/volumes/.partial.phantom.tif")
    first.send(signal.SIGSTOP, to_group=True)  # or it might end before the second looks
    assert_success(snakemake(tmp_path, *TINY, "-n", targets=(PAIRS,)))
    second = snakemake(tmp_path, *TINY, targets=(PAIRS,))
    first.send(signal.SIGCONT, to_group=True)
    assert_locked(second, tmp_path)
    assert_success(first.end())
    assert (tmp_path / PAIRS).read_bytes() == (tiny[0] / PAIRS).read_bytes()


def assert_locked(done: subprocess.CompletedProcess[str], directory: Path) -> None:
    """Check that Snakemake ends, names the folder, and says how to go on after a kill."""
    told = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in told
    assert "Directory cannot be locked" in told
    assert str(directory) in told
    assert "--unlock" in told


# --- a training, which continues ---


@pytest.fixture(scope="module")
def trained(
    tiny: tuple[Path, str],
    clone: Clone,
    snakemake: Snakemake,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The models folder of a longer training that nothing interrupts."""
    directory = clone(tmp_path_factory.mktemp("trained"))
    prepare_training(tiny[0], directory)
    assert_success(snakemake(directory, *TRAINING, targets=(HISTORY,)))
    return directory / "results/models/srresnet"


def prepare_training(tiny: Path, directory: Path) -> None:
    """Give a clone finished pairs and the config of a longer training."""
    (directory / "longer.yaml").write_text(yaml.safe_dump(LONGER), encoding="utf-8")
    for name in ("volumes", "slices", "pairs"):
        copy_of(tiny / "results" / name, directory / "results" / name)
    copy_of(tiny / ".snakemake/metadata", directory / ".snakemake/metadata")


@pytest.mark.parametrize(
    ("number", "to_group"),
    [
        (signal.SIGINT, True),
        pytest.param(signal.SIGTERM, True, marks=pytest.mark.soak),
        pytest.param(signal.SIGKILL, True, marks=pytest.mark.soak),
        pytest.param(signal.SIGINT, False, marks=pytest.mark.soak),
        pytest.param(signal.SIGTERM, False, marks=pytest.mark.soak),
    ],
)
def test_a_stopped_training_continues_and_ends_identical(
    tiny: tuple[Path, str],
    trained: Path,
    start: Start,
    snakemake: Snakemake,
    tmp_path: Path,
    *,
    number: signal.Signals,
    to_group: bool,
) -> None:
    prepare_training(tiny[0], tmp_path)
    run = start(*TRAINING, target=HISTORY)
    run.wait_for("results/checkpoints/srresnet/step_000000005.npz")
    run.send(number, to_group=to_group)
    stopped = run.end()
    if number == signal.SIGKILL:
        assert stopped.returncode == -signal.SIGKILL
        assert_success(snakemake(tmp_path, *TRAINING, "--unlock", targets=(HISTORY,)))
    elif to_group:
        expected = f"train: error: stopped by {number.name}, saved at step "
        assert last_sentence(stopped).startswith(expected)
        assert not (tmp_path / HISTORY).exists()
    else:
        # Snakemake waits for the training, whose model is whole then.
        assert "the run was stopped" in last_sentence(stopped)
        assert (tmp_path / HISTORY).exists()
    assert partial_files(tmp_path / "results/models") == []

    continued = snakemake(tmp_path, *TRAINING, targets=(HISTORY,))
    assert_success(continued)
    if to_group:
        assert "resuming from step " in continued.stdout
    made = {file.name: file.read_bytes() for file in (tmp_path / HISTORY).parent.iterdir()}
    assert made == {file.name: file.read_bytes() for file in trained.iterdir()}
    assert partial_files(tmp_path) == []
