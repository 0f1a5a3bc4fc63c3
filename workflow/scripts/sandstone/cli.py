"""How every script talks to its user: parsing, exit codes, one-sentence errors."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

USER_ERROR = 2
INTERRUPTED = 130


class InputError(ValueError):
    """A mistake that the user can mend.

    The message is one sentence: what is wrong, where, and what to do.
    """


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser that shows defaults and the first paragraph of a docstring."""
    summary = (description or "").strip().split("\n\n")[0]
    return argparse.ArgumentParser(
        description=summary,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )


def fraction(text: str) -> float:
    """Parse a number between 0 and 1, both included, for `argparse`."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


def positive_int(text: str) -> int:
    """Parse a whole number above zero, for `argparse`."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return value


def positive_float(text: str) -> float:
    """Parse a finite number above zero, for `argparse`."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def run(main: Callable[[Sequence[str] | None], None]) -> int:
    """Run a script's `main` and return its exit code.

    0 for success, 2 for a mistake of the user or the machine (bad input, full disk,
    missing permission), 130 for Ctrl-C. A defect of our own keeps its traceback.
    """
    try:
        main(None)
    except InputError as error:
        return _fail(str(error))
    except BrokenPipeError:
        # The reader of our output went away: nothing to tell and nobody to tell it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(_os_sentence(error))
    except KeyboardInterrupt:
        print(f"{_script()}: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _fail(sentence: str) -> int:
    print(f"{_script()}: error: {sentence}", file=sys.stderr)
    return USER_ERROR


def _os_sentence(error: OSError) -> str:
    reason = error.strerror or str(error)
    return f"{error.filename}: {reason}" if error.filename else reason


def _script() -> str:
    return Path(sys.argv[0]).stem
