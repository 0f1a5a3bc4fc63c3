"""Which Python and which packages jobs run in, whatever surrounds Snakemake."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from .conftest import Clone

TARGET = "results/volumes/phantom.tif"
ELSEWHERE = os.pathsep.join(("/usr/local/bin", "/usr/bin", "/bin"))

# Runs at the start of every Python that looks into the user's own packages.
CUSTOMISE = """
import pathlib, sys
with (pathlib.Path(__file__).parent / "seen").open("a") as seen:
    seen.write(" ".join(sys.orig_argv) + "\\n")
"""


def run(python: Path, folder: Path, environment: dict[str, str]) -> None:
    """Grow the tiny phantom with the Snakemake of a Python that is called by its path."""
    command = [str(python), "-m", "snakemake", "--cores", "1", "--configfile"]
    done = subprocess.run(
        [*command, "tests/config/tiny.yaml", "--", TARGET],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]


def test_jobs_run_in_the_python_of_snakemake_without_activating(
    clone: Clone, tmp_path: Path
) -> None:
    folder = clone(tmp_path)
    run(Path(sys.executable), folder, {**os.environ, "PATH": ELSEWHERE})
    assert (folder / TARGET).is_file()


@pytest.fixture
def open_to_the_user(tmp_path: Path) -> Path:
    """Return a Python that looks into ~/.local, as that of a conda environment does."""
    made = tmp_path / "python"
    venv.create(made, system_site_packages=True, symlinks=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(made)}))
    (site / "lock.pth").write_text(f"{sysconfig.get_path('purelib')}\n", encoding="utf-8")
    return made / "bin" / "python"


def test_packages_of_the_user_do_not_reach_a_job(
    clone: Clone, tmp_path: Path, open_to_the_user: Path
) -> None:
    base = tmp_path / "local"
    site = Path(sysconfig.get_path("purelib", "posix_user", {"userbase": str(base)}))
    site.mkdir(parents=True)
    (site / "usercustomize.py").write_text(CUSTOMISE, encoding="utf-8")
    (tmp_path / "clone").mkdir()
    folder = clone(tmp_path / "clone")
    allowed = {name: value for name, value in os.environ.items() if name != "PYTHONNOUSERSITE"}
    run(open_to_the_user, folder, {**allowed, "PYTHONUSERBASE": str(base)})
    seen = (site / "seen").read_text(encoding="utf-8")
    assert "-m snakemake" in seen  # so the trap works
    assert "make_phantom.py" not in seen
