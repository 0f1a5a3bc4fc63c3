"""Fixtures that all tests share."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SCRIPTS = REPOSITORY / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

Run = Callable[..., subprocess.CompletedProcess[str]]


def _shared_folder(variable: str, default: str) -> Path:
    folder = Path(os.environ.get(variable, REPOSITORY.parent / "shared" / default))
    if not folder.is_dir():
        pytest.skip(f"{folder} is absent; {variable} names a folder with the {default}")
    return folder


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no long test after the moment that `.ci/run` sets, seconds since 1970."""
    latest = float(os.environ.get("SOAK_UNTIL", "inf"))
    if item.get_closest_marker("soak") and time.time() > latest:
        pytest.skip("the time for long tests is up (SOAK_UNTIL)")


@pytest.fixture(scope="session")
def repository() -> Path:
    return REPOSITORY


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real rock; see data/README.md for where it comes from."""
    return _shared_folder("SANDSTONE_DATA", "data")


@pytest.fixture(scope="session")
def shared_weights() -> Path:
    """LPIPS weights and reference values; see data/README.md for where they come from."""
    return _shared_folder("SANDSTONE_WEIGHTS", "weights")


@pytest.fixture(scope="session")
def shared_cases() -> Path:
    """Volumes and configs like those of public reports; a README.md in it says what is right."""
    return _shared_folder("SANDSTONE_CASES", "cases")


@pytest.fixture(autouse=True)
def start_tensorflow_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let scripts that run inside the test process seed TensorFlow, which has started already.

    Threads cannot be set twice in a process; subprocesses start as they do for users.
    """
    from sandstone.models import backend

    def seed_only(*, seed: int = 0, threads: int) -> None:
        import keras

        keras.utils.set_random_seed(seed)

    monkeypatch.setattr(backend, "start", seed_only)


@pytest.fixture
def run_script(tmp_path: Path) -> Run:
    """Run a script as a user would and return its exit code, stdout and stderr."""

    def run(name: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)

    return run
