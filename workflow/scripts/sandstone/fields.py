"""What the values of a JSON object, or of an attribute, may be."""

from typing import Any


def is_whole(value: object) -> bool:
    """Say whether a value is a whole number of a size that coordinates have."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31


def is_number(value: object) -> bool:
    """Say whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def are(kind: Any, value: object, count: int) -> bool:
    """Say whether a value is a list of `count` values of which each passes `kind`."""
    return isinstance(value, list | tuple) and len(value) == count and all(map(kind, value))
