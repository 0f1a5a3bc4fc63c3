"""Settings as the words of a command line."""

from collections.abc import Mapping
from typing import Any


def as_flags(settings: Mapping[str, Any], prefix: str = "-") -> list[str]:
    """Turn nested settings into command-line words: {"loss": {"pixel": 1}} is --loss-pixel 1.

    Sorted by key, so that the order of a user's file makes no difference.
    """
    words: list[str] = []
    for key, value in sorted(settings.items()):
        flag = f"{prefix}-{key.replace('_', '-')}"
        if isinstance(value, Mapping):
            words += as_flags(value, flag)
        elif isinstance(value, bool):
            words += [flag, str(value).lower()]
        elif isinstance(value, list):
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return words
