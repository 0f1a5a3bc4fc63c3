"""Run a script and end its process, as a power cut or a cluster would, at a chosen moment.

    python killing.py SIGNAL MOMENT FILE COUNT script.py [flag ...]

SIGNAL is KILL, TERM or INT, or POWER for SIGKILL to the whole process group, Snakemake included.
It comes when MOMENT is reached for the COUNT-th time with a FILE (a pattern of its name):

before_rename, after_rename
    a whole file gets its name FILE
before_remove, after_remove
    FILE is removed
in_archive
    an array of the .npz FILE has been written, and others have not
at_import
    the module FILE starts to load
"""

import fnmatch
import functools
import os
import pathlib
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any


def command(
    number: str, moment: str, file: str, *script: object, count: int = 1
) -> tuple[str, ...]:
    """Return the command that runs `script` and ends it at a moment."""
    return sys.executable, "-u", __file__, number, moment, file, str(count), *map(str, script)


class Trigger:
    """Ends this process when its moment has come often enough."""

    def __init__(self, number: str, moment: str, pattern: str, count: int) -> None:
        self._number, self._moment, self._pattern = number, moment, pattern
        self._left = count

    def at(self, moment: str, name: str) -> None:
        """Tell that a moment has come for the file of a name."""
        if moment != self._moment or not fnmatch.fnmatchcase(name, self._pattern):
            return
        self._left -= 1
        if self._left == 0:
            self._end()

    def _end(self) -> None:
        if self._number == "POWER":
            os.killpg(0, signal.SIGKILL)
        os.kill(os.getpid(), signal.Signals[f"SIG{self._number}"])

    def around(
        self, act: Callable[..., Any], kind: str, name: Callable[..., str]
    ) -> Callable[..., Any]:
        """Return `act` with its moments before and after; `name` finds the file it acts on."""

        @functools.wraps(act)
        def acting(*arguments: Any, **options: Any) -> Any:
            self.at(f"before_{kind}", name(*arguments))
            done = act(*arguments, **options)
            self.at(f"after_{kind}", name(*arguments))
            return done

        return acting


def arm(trigger: Trigger) -> None:
    """Let the functions that change files tell their moments."""
    pathlib.Path.replace = trigger.around(  # type: ignore[method-assign]
        pathlib.Path.replace, "rename", lambda _path, target: pathlib.Path(target).name
    )
    pathlib.Path.unlink = trigger.around(  # type: ignore[method-assign]
        pathlib.Path.unlink, "remove", lambda path, *_: path.name
    )


def arm_archives(trigger: Trigger) -> None:
    """The same for the arrays of an archive; apart, since NumPy takes a while to load."""
    import numpy as np

    written = np.lib.format.write_array

    def write_array(stream: Any, *arguments: Any, **options: Any) -> None:
        written(stream, *arguments, **options)
        if archive := getattr(stream, "_zipfile", None):
            name = pathlib.Path(str(archive.filename)).name
            trigger.at("in_archive", name.removeprefix(".partial."))

    np.lib.format.write_array = write_array


def arm_imports(trigger: Trigger) -> None:
    """The same for the modules that load."""
    sys.addaudithook(
        lambda event, values: trigger.at("at_import", values[0]) if event == "import" else None
    )


def main() -> None:
    """Arm the trigger and run the script."""
    number, moment, pattern, count, *script = sys.argv[1:]
    trigger = Trigger(number, moment, pattern, int(count))
    arm(trigger)
    if moment == "in_archive":
        arm_archives(trigger)
    if moment == "at_import":
        arm_imports(trigger)
    sys.argv = script
    sys.path[0] = str(pathlib.Path(script[0]).parent)
    runpy.run_path(script[0], run_name="__main__")


if __name__ == "__main__":
    main()
