"""Command lines of all scripts: parsing, signals, exit codes, errors in one sentence."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from sandstone import disk
from sandstone.errors import InputError, Stop, one_line

USER_ERROR = 2
# By default they kill at once, and leave incomplete files behind.
FATAL_SIGNALS = (signal.SIGTERM, signal.SIGHUP)
NOTED_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class InputPath(str):
    """Type of a flag that names an input: the provenance record holds its hash."""


class OutputPath(str):
    """Type of a flag that names an output: the provenance record holds its hash."""


class WorkPath(str):
    """Type of a flag that names something temporary, such as checkpoints and logs."""


class _Ended(KeyboardInterrupt):
    """A signal ended the script. Libraries handle it like Ctrl-C, since it is of that class."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser whose help has the docstring's first paragraph, and the defaults."""
    summary = (description or "").strip().split("\n\n")[0]
    return argparse.ArgumentParser(
        description=summary,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )


def add_figure(arguments: argparse.ArgumentParser) -> None:
    """Add the flags of a script that draws a figure."""
    arguments.add_argument(
        "--png", type=OutputPath, required=True, help="figure to write, for screens"
    )
    arguments.add_argument(
        "--pdf", type=OutputPath, required=True, help="figure to write, for print"
    )


def add_bootstrap(arguments: argparse.ArgumentParser) -> None:
    """Add the flags of a script that resamples depth blocks for confidence intervals."""
    add = arguments.add_argument
    add("--confidence", type=fraction, default=0.95, help="of the intervals, 0 to 1")
    add("--resamples", type=positive_int, default=2000, help="bootstrap draws of depth blocks")
    add("--seed", type=non_negative_int, default=1, help="of the bootstrap")


def add_external_inputs(arguments: argparse.ArgumentParser) -> None:
    """Add the flag of a script that reads records, for inputs that they know only by name."""
    arguments.add_argument(
        "--external-inputs",
        type=InputPath,
        nargs="*",
        default=[],
        help="files outside the working directory, which records know only by name",
    )


def fraction(text: str) -> float:
    """Parse a number between 0 and 1, both included, for `argparse`."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def boolean(text: str) -> bool:
    """Parse "true" or "false", for `argparse`."""
    if text not in {"true", "false"}:
        raise argparse.ArgumentTypeError(f"{text} is neither true nor false")
    return text == "true"


def positive_int(text: str) -> int:
    """Parse a whole number above zero, for `argparse`."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return value


def non_negative_int(text: str) -> int:
    """Parse a whole number from zero up, for `argparse`."""
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 0 up")
    return value


def positive_float(text: str) -> float:
    """Parse a finite number above zero, for `argparse`."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def non_negative_float(text: str) -> float:
    """Parse a finite number that is not below zero, for `argparse`."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number from 0 up")
    return value


def run(main: Callable[[Sequence[str] | None], None]) -> int:
    """Run a script's `main` and return its exit code.

    The code is 0 for success, 2 for a mistake of the user or a limit of the machine (bad
    input, full disk, missing permission, too little memory), 128 plus the number of a signal
    that ended the script (130 for Ctrl-C), and for a `Stop` its own. A bug keeps its traceback.
    """
    _raise_on_signals()
    try:
        main(None)
    except BrokenPipeError:
        # The reader of our output is gone, so there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (Exception, KeyboardInterrupt) as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"{_script()}: error: {one_line(sentence)}", file=sys.stderr)
        return _exit_code(error)
    return 0


def _sentence(error: BaseException) -> str | None:
    """Return the sentence for the user, None for a bug."""
    match error:
        case InputError() | Stop():
            return str(error)
        case KeyboardInterrupt():
            return f"stopped by {_signal(error).name}: start again to continue"
        case MemoryError():
            reason = f" ({error})" if str(error) else ""
            return f"not enough memory{reason}; use a machine with more, or less data"
        case OSError():
            reason = disk.reason(error) or error.strerror or str(error)
            return f"{error.filename}: {reason}" if error.filename else reason
    return disk.reason(error)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return 128 + _signal(error)
    return error.exit_code if isinstance(error, Stop) else USER_ERROR


def _signal(error: KeyboardInterrupt) -> signal.Signals:
    return error.signal if isinstance(error, _Ended) else signal.SIGINT


def _raise_on_signals() -> None:
    """Let fatal signals unwind the script as Ctrl-C does, except those that the caller ignores."""
    for number in FATAL_SIGNALS:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - fixed by signal
    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the clean-up
    raise _Ended(number)


def _script() -> str:
    return Path(sys.argv[0]).stem


class Interruption:
    """Within its block, SIGTERM and SIGINT have no effect but that `signal` holds them."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __enter__(self) -> Self:
        self._previous = {number: signal.signal(number, self._note) for number in NOTED_SIGNALS}
        return self

    def __exit__(
        self, kind: type | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - fixed by signal
        self.signal = signal.Signals(number)
