"""Validate a configuration: schema, defaults, and what a schema cannot say."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import yaml

from sandstone.config import rules, upscale
from sandstone.config.paths import check_inside_data, check_path
from sandstone.config.plain_yaml import check_values
from sandstone.config.sentences import sentence
from sandstone.config.sources import check_same_downloads, check_source
from sandstone.errors import InputError, shortened, shown

Config = dict[str, Any]

SCHEMA_PATH = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"


def validate(config: Config, schema_path: Path = SCHEMA_PATH) -> None:
    """Check `config` and fill in the schema's defaults, in place.

    Raises
    ------
    InputError
        Naming the first key that is wrong, and what it should be.
    """
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    check_values(config, "config")
    _check_finite(config, "config")
    errors = list(_validator_that_fills_defaults(schema).iter_errors(config))
    if errors:
        raise InputError(sentence(min(errors, key=lambda error: list(map(str, error.path)))))
    for check in (_check_samples, _check_pairs, _check_weights, _check_models, _check_evaluation):
        check(config)
    upscale.check(config)
    check_same_downloads(config)


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

    validators = {
        "properties": fill_then_validate,
        "pattern": match_to_the_end,
        "uniqueItems": _validate_unique,
    }
    # 4.0 is a whole number to JSON, but no text that a flag of whole numbers takes.
    types = base.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    return jsonschema.validators.extend(base, validators, type_checker=types)(schema)


def _validate_unique(
    _validator: Any, unique: Any, instance: Any, _schema: Config
) -> Iterator[jsonschema.ValidationError]:
    """Find repetitions in a time that does not grow with the square of a list."""
    if not (unique and isinstance(instance, list)):
        return
    seen: set[str] = set()
    for value in map(repr, instance):
        if value in seen:
            yield jsonschema.ValidationError(f"{shown(instance)} names {value[:80]} twice")
            return
        seen.add(value)


def _defaults(schema: Config, properties: Config) -> Iterator[tuple[str, Any]]:
    for key, subschema in properties.items():
        definition = resolve(schema, subschema)
        if "default" in definition:
            default = definition["default"]
            yield key, default.copy() if isinstance(default, dict | list) else default


def resolve(schema: Config, subschema: Config) -> Config:
    """Follow a `$ref` to `#/$defs/...` once; anything else is returned as it is."""
    reference = subschema.get("$ref")
    if reference is None:
        return subschema
    return schema["$defs"][PurePosixPath(reference).name]


def _check_finite(value: Any, key: str) -> None:
    """Refuse .nan and .inf, which pass every bound of a schema."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{key} is {value}; give a finite number")
    children = value.items() if isinstance(value, dict) else enumerate(_as_list(value))
    for name, child in children:
        _check_finite(child, f"{key}.{name}")


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


# --- what a schema cannot say -----------------------------------------------------------


def _check_samples(config: Config) -> None:
    for name, sample in config["samples"].items():
        key = f"config: samples.{name}"
        if ("phantom" in sample) == ("path" in sample):
            raise InputError(f"{key} needs either phantom or path, and not both")
        if "phantom" in sample:
            continue
        check_source(key, sample)


def _check_pairs(config: Config) -> None:
    pairs = config["pairs"]
    size, scale = pairs["hr_size"], pairs["scale"]
    if size % scale:
        raise InputError(
            f"config: pairs.hr_size {size} is not a multiple of pairs.scale {scale}; "
            f"use {size - size % scale} or {size + scale - size % scale}"
        )
    if pairs["stride"] % scale:
        raise InputError(
            f"config: pairs.stride {pairs['stride']} is not a multiple of pairs.scale {scale}; "
            f"use {pairs['stride'] + scale - pairs['stride'] % scale}"
        )
    total = sum(pairs["split"].values())
    if abs(total - 1) > 1e-6:
        raise InputError(f"config: pairs.split adds up to {total:g}; make it 1")
    low, high = config["slices"]["window"]
    if low >= high:
        raise InputError(f"config: slices.window {[low, high]} is empty; give low before high")


def _check_weights(config: Config) -> None:
    for name, weights in config["weights"].items():
        key = f"config: weights.{name}.path"
        check_path(key, weights["path"])
        if Path(weights["path"]).is_file():
            continue
        if "url" not in weights:
            raise InputError(
                f"{key} is {shown(weights['path'])}, where no file is; "
                "data/README.md says how to get it"
            )
        check_inside_data(key, weights["path"])


def _check_models(config: Config) -> None:
    for name in config["models"]:
        _check_names(config, f"models.{name}.train_on", config["models"][name]["train_on"])
        _check_init(config, name)
        _check_losses(config, name)
        _check_crop(config, name)


def _check_names(config: Config, key: str, names: list[str], section: str = "samples") -> None:
    for name in names:
        if name not in config[section]:
            known = ", ".join(config[section])
            raise InputError(
                f"config: {key} names {shown(name)}, which is not in {section} ({shortened(known)})"
            )


def _check_init(config: Config, name: str) -> None:
    models = config["models"]
    chain = [name]
    while parent := models[chain[-1]].get("init_from"):
        _check_names(config, f"models.{chain[-1]}.init_from", [parent], section="models")
        if parent in chain:
            circle = " -> ".join([*chain, parent])
            raise InputError(f"config: init_from runs in a circle ({circle}); break it")
        if difference := _difference(models[parent]["generator"], models[name]["generator"]):
            raise InputError(
                f"config: models.{name} starts from {parent}, whose generator differs "
                f"({difference}); make them equal"
            )
        chain.append(parent)


def _difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{key}: {first.get(key)} against {second.get(key)}"
        for key in sorted(first.keys() | second.keys())
        if first.get(key) != second.get(key)
    )


def _check_losses(config: Config, name: str) -> None:
    model = config["models"][name]
    if model["loss"]["adversarial"] and "discriminator" not in model:
        raise InputError(
            f"config: models.{name} has an adversarial loss but no discriminator; add one"
        )
    rules.check_losses(model["loss"], config["weights"], key=_key_of(name), start="config: ")


def _check_crop(config: Config, name: str) -> None:
    pairs, crop = config["pairs"], config["models"][name]["crop"]
    largest = pairs["hr_size"] // pairs["scale"]
    rules.check_crop(crop, largest, key=_key_of(name), start="config: ")


def _key_of(model: str) -> rules.Key:
    """Return how the config calls the settings of a model, and the weights beside it."""

    def key(setting: str) -> str:
        return f"{setting}.path" if setting.startswith("weights.") else f"models.{model}.{setting}"

    return key


def _check_evaluation(config: Config) -> None:
    evaluation = config["evaluation"]
    _check_names(config, "evaluation.samples", evaluation["samples"])
    _check_names(config, "evaluation.models", evaluation["models"], section="models")
    for name in config["models"]:
        if name in {"nearest", "bilinear", "bicubic", "lanczos", "hr"}:
            raise InputError(f"config: a model may not be called {name!r}; rename it")
    if 2 * evaluation["border"] >= config["pairs"]["hr_size"]:
        raise InputError(
            f"config: evaluation.border {evaluation['border']} leaves nothing of a tile; lower it"
        )
