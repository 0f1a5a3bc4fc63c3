import errno
import os

import pytest

from sandstone import disk


def full():
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def raised_while_handling(first, second):
    try:
        try:
            raise first
        finally:
            raise second
    except type(second) as error:
        return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (full(), "no space left on device"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "no space left within the disk quota"),
        (OSError(errno.EROFS, os.strerror(errno.EROFS)), "the file system is read-only"),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "the disk fails"),
        (RuntimeError("Unable to flush (errno = 28, 'No space left on device')"), "no space left"),
        (raised_while_handling(full(), ValueError("cannot close the archive")), "no space left"),
    ],
)
def test_what_the_disk_said_is_found_behind_any_library(error, expected):
    assert disk.reason(error).startswith(expected)


@pytest.mark.parametrize(
    "error",
    [OSError("30976 requested and 14152 written"), ValueError("x"), FileNotFoundError(2, "")],
)
def test_other_errors_are_not_of_the_disk(error):
    assert disk.reason(error) is None


def test_a_probe_leaves_nothing_behind(tmp_path):
    assert disk.reason_of_probe(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_probe_tells_why_it_failed(tmp_path):
    reason = disk.reason_of_probe(tmp_path / "absent")
    assert reason == "No such file or directory; give another folder"
