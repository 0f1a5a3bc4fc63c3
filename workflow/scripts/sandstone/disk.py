"""Recognise a full, read-only or failing disk, whichever library reports it."""

import errno
import os
from pathlib import Path

_FREE_SPACE = "free some and run again"
_REASONS = {
    errno.ENOSPC: f"no space left on device; {_FREE_SPACE}",
    errno.EDQUOT: f"no space left within the disk quota; {_FREE_SPACE}",
    errno.EROFS: "the file system is read-only; make it writable, or run in another folder",
    errno.EIO: "the disk fails; check it and run again",
}
PROBE_BYTES = 1 << 20  # more than what a disk or a quota may round up


def reason(error: BaseException) -> str | None:
    """Return what is wrong with the disk and what to do; None if the disk is not the cause.

    Libraries close their files while they fail, and then raise errors of their own. The
    disk's error stands further up the chain of errors, or only in their text.
    """
    link: BaseException | None = error
    while link is not None:
        for number, sentence in _REASONS.items():
            if number == getattr(link, "errno", None) or os.strerror(number) in str(link):
                return sentence
        link = link.__cause__ or link.__context__
    return None


def reason_of_probe(folder: Path, size: int = PROBE_BYTES) -> str | None:
    """Return why `size` bytes cannot be written into `folder`; None if they can be.

    Some libraries say only that they wrote less than they wanted. The probe leaves no file.
    """
    probe = folder / ".partial.probe"
    try:
        try:
            with probe.open("wb", buffering=0) as stream:
                # A nearly full disk takes a part, and refuses only the next byte.
                for part in (bytes(size), b"\0"):
                    stream.write(part)
                os.fsync(stream.fileno())
        finally:
            probe.unlink(missing_ok=True)
    except OSError as error:
        return reason(error) or f"{error.strerror}; give another folder"
    return None
