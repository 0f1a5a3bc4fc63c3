"""What every test of a fault asks of the end of a run, and how the machine is made to fail."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TINY = ("--configfile", "tests/config/tiny.yaml")


def sentences(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the different sentences with which a run and its jobs failed, the last one last."""
    found = re.findall(r"^[\w-]+: error: .*", done.stderr, flags=re.MULTILINE)
    return list(dict.fromkeys(reversed(found)))[::-1]


def last_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """Return the sentence of a failed run, after checking that it is a clean end."""
    printed = done.stdout + done.stderr
    assert done.returncode != 0, printed[-3000:]
    assert "Traceback" not in printed, printed[-6000:]
    assert "Exception ignored" not in printed, printed[-6000:]
    assert sentences(done), printed[-3000:]
    return sentences(done)[-1]


def assert_success(done: subprocess.CompletedProcess[str]) -> None:
    """Check that a run ended well, and show its end where it did not."""
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-4000:]


def partial_files(directory: Path) -> list[str]:
    """Return the unfinished files below a folder."""
    return sorted(str(file.relative_to(directory)) for file in directory.rglob(".partial.*"))


def copy_of(directory: Path, target: Path) -> Path:
    """Copy a run with its records and times, so that nothing is to be done in the copy."""
    shutil.copytree(directory, target, copy_function=shutil.copy2, dirs_exist_ok=True)
    return target


class SmallDisk:
    """A file system of its own at `folder`, in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def set_free(self, kilobytes: int) -> None:
        """Leave so much free, what is on it already not counted."""
        used = shutil.disk_usage(self.folder).used // 1024
        self._remount(f"size={used + kilobytes}k")

    def enlarge(self) -> None:
        """Make it large enough for everything."""
        self._remount("size=200m")

    def set_read_only(self, *, read_only: bool) -> None:
        """Refuse all writes, or take them again."""
        self._remount("ro" if read_only else "rw")

    def _remount(self, option: str) -> None:
        command = ["mount", "-o", f"remount,{option}", str(self.folder)]
        subprocess.run(command, check=True, capture_output=True)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """Mount an empty file system in memory at a folder; skip where that is not permitted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        reason = getattr(error, "stderr", None) or error
        pytest.skip(f"a file system of its own cannot be mounted here: {str(reason).strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
