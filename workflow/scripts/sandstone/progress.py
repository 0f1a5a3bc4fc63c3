"""Progress of a long job: how much is done, the speed, and the time left."""

import time

SECONDS_BETWEEN_LINES = 5
VOXELS = "voxels"


class Progress:
    """A line every few seconds, and one at the end.

    The clock steers only what is shown; no artefact depends on it.

    Parameters
    ----------
    what : str
        Beginning of each line: the job, or its part.
    total : int
        Units of the whole job.
    unit : str
        What is counted, such as tiles, slices or steps; voxels are shown in millions.
    done : int, optional
        Units that an earlier run has done; they do not count in the speed.
    """

    def __init__(self, what: str, total: int, unit: str, *, done: int = 0) -> None:
        self._what = what
        self._total = total
        self._unit = unit
        self._done = self._resumed_at = done
        self._start = self._shown = time.monotonic()

    def add(self, count: int, *, note: str = "", now: bool = False) -> None:
        """Count units as done, and print a line if one is due.

        Parameters
        ----------
        count : int
        note : str, optional
            What else the line says.
        now : bool, optional
            Print a line whether one is due or not.
        """
        self._done += count
        moment = time.monotonic()
        due = moment - self._shown >= SECONDS_BETWEEN_LINES
        if due or now or self._done == self._total:
            self._shown = moment
            parts = (self._so_far(), note, self._timing(moment - self._start))
            print(f"{self._what}: {', '.join(filter(None, parts))}", flush=True)

    def _so_far(self) -> str:
        if self._unit == VOXELS:
            return f"{self._done / 1e6:.2f} of {self._total / 1e6:.2f} Mvoxels"
        return f"{self._done} of {self._total} {self._unit}"

    def _timing(self, seconds: float) -> str:
        if self._done == self._resumed_at:
            return ""
        rate = (self._done - self._resumed_at) / max(seconds, 1e-9)
        left = duration((self._total - self._done) / rate)
        shown = f"{rate / 1e3:.1f} k" if self._unit == VOXELS else f"{rate:.1f} "
        return f"{shown}{self._unit}/s, {left} left"


def duration(seconds: float) -> str:
    """Write seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
