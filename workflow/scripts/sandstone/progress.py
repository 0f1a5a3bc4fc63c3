"""Tell how far a long job is, how fast, and how long it still takes."""

import time

SECONDS_BETWEEN_LINES = 5


class Rate:
    """A line every few seconds, and one at the end.

    The clock steers only what is shown; no artefact depends on it.
    """

    def __init__(self, what: str, total: int) -> None:
        self._what = what
        self._total = total
        self._done = 0
        self._start = self._shown = time.monotonic()

    def add(self, voxels: int) -> None:
        """Note that so many more voxels are done."""
        self._done += voxels
        now = time.monotonic()
        if now - self._shown >= SECONDS_BETWEEN_LINES or self._done == self._total:
            self._shown = now
            print(self._line(now - self._start), flush=True)

    def _line(self, seconds: float) -> str:
        rate = self._done / max(seconds, 1e-9)
        left = duration((self._total - self._done) / rate)
        return (
            f"{self._what}: {self._done / 1e6:.2f} of {self._total / 1e6:.2f} Mvoxels, "
            f"{rate / 1e3:.1f} kvoxels/s, {left} left"
        )


def duration(seconds: float) -> str:
    """Write seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
