"""Hold a config against the schema, and fill in the schema's defaults."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import yaml

from sandstone.config.sentences import sentence
from sandstone.errors import InputError

Config = dict[str, Any]

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


@cache
def load() -> Config:
    """Return the schema; it is read once and not to be changed."""
    return yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))


def resolve(schema: Config, subschema: Config) -> Config:
    """Follow a `$ref` to `#/$defs/...` once; anything else is returned as it is."""
    reference = subschema.get("$ref")
    if reference is None:
        return subschema
    return schema["$defs"][PurePosixPath(reference).name]


def complete(config: Config) -> None:
    """Hold `config` against the schema and fill in defaults, in place.

    Raises
    ------
    InputError
        Naming the first key that is wrong, and what it should be.
    """
    _check_finite(config, "config")
    errors = list(_validator_that_fills_defaults(load()).iter_errors(config))
    if errors:
        raise InputError(sentence(min(errors, key=lambda error: list(map(str, error.path)))))


def _validator_that_fills_defaults(schema: Config) -> jsonschema.Draft202012Validator:
    """Extend jsonschema's validator as its FAQ shows: defaults are set before validating."""
    base = jsonschema.Draft202012Validator
    validate_properties = base.VALIDATORS["properties"]

    def fill_then_validate(
        validator: Any, properties: Config, instance: Any, parent: Config
    ) -> Iterator[jsonschema.ValidationError]:
        if isinstance(instance, dict):
            for key, value in _defaults(schema, properties):
                instance.setdefault(key, value)
        yield from validate_properties(validator, properties, instance, parent)

    def match_to_the_end(
        validator: Any, pattern: str, instance: Any, parent: Config
    ) -> Iterator[jsonschema.ValidationError]:
        """Match a pattern as JSON means it: Python lets `$` stand before a last line break."""
        if isinstance(instance, str) and instance.endswith("\n"):
            yield jsonschema.ValidationError("ends with a line break")
        yield from base.VALIDATORS["pattern"](validator, pattern, instance, parent)

    validators = {"properties": fill_then_validate, "pattern": match_to_the_end}
    # 4.0 is a whole number to JSON, but no text that a flag of whole numbers takes.
    types = base.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return jsonschema.validators.extend(base, validators, type_checker=types)(schema)


def _defaults(schema: Config, properties: Config) -> Iterator[tuple[str, Any]]:
    for key, subschema in properties.items():
        definition = {**resolve(schema, subschema), **subschema}
        if "default" in definition:
            default = definition["default"]
            yield key, default.copy() if isinstance(default, dict | list) else default


def _check_finite(value: Any, key: str) -> None:
    """Refuse .nan and .inf, which pass every bound of a schema."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key} is {value}; give a finite number")
    children = value.items() if isinstance(value, dict) else enumerate(_as_list(value))
    for name, child in children:
        _check_finite(child, f"{key}.{name}")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
