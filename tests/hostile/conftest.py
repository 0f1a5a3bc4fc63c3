"""What the tests of hostile input share."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from workflow.conftest import clone, snakemake

__all__ = ["clone", "snakemake"]

Limited = Callable[..., subprocess.CompletedProcess[str]]
SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
ADDRESS_SPACE = 4 << 30  # bytes; Python and its libraries take up to 2, threads included
SECONDS = 60  # a guard against a test that never ends, no measurement

READ = """
import resource, sys
def peak_mb():
    # Unlike getrusage, this forgets the memory of the process that started this one.
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("VmHWM")) / 1024
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from sandstone.cli import InputError
try:
    code()
except InputError as error:
    sys.exit(f"refused: {error}")
"""


@pytest.fixture
def in_little_memory(tmp_path: Path) -> Limited:
    """Run statements of Python in a process that cannot take much memory.

    The process ends with code 1 and `refused: ...` on stderr for an `InputError`.
    """

    def run(statements: str) -> subprocess.CompletedProcess[str]:
        body = "\n".join(f"    {line}" for line in dedent(statements).strip().splitlines())
        program = f"limit = {ADDRESS_SPACE}\ndef code():\n{body}\n{READ}"
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        return subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, **threads, "PYTHONPATH": str(SCRIPTS)},
            timeout=SECONDS,
            check=False,
        )

    return run


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.raw"
    path.write_bytes(b"root:x:0:0:this is none of your voxels\n" * 40)
    return path
