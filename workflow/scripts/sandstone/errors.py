"""Sentences for the user: exceptions that carry one, notes, and how they show values."""

LONGEST_SHOWN = 120  # characters of a value that a sentence repeats


class InputError(ValueError):
    """A mistake that the user can correct.

    The message is one sentence: what is wrong, where, and what to do.
    """


class Stop(Exception):  # noqa: N818 - it names an end, not always an error
    """An end that is neither success nor a user's mistake.

    The message is one sentence; `exit_code` says which end it is.
    """

    exit_code = 1


def note(sentence: str) -> None:
    """Tell the user on one line what deserves a look, though nothing is wrong."""
    print(f"note: {one_line(sentence)}", flush=True)


def shown(value: object) -> str:
    """Return a value as a sentence shows it: its `repr`, shortened."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # an endless number; endless nesting
        return f"an immense {type(value).__name__}"


def shortened(text: object) -> str:
    """Return a text, shortened to `LONGEST_SHOWN` characters."""
    text = str(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def one_line(sentence: str) -> str:
    """Return a sentence with all characters escaped that cannot be printed.

    A line break in a name would make two lines of it, and an escape sequence would control
    the terminal.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in sentence
    )
