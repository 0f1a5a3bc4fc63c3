"""Which state the files behind a volume are in: their digest, and whether they stay as they are."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandstone.cli import InputError
from sandstone.files import sha256_of


class Changed(InputError):  # noqa: N818 - reads as what happened
    """A file changed while it was read."""


def digest(files: Sequence[Path]) -> str:
    """Return one SHA-256 for all files: a single file's own, else that of their list.

    The list is as `sha256sum` prints it, with names as they lie below the common folder.
    """
    if len(files) == 1:
        return sha256_of(files[0])
    common = os.path.commonpath([file.absolute().parent for file in files])
    lines = (f"{sha256_of(file)}  {os.path.relpath(file, common)}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def size(files: Sequence[Path]) -> int:
    """Return how many bytes all files have together."""
    return sum(file.stat().st_size for file in files)


@contextmanager
def unchanged(files: Sequence[Path]) -> Iterator[None]:
    """Refuse files that change while the block reads them.

    Raises
    ------
    Changed
        At the end of the block, if a file was written to, replaced or removed meanwhile. It
        takes the place of an error of the block, which the change may have caused.
    """
    before = [_state(file) for file in files]
    try:
        yield
    finally:
        for file, state in zip(files, before, strict=True):
            if _state(file) != state:
                raise Changed(
                    f"{file}: changed while it was read; start again once nothing writes to it"
                )


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev
