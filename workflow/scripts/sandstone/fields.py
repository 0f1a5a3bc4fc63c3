"""What the values of a JSON object, or of an attribute, may be."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandstone.errors import InputError, shown

Kind = Callable[[Any], bool]


def check_fields(
    content: Mapping[str, Any], kinds: Mapping[str, Kind], path: str | Path, remedy: str
) -> None:
    """Refuse an object of which a field has a value that it cannot have.

    Parameters
    ----------
    content : mapping
        Has every key of `kinds`, as `files.read_json` makes sure; other keys are not looked at.
    kinds : mapping of str to callable
        For each key what says whether a value is possible.
    path : str or Path
        File of the object.
    remedy : str
        What to do about such a file: the end of the error's sentence.

    Raises
    ------
    InputError
        Naming the first such field and its value.
    """
    for key, fits in kinds.items():
        if not fits(content[key]):
            raise InputError(f"{path}: {key} is {shown(content[key])}; {remedy}")


def is_whole(value: object) -> bool:
    """Say whether a value is a whole number of a size that coordinates have."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def is_number(value: object) -> bool:
    """Say whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def are(kind: Kind, value: object, count: int) -> bool:
    """Say whether a value is a list of `count` values of which each passes `kind`."""
    return isinstance(value, list | tuple) and len(value) == count and all(map(kind, value))
