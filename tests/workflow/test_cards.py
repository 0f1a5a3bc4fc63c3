"""Where a graphics card is seen, the jobs that compute on one ask for it."""

import re
from pathlib import Path

import pytest

from .conftest import Clone, Snakemake

TINY = ("--configfile", "tests/config/tiny.yaml")
ASKING = re.compile(
    r"^(?:local)?rule (\w+):\n(?:    .*\n)*?    resources: .*\bgpu=1\b", re.MULTILINE
)


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    """A folder with a driver that sees one card."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho GPU-of-a-test\n", "utf-8")
    program.chmod(0o755)
    return program.parent


def give_cuda(folder: Path) -> None:
    """Let the Python of a clone find a package of CUDA."""
    package = folder / "workflow" / "scripts" / "nvidia"
    package.mkdir()
    (package / "__init__.py").touch()


def test_each_network_asks_for_a_card_and_nothing_else_does(
    clone: Clone, snakemake: Snakemake, driver: Path, tmp_path: Path
) -> None:
    folder = clone(tmp_path)
    without = snakemake(folder, "-n", *TINY, bin=driver)
    assert without.returncode == 0, without.stderr
    assert ASKING.findall(without.stdout) == []  # a card is no use without CUDA
    give_cuda(folder)
    planned = snakemake(folder, "-n", *TINY, bin=driver)
    assert sorted(ASKING.findall(planned.stdout)) == [
        *2 * ["super_resolve"],
        *2 * ["train"],
    ], planned.stdout
