"""How every script talks to its user: parsing, exit codes, one-sentence errors."""

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

USER_ERROR = 2
INTERRUPTED = 130
TERMINATED = 143


class InputError(ValueError):
    """A mistake that the user can mend.

    The message is one sentence: what is wrong, where, and what to do.
    """


class Stop(Exception):  # noqa: N818 - it names an end, not always an error
    """An end that is neither success nor a user's mistake.

    The message is one sentence; `exit_code` tells ends apart.
    """

    exit_code = 1


class InputPath(str):
    """Type of a flag that names what a script reads: its provenance holds the hash."""


class OutputPath(str):
    """Type of a flag that names what a script makes: its provenance holds the hash."""


class WorkPath(str):
    """Type of a flag that names a place for what passes: checkpoints, logs."""


class Terminated(BaseException):
    """SIGTERM came: the end of a job's time, or of its machine's."""


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows defaults and the first paragraph of a docstring."""
    summary = (description or "").strip().split("\n\n")[0]
    return argparse.ArgumentParser(
        description=summary,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )


def add_figure(arguments: argparse.ArgumentParser) -> None:
    """Give a script that draws the flags of its figure."""
    arguments.add_argument(
        "--png", type=OutputPath, required=True, help="figure to write, for screens"
    )
    arguments.add_argument(
        "--pdf", type=OutputPath, required=True, help="figure to write, for print"
    )


def add_elsewhere(arguments: argparse.ArgumentParser) -> None:
    """Give a script that reads provenance records the flag for what they know by name alone."""
    arguments.add_argument(
        "--elsewhere",
        type=InputPath,
        nargs="*",
        default=[],
        help="inputs outside the working directory, which records know by name alone",
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

    0 for success, 2 for a mistake of the user or the machine (bad input, full disk,
    missing permission), 130 for Ctrl-C, 143 for SIGTERM, and a `Stop` brings
    its own. A defect of ours keeps its traceback.
    """
    try:
        with _cleaning_up_on_sigterm():
            main(None)
    except Stop as stop:
        return _fail(str(stop), stop.exit_code)
    except BrokenPipeError:
        # The reader of our output went away: nothing to tell and nobody to tell it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (InputError, OSError) as error:
        return _fail(_sentence(error))
    except KeyboardInterrupt:
        print(f"{_script()}: interrupted", file=sys.stderr)
        return INTERRUPTED
    except Terminated:
        return _fail("stopped by SIGTERM: start again", TERMINATED)
    return 0


@contextmanager
def _cleaning_up_on_sigterm() -> Iterator[None]:
    """Let SIGTERM raise `Terminated`, so that what is half-written is removed on the way out."""

    def terminate(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - fixed by signal
        raise Terminated

    previous = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _fail(sentence: str, exit_code: int = USER_ERROR) -> int:
    print(f"{_script()}: error: {sentence}", file=sys.stderr)
    return exit_code


def _sentence(error: InputError | OSError) -> str:
    if isinstance(error, InputError):
        return str(error)
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _script() -> str:
    return Path(sys.argv[0]).stem
