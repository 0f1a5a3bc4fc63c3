"""Runs of the workflow through a Slurm cluster that is started for these tests."""

import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workflow.conftest import Snakemake
from workflow.reproduce import digests

from .one_node import OneNodeCluster, obstacle, wait_until

# A training that says often how far it is, and saves nothing before it is told to.
TRAINING = """
models:
  srresnet: {{steps: {steps}, validate_every: 200, checkpoint_every: 1000000}}
"""
CONFIGS = ("--configfile", "tests/config/tiny.yaml", "training.yaml")
MODEL = "results/models/srresnet/history.csv"

# What differs on the test's node: it has few CPUs, and nobody wants to wait long for its answers.
ON_THIS_NODE = ("--cores", str(os.cpu_count()), "--slurm-init-seconds-before-status-checks", "3")


def _heed_ctrl_c() -> None:
    """Undo what a shell does that starts pytest in the background."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Run:
    """One call of snakemake with the Slurm profile, in the background."""

    def __init__(self, environment: dict[str, str], directory: Path, *options: object) -> None:
        self._printed = directory / "printed.txt"
        command = ["snakemake", "--workflow-profile", "profiles/slurm", *ON_THIS_NODE, *options]
        with self._printed.open("wb") as stream:
            self.process = subprocess.Popen(
                [*map(str, command)],
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                preexec_fn=_heed_ctrl_c,  # noqa: PLW1509 - it takes no lock
            )

    @property
    def printed(self) -> str:
        """What it has printed so far."""
        return self._printed.read_text(encoding="utf-8", errors="replace")

    @property
    def submitted(self) -> list[str]:
        """Numbers of the Slurm jobs that it submitted, oldest first."""
        lines = [line for line in self.printed.splitlines() if "with SLURM jobid" in line]
        return [line.partition("SLURM jobid ")[2].split()[0] for line in lines]

    def end(self, expected: int = 0, patience: float = 1200) -> str:
        """Wait for its end with an exit code and return what it printed."""
        try:
            returned = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            pytest.fail(f"went on after {patience} seconds:\n{self.printed[-6000:]}")
        assert returned == expected, self.printed[-6000:]
        return self.printed

    def abandon(self) -> None:
        """Make sure that it has ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


Submit = Callable[..., Run]
Copy = Callable[[int], Path]


@pytest.fixture(scope="package")
def plugin(repository: Path) -> Path:
    """Programs of the environment that can submit jobs."""
    if not (repository / ".venv-slurm" / ".installed").exists():
        pytest.skip("the Slurm plugin is not installed; `make slurm` builds .venv-slurm")
    return repository / ".venv-slurm" / "bin"


@pytest.fixture(scope="package")
def cluster(plugin: Path) -> Iterator[OneNodeCluster]:
    """A cluster of one node for the tests of this folder, and for no other."""
    if reason := obstacle():
        pytest.skip(reason)
    one_node = OneNodeCluster()
    try:
        one_node.start()
        yield one_node
    finally:
        one_node.stop()


@pytest.fixture
def submit(cluster: OneNodeCluster, plugin: Path) -> Iterator[Submit]:
    """Start snakemake in a folder with the Slurm profile; at the end of the test nothing runs."""
    environment = {**os.environ, "PATH": f"{plugin}:{os.environ['PATH']}"}
    runs: list[Run] = []

    def start(directory: Path, *options: object) -> Run:
        runs.append(Run(environment, directory, *options))
        return runs[-1]

    yield start
    for run in runs:
        run.abandon()
    if left := cluster.running():
        cluster.tell("scancel", *left)
        wait_until(lambda: not cluster.running(), "cancelled jobs to end")


@pytest.fixture(scope="package")
def with_pairs(tiny: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """Copy a clone that has the tile pairs of the tiny config, and is to train so many steps."""

    def copy(steps: int) -> Path:
        directory = tmp_path_factory.mktemp("with_pairs") / "clone"
        shutil.copytree(tiny[0], directory)
        for folder in ("models", "predictions", "metrics", "figures", "logs"):
            shutil.rmtree(directory / "results" / folder)
        overlay = TRAINING.format(steps=steps)
        (directory / "training.yaml").write_text(overlay, encoding="utf-8")
        return directory

    return copy


@pytest.fixture(scope="package")
def undisturbed(with_pairs: Copy, snakemake: Snakemake) -> Callable[[int], dict[str, str]]:
    """Digests of the model that a local training of so many steps gives."""

    @functools.cache
    def train(steps: int) -> dict[str, str]:
        directory = with_pairs(steps)
        done = snakemake(directory, *CONFIGS, targets=(MODEL,))
        assert done.returncode == 0, done.stderr[-6000:]
        return digests(directory / "results/models")

    return train
