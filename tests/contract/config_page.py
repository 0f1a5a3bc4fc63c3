"""How the page of the config writes a setting of the schema."""

from typing import Any

from .project import Schema

TYPES = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
}
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def kind(leaf: Schema) -> str:
    """Type and range of a setting."""
    if "enum" in leaf:
        return ", ".join(f"`{choice}`" for choice in leaf["enum"])
    if leaf["type"] == "array":
        return f"{_count(leaf)} {kind(leaf['items'])}"
    if isinstance(leaf["type"], list):
        other = "3 numbers" if "array" in leaf["type"] else f"`{leaf['pattern'].strip('^$')}`"
        return f"number or {other}, {_range(leaf)}"
    return ", ".join(filter(None, [TYPES[leaf["type"]], _range(leaf)]))


def default_text(leaf: Schema) -> str:
    """Default of a setting as YAML."""
    return f"`{_yaml(leaf['default'])}`" if "default" in leaf else "none"


def _count(leaf: Schema) -> str:
    exact = leaf.get("minItems") == leaf.get("maxItems")
    return f"{leaf['minItems']} ×" if exact and "minItems" in leaf else "list of"


def _range(leaf: Schema) -> str:
    return ", ".join(
        f"{sign} {leaf[bound]:.10g}" for bound, sign in BOUNDS.items() if bound in leaf
    )


def _yaml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_yaml, value))}]"
    return str(value)
