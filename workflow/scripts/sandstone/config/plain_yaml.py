"""Read a config file as plain YAML or JSON, and refuse one that is more than data.

A template (`__use_yte__`) is code, which Snakemake runs before the Snakefile is read: refused here,
though late. Aliases can make a page of text billions of values.
"""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from sandstone.errors import InputError, shortened, shown

LARGEST_FILE = 1 << 20  # bytes; a config with thousands of addresses has a few hundred thousand
MOST_VALUES = 20_000  # with every alias written out
DEEPEST = 32  # levels; a config has five
LONGEST_TEXT = 4096  # characters; no path or address is longer
LARGEST_NUMBER = 2**63
TEMPLATE = "__use_yte__"
PATH_VARIABLES = "pathvars"  # Snakemake's own; wrong ones would stop it with a message of its own


def read(path: str | Path) -> dict[str, Any]:
    """Return the content of a config file.

    Raises
    ------
    InputError
        If it is missing, no plain YAML or JSON, a template, or expands beyond all measure.
    """
    content = _parsed(Path(path), _text(Path(path)))
    if not isinstance(content, dict):
        raise InputError(
            f"{path} holds {_kind(content)} where a config has keys with values; see config.yaml"
        )
    if TEMPLATE in content:
        raise InputError(
            f"{path} is a template ({TEMPLATE}), whose code would run; write plain YAML"
        )
    if PATH_VARIABLES in content:
        raise InputError(f"{path}: {PATH_VARIABLES} is no key of this workflow; remove it")
    check_values(content, f"{path}: config")
    return content


def check_values(content: Any, key: str) -> None:
    """Refuse values that no config needs: too many, too deep, too long, or in a circle.

    Raises
    ------
    InputError
        Naming the place that is wrong, below `key`.
    """
    count = 1
    pending: list[tuple[str, Any, int]] = [(key, content, 0)]
    while pending:
        place, value, depth = pending.pop()
        count += len(value) if isinstance(value, dict | list) else 0
        if count > MOST_VALUES or depth > DEEPEST:
            what = f"over {DEEPEST} levels" if depth > DEEPEST else f"over {MOST_VALUES} values"
            raise InputError(f"{key} has {what}, aliases written out; make it plain")
        _check_value(place, value)
        pending += [(name, child, depth + 1) for name, child in _children(place, value)]


def _check_value(place: str, value: Any) -> None:
    if isinstance(value, str) and len(value) > LONGEST_TEXT:
        raise InputError(f"{place} is a text of {len(value)} characters; shorten it")
    if isinstance(value, int) and abs(value) >= LARGEST_NUMBER:
        raise InputError(f"{place} is a number of over 64 bits; correct it")
    if isinstance(value, dict) and (odd := [key for key in value if not isinstance(key, str)]):
        raise InputError(f"{place} has the key {shown(odd[0])}, which is no text; put it in quotes")


def _children(place: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        return ((f"{place}.{shortened(name)}", child) for name, child in value.items())
    return (
        (f"{place}.{i}", child) for i, child in enumerate(value if isinstance(value, list) else [])
    )


def _text(path: Path) -> str:
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{path} is no regular file; name a config file")
        if about.st_size > LARGEST_FILE:
            raise InputError(f"{path} holds {about.st_size} bytes; no config is that long")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no text in UTF-8; name a config file") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path} cannot be read ({reason}); name a config file") from error


def _parsed(path: Path, text: str) -> Any:
    """Parse as Snakemake does: JSON first, then YAML."""
    try:
        return json.loads(text, object_pairs_hook=_without_repetition)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (ValueError, RecursionError):
        pass  # no JSON
    try:
        _check_nodes(path, yaml.compose(text, Loader=yaml.SafeLoader))
        return yaml.load(text, Loader=yaml.SafeLoader)
    except InputError:
        raise
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{path}: {line}{shortened(error.problem)}; correct it") from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # Characters that YAML forbids, impossible dates, endless numbers, endless nesting.
        reason = shortened(str(error).partition("\n")[0]) or type(error).__name__
        raise InputError(f"{path} is no plain YAML ({reason}); correct it") from error


def _check_nodes(path: Path, root: yaml.Node | None) -> None:
    """Refuse repeated keys, and aliases that blow up: merging (`<<`) writes them out in memory."""
    count = 1
    pending = [root] if root else []
    while pending:
        node = pending.pop()
        children = node.value if isinstance(node, yaml.CollectionNode) else []
        count += len(children)
        if count > MOST_VALUES:
            raise InputError(
                f"{path} has over {MOST_VALUES} values, aliases written out; make it plain"
            )
        if isinstance(node, yaml.MappingNode):
            _check_repetition(node)
        for child in children:
            pending += child if isinstance(child, tuple) else [child]


def _check_repetition(node: yaml.MappingNode) -> None:
    """Refuse a key that stands twice in a mapping: all but the last would go unnoticed."""
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # no text, which the constructor or `check_values` refuses
        if key.value in seen:
            raise yaml.MarkedYAMLError(
                problem=f"the key {shown(key.value)} stands twice", problem_mark=key.start_mark
            )
        seen.add(key.value)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"the key {shown(twice)} stands twice; remove one")
    return mapping


def _kind(content: Any) -> str:
    return {type(None): "nothing", list: "a list"}.get(type(content), shown(content))
