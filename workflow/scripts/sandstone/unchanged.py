"""Whether files are still the same: by their digest, while they are read."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sandstone.errors import InputError
from sandstone.files import sha256_of

State = tuple[int, ...]


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
    before = states(files)
    try:
        yield
    finally:
        check_unchanged(files, before)


def states(files: Sequence[Path]) -> list[State | None]:
    """Return by what `check_unchanged` knows each file again; None for one that is missing."""
    return [_state(file) for file in files]


def check_unchanged(files: Sequence[Path], before: Sequence[State | None]) -> None:
    """Refuse files of which one was written to, replaced or removed since `states` was called.

    Raises
    ------
    Changed
        Naming the first such file.
    """
    for file, state in zip(files, before, strict=True):
        if _state(file) != state:
            raise Changed(
                f"{file}: changed while it was read; start again once nothing writes to it"
            )


def _state(file: Path) -> State | None:
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev
