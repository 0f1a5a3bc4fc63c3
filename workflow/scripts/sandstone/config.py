"""Validate a configuration: schema, defaults, and what a schema cannot say."""

import difflib
import glob
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import jsonschema
import yaml

from sandstone.cli import InputError
from sandstone.slice_files import natural_order, slices_in

Config = dict[str, Any]

_TYPE_NAMES = {
    "object": "a mapping of keys",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}

SCHEMA_PATH = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.yaml"


def validate(config: Config, schema_path: Path = SCHEMA_PATH) -> None:
    """Check `config` and fill in the schema's defaults, in place.

    Raises
    ------
    InputError
        Naming the first key that is wrong, and what it should be.
    """
    schema = yaml.safe_load(schema_path.read_text(encoding="utf-8"))
    _check_finite(config, "config")
    errors = list(_validator_that_fills_defaults(schema).iter_errors(config))
    if errors:
        raise InputError(_sentence(min(errors, key=lambda error: list(map(str, error.path)))))
    for check in (_check_samples, _check_pairs, _check_weights, _check_models, _check_evaluation):
        check(config)


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

    return jsonschema.validators.extend(base, {"properties": fill_then_validate})(schema)


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


# --- one sentence for what the schema finds -------------------------------------------


def _sentence(error: jsonschema.ValidationError) -> str:
    key = ".".join(map(str, error.path)) or "the config"
    describe = _DESCRIPTIONS.get(str(error.validator), _describe_any)
    return f"config: {describe(key, error)}"


def _describe_unknown_key(key: str, error: jsonschema.ValidationError) -> str:
    known = list(error.schema.get("properties", {}))
    unknown = min(set(map(str, error.instance)) - set(known))
    where = f"in {key}" if error.path else "at the top"
    close = difflib.get_close_matches(unknown, known, n=1)
    advice = f"did you mean '{close[0]}'?" if close else f"known are {', '.join(known)}"
    return f"unknown key {unknown!r} {where}; {advice}"


def _describe_type(key: str, error: jsonschema.ValidationError) -> str:
    expected = error.validator_value
    names = expected if isinstance(expected, list) else [expected]
    wanted = " or ".join(_TYPE_NAMES[name] for name in names)
    if isinstance(error.instance, str) and _is_number(error.instance):
        return (
            f"{key} is the text {error.instance!r}, not {wanted}; write it in a config file as "
            f"{_yaml_number(error.instance)}, without quotes (--config makes text of nested values)"
        )
    return f"{key} is {error.instance!r}, but must be {wanted}"


def _describe_enum(key: str, error: jsonschema.ValidationError) -> str:
    allowed = ", ".join(map(str, error.validator_value))
    return f"{key} is {error.instance!r}, but must be one of {allowed}"


def _describe_required(key: str, error: jsonschema.ValidationError) -> str:
    missing = next(name for name in error.validator_value if name not in error.instance)
    return f"{key} lacks the key {missing!r}; add it"


def _describe_pattern(key: str, error: jsonschema.ValidationError) -> str:
    if error.validator == "pattern" and "propertyNames" in error.schema_path:
        return f"the name {error.instance!r} in {key} may hold only a-z, 0-9 and _; rename it"
    description = error.schema.get("description", f"it must match {error.validator_value}")
    return f"{key} is {error.instance!r}, which does not fit; {description.strip()}"


def _describe_any(key: str, error: jsonschema.ValidationError) -> str:
    return f"{key}: {error.message}"


_DESCRIPTIONS: dict[str, Callable[[str, jsonschema.ValidationError], str]] = {
    "additionalProperties": _describe_unknown_key,
    "type": _describe_type,
    "enum": _describe_enum,
    "required": _describe_required,
    "pattern": _describe_pattern,
}


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _yaml_number(text: str) -> str:
    mantissa, exponent_sign, exponent = text.lower().partition("e")
    point = mantissa if "." in mantissa else f"{mantissa}.0"
    if not exponent_sign:
        return mantissa
    sign = exponent if exponent.startswith(("+", "-")) else f"+{exponent}"
    return f"{point}e{sign}"


# --- what a schema cannot say -----------------------------------------------------------


def _check_samples(config: Config) -> None:
    for name, sample in config["samples"].items():
        key = f"config: samples.{name}"
        if ("phantom" in sample) == ("path" in sample):
            raise InputError(f"{key} needs either phantom or path, and not both")
        if "phantom" in sample:
            continue
        if "url" in sample and not Path(sample["path"]).is_file():
            _check_download(key, sample)
        _check_raw(key, sample)


def _check_download(key: str, sample: Config) -> None:
    if len(sample.get("sha256", [])) != len(sample["url"]):
        raise InputError(
            f"{key} has {len(sample['url'])} url but {len(sample.get('sha256', []))} sha256; "
            "give one for each, so that a download can be trusted"
        )
    check_inside_data(f"{key}.path", sample["path"])
    if len(sample["url"]) > 1 and PurePosixPath(sample["path"]).suffix:
        raise InputError(
            f"{key}.path is {sample['path']}, but several url make a folder of slices; "
            "name a folder without suffix"
        )


def check_inside_data(key: str, path: str) -> None:
    """Refuse to download to anywhere but data/."""
    parts = PurePosixPath(path).parts
    if len(parts) < 2 or parts[0] != "data" or ".." in parts:
        raise InputError(f"{key} is {path!r}; downloads go inside data/, as in data/raw/rock.tif")


def _check_raw(key: str, sample: Config) -> None:
    if sample["path"].endswith(".raw") and "raw" not in sample:
        raise InputError(f"{key}.path is headerless; give its layout as raw: {{shape, dtype}}")
    if "raw" in sample and not sample["path"].endswith(".raw"):
        raise InputError(f"{key}.raw is for .raw files, but path is {sample['path']}; drop it")


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
        if Path(weights["path"]).is_file():
            continue
        if "url" not in weights:
            raise InputError(
                f"{key} is {weights['path']!r}, where no file is; data/README.md says how to get it"
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
            raise InputError(f"config: {key} names {name!r}, which is not in {section} ({known})")


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
    loss, key = model["loss"], f"config: models.{name}"
    if not any(loss[term] for term in ("pixel", "content", "adversarial")):
        raise InputError(f"{key}.loss has no weight above 0; set pixel to 1.0")
    if loss["adversarial"] and "discriminator" not in model:
        raise InputError(f"{key} has an adversarial loss but no discriminator; add one")
    if not loss["content"]:
        return
    kind = loss["content_kind"]
    if kind == "discriminator_features" and not loss["adversarial"]:
        raise InputError(
            f"{key}.loss.content compares discriminator features, but adversarial is 0; "
            "raise it, or choose another content_kind"
        )
    if kind in {"vgg19", "lpips_alex"} and kind not in config["weights"]:
        raise InputError(f"{key}.loss.content_kind {kind} needs weights.{kind}.path; add it")


def _check_crop(config: Config, name: str) -> None:
    pairs, crop = config["pairs"], config["models"][name]["crop"]
    largest = pairs["hr_size"] // pairs["scale"]
    if crop > largest:
        raise InputError(
            f"config: models.{name}.crop {crop} is larger than an LR tile ({largest} pixels); "
            "lower it"
        )


def _check_evaluation(config: Config) -> None:
    evaluation = config["evaluation"]
    _check_names(config, "evaluation.samples", evaluation["samples"])
    _check_names(config, "evaluation.models", evaluation["models"], section="models")
    for name in evaluation["models"]:
        if name in {"nearest", "bilinear", "bicubic", "lanczos", "hr"}:
            raise InputError(f"config: a model may not be called {name!r}; rename it")
    if 2 * evaluation["border"] >= config["pairs"]["hr_size"]:
        raise InputError(
            f"config: evaluation.border {evaluation['border']} leaves nothing of a tile; lower it"
        )


# --- files that a config names ----------------------------------------------------------


def volume_files(name: str, sample: Config) -> list[str]:
    """Return the files of a sample's volume: those at `path`, else those that `url` will make.

    Raises
    ------
    InputError
        If nothing is at `path` and there is no `url` to fetch it from.
    """
    path = Path(sample["path"])
    if fetched := list(downloads(sample)):
        return sorted(fetched, key=natural_order)
    if path.is_dir() and path.suffix != ".zarr":
        return list(map(str, slices_in(path)))
    if path.exists():
        return [str(path)]
    if found := sorted(glob.glob(str(path)), key=natural_order):
        return found
    raise InputError(
        f"config: samples.{name}.path is {str(path)!r}, where nothing is; "
        "correct it, or give url and sha256"
    )


def downloads(sample: Config) -> dict[str, tuple[str, str]]:
    """Map each file that a sample may fetch to its (url, sha256).

    Empty without `url`, and where `path` is a file of the user's already.
    """
    if "url" not in sample or Path(sample["path"]).is_file():
        return {}
    files = [sample["path"]]
    if len(sample["url"]) > 1:
        files = [f"{sample['path'].rstrip('/')}/{part}" for part in _part_names(sample)]
    return dict(zip(files, zip(sample["url"], sample["sha256"], strict=True), strict=True))


def _part_names(sample: Config) -> list[str]:
    return [PurePosixPath(url).name for url in sample.get("url", [])]


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
