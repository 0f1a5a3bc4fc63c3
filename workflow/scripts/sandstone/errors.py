"""The sentences in which a mistake is told, and the exceptions that carry them."""

LONGEST_SHOWN = 120  # characters of a value that a sentence repeats


class InputError(ValueError):
    """A mistake that the user can mend.

    The message is one sentence: what is wrong, where, and what to do.
    """


class Stop(Exception):  # noqa: N818 - it names an end, not always an error
    """An end that is neither success nor a user's mistake.

    The message is one sentence; `exit_code` tells ends apart.
    """

    exit_code = 1


def shown(value: object) -> str:
    """Return a value as a sentence shows it: as Python writes it, cut short."""
    try:
        return shortened(repr(value))
    except (ValueError, RecursionError):  # an endless number; endless nesting
        return f"an immense {type(value).__name__}"


def shortened(text: object) -> str:
    """Return a text cut to what a sentence has room for."""
    text = str(text)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def one_line(sentence: str) -> str:
    """Return a sentence with what is no printable character escaped.

    A name with a line break would make two lines of it, one with an escape sequence would
    rule the terminal.
    """
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode("ascii")
        for each in sentence
    )
