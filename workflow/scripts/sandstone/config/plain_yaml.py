"""Read a config file as plain YAML or JSON, and refuse one that is more than data.

A template (`__use_yte__`) is code, which Snakemake runs before the Snakefile is read. It is refused
here, though late: its rendered values would stand in no file.
"""

import json
import stat
from pathlib import Path
from typing import Any

import yaml

from sandstone.errors import InputError, shortened, shown

TEMPLATE = "__use_yte__"
PATH_VARIABLES = "pathvars"  # Snakemake's own; wrong ones would stop it with a message of its own


def read(path: str | Path) -> dict[str, Any]:
    """Return the content of a config file.

    Raises
    ------
    InputError
        If it is missing, no plain YAML or JSON, or a template, or a key stands in it twice.
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
    check_keys(content, f"{path}: config")
    return content


def check_keys(value: Any, place: str) -> None:
    """Refuse keys that are no text: YAML reads `1`, `yes` and `~` as something else.

    Raises
    ------
    InputError
        Naming the place that is wrong, below `place`.
    """
    if isinstance(value, list):
        for i, child in enumerate(value):
            check_keys(child, f"{place}.{i}")
    if not isinstance(value, dict):
        return
    for key, child in value.items():
        if not isinstance(key, str):
            raise InputError(
                f"{place} has the key {shown(key)}, which is no text; put it in quotes"
            )
        check_keys(child, f"{place}.{shortened(key)}")


def _text(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError(f"{path} is no regular file; name a config file")
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
    except ValueError:
        pass  # no JSON
    try:
        return _parsed_yaml(text)
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise InputError(f"{path}: {line}{shortened(error.problem)}; correct it") from error
    except (yaml.YAMLError, ValueError) as error:
        # Characters that YAML forbids, impossible dates.
        reason = shortened(str(error).partition("\n")[0]) or type(error).__name__
        raise InputError(f"{path} is no plain YAML ({reason}); correct it") from error


def _parsed_yaml(text: str) -> Any:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_repetition(root)
        return loader.construct_document(root)
    finally:
        loader.dispose()


def _check_repetition(root: yaml.Node) -> None:
    """Refuse a key that stands twice in a mapping: all but the last would go unnoticed."""
    pending, visited = [root], set()
    while pending:
        node = pending.pop()
        if id(node) in visited or not isinstance(node, yaml.CollectionNode):
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _check_keys_of(node)
        for child in node.value:
            pending += child if isinstance(child, tuple) else [child]


def _check_keys_of(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue  # no text, which the constructor or `check_keys` refuses
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
