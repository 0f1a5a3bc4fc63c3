"""Validate a configuration: the schema, its defaults, and what a schema cannot say."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sandstone.choices import FITTED
from sandstone.config import given, schema, validity
from sandstone.config.coarse import check_pair, share_scans, write_out_registrations
from sandstone.config.paths import check_inside_data, check_path, home_advice
from sandstone.config.plain_yaml import check_keys
from sandstone.config.siblings import add_siblings, volumes_with_siblings
from sandstone.config.sources import check_same_downloads, check_source
from sandstone.config.used import drop_nulls, is_given, is_interpolated, is_trained, used_models
from sandstone.errors import InputError, shortened, shown

Config = dict[str, Any]

TILE = {"z": 256, "mean": 128}  # cubes hold more than squares


def validate(config: Config, base: Config | None = None) -> None:
    """Check `config`, drop what is null and fill in the schema's defaults, in place.

    `base` is what lies under every overlay: config.yaml as it is in the file.

    Raises
    ------
    InputError
        Naming the first key that is wrong, and what it should be.
    """
    check_keys(config, "config")
    drop_nulls(config)
    given.add_pretrained(config)
    given.replace_trainings(config, base or {})
    given.check_alone(config)
    add_siblings(config)
    share_scans(config)
    write_out_registrations(config)
    schema.complete(config)
    _check_samples(config)
    _check_pairs(config)
    _check_weights(config)
    _check_evaluation(config)
    _check_upscale(config)
    _check_models(config)
    check_same_downloads(config)


def _check_samples(config: Config) -> None:
    for name, sample in config["samples"].items():
        key = f"config: samples.{name}"
        if ("phantom" in sample) == ("path" in sample):
            raise InputError(f"{key} needs either phantom or path, and not both")
        if "phantom" not in sample:
            check_source(key, sample)
        check_pair(key, sample, config["pairs"]["scale"])
        if "degradation" in sample:
            _check_fitted(config, f"samples.{name}.degradation", sample["degradation"])


def _check_pairs(config: Config) -> None:
    pairs = config["pairs"]
    for key in ("hr_size", "stride"):
        validity.check_multiple(f"config: pairs.{key}", pairs[key], "pairs.scale", pairs["scale"])
    total = sum(pairs["split"].values())
    if abs(total - 1) > 1e-6:
        raise InputError(f"config: pairs.split adds up to {total:g}; make it 1")
    validity.check_window("config: slices.window", config["slices"]["window"])
    _check_fitted(config, "pairs.degradation", pairs["degradation"])


def _check_fitted(config: Config, section: str, degradation: Config) -> None:
    """Refuse a fitted degradation that is from no pair of scans."""
    if degradation["kernel"] != FITTED:
        return
    key, pair = f"{section}.from", degradation.get("from")
    pairs = [name for name, sample in config["samples"].items() if "lr" in sample]
    known = f"pairs: {shortened(', '.join(pairs))}" if pairs else "no sample has lr"
    if pair is None:
        raise InputError(f"config: {key} is missing, and kernel is fitted; name a pair ({known})")
    _check_names(config, key, [pair])
    if pair not in pairs:
        raise InputError(
            f"config: {key} names {shown(pair)}, which has no coarse scan; give it lr, or name a "
            f"pair ({known})"
        )


def _check_weights(config: Config) -> None:
    """Refuse files of weights that are used and are neither there nor to be had.

    Those of LPIPS measure; the others are asked for by the content loss of their name.
    """
    entries = [config["models"].get(name, {}) for name in used_models(config)]
    used = {"lpips_alex", *(entry.get("loss", {}).get("content_kind") for entry in entries)}
    for name, weights in config["weights"].items():
        key = f"config: weights.{name}.path"
        check_path(key, weights["path"])
        if Path(weights["path"]).is_file():
            continue
        if "url" in weights:
            check_inside_data(key, weights["path"])
        elif name in used:
            raise InputError(
                f"{key} is {shown(weights['path'])}, where no file is; "
                f"{home_advice(weights['path'])}data/README.md says how to get it"
            )


def _check_models(config: Config) -> None:
    """Refuse used models that cannot be trained or taken; those of config.yaml may not fit."""
    names = used_models(config)
    entries = {name: config["models"].get(name, {}) for name in names}
    for name in names:
        if is_given(entries[name]):
            given.check(config, name)
    _check_back_projection(config)
    between = [name for name in names if is_interpolated(entries[name])]
    for name in between:
        _check_ends(config, name)
    for name in names:
        if is_trained(entries[name]):
            _check_training(config, name)
    for name in between:
        _check_line(config, name)


def _check_ends(config: Config, name: str) -> None:
    """Refuse a model between others that are none, or lie between others themselves."""
    key, ends = f"models.{name}.interpolate", config["models"][name]["interpolate"]
    _check_names(config, key, ends, section="models")
    for end in ends:
        if is_interpolated(config["models"][end]):
            raise InputError(f"config: {key} names {end}, which lies between others; name its ends")


def _check_line(config: Config, name: str) -> None:
    """Refuse a model between strangers, where the mean of weights is noise."""
    key, (first, second) = f"models.{name}.interpolate", config["models"][name]["interpolate"]
    if first not in _line(config, second):
        raise InputError(
            f"config: {key} names {first} and {second}, but {second} does not start from {first} "
            "(init_from), and between strangers lies no network; name a model and what started "
            "from it, in this order"
        )


def _line(config: Config, name: str) -> list[str]:
    """Return a model and those that it starts from, the youngest first."""
    parent = config["models"][name].get("init_from")
    return [name, *_line(config, parent)] if parent else [name]


def _check_back_projection(config: Config) -> None:
    """Refuse to project back by a degradation that nobody knows."""
    if not config["inference"]["back_projection"]:
        return
    for volume, entry in config["upscale"].items():
        if not is_trained(config["models"].get(entry["model"], {})):
            raise InputError(
                f"config: inference.back_projection acts on upscale.{volume} too, but its model "
                f"{entry['model']} is not trained here, so how its LR was made is unknown; set it "
                "to 0, or train a model from it with init_from"
            )


def _check_training(config: Config, name: str) -> None:
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
        if difference := _difference(
            given.generator(config, parent), given.generator(config, name)
        ):
            raise InputError(
                f"config: models.{name} starts from {parent}, whose generator differs "
                f"({difference}); make them equal"
            )
        chain.append(parent)


def _difference(first: Mapping[str, Any], second: Mapping[str, Any]) -> str:
    """Return in what two generators differ; the noise that one adds is no matter of its weights."""
    return ", ".join(
        f"{key}: {first.get(key)} against {second.get(key)}"
        for key in sorted((first.keys() | second.keys()) - {"noise"})
        if first.get(key) != second.get(key)
    )


def _check_losses(config: Config, name: str) -> None:
    model = config["models"][name]
    if model["loss"]["adversarial"] and "discriminator" not in model:
        raise InputError(
            f"config: models.{name} has an adversarial loss but no discriminator; add one"
        )
    validity.check_losses(model["loss"], config["weights"], key=_key_of(name), start="config: ")


def _check_crop(config: Config, name: str) -> None:
    pairs, crop = config["pairs"], config["models"][name]["crop"]
    largest = pairs["hr_size"] // pairs["scale"]
    validity.check_crop(crop, largest, key=_key_of(name), start="config: ")


def _key_of(model: str) -> validity.Key:
    """Return how the config calls the settings of a model, and the weights beside it."""

    def key(setting: str) -> str:
        return f"{setting}.path" if setting.startswith("weights.") else f"models.{model}.{setting}"

    return key


def _check_evaluation(config: Config) -> None:
    evaluation = config["evaluation"]
    _check_names(config, "evaluation.samples", evaluation["samples"])
    _check_names(config, "evaluation.models", evaluation["models"], section="models")
    baselines = schema.load()["$defs"]["evaluation"]["properties"]["baselines"]["items"]["enum"]
    if evaluation.get("recommended") not in (None, *evaluation["models"]):
        raise InputError(
            f"config: evaluation.recommended is {shown(evaluation['recommended'])}, which "
            "evaluation.models does not measure; name one of these"
        )
    for name in config["models"]:
        if name in {*baselines, "hr"}:
            raise InputError(f"config: a model may not be called {name!r}; rename it")
    validity.check_border(
        "config: evaluation.border",
        evaluation["border"],
        config["pairs"]["hr_size"],
        lpips="lpips_alex" in config["weights"],
    )


def _check_upscale(config: Config) -> None:
    """Refuse volumes that cannot be upscaled; fill in the tile that suits the axes."""
    for name, entry in config["upscale"].items():
        key = f"upscale.{name}"
        if "sha256" in entry and "url" not in entry:
            raise InputError(f"config: {key}.sha256 stands without url; give both, or neither")
        check_source(f"config: {key}", entry)
        _check_names(config, f"{key}.model", [entry["model"]], section="models")
        if "hr" in entry:
            _check_names(config, f"{key}.hr", [entry["hr"]])
        if entry["spread"] and len(volumes_with_siblings(config, name)) < 2:
            raise InputError(
                f"config: {key}.spread needs trainings to compare; give models.{entry['model']} "
                "several seeds, or take spread out"
            )
        if "window" in entry and "levels" in entry:
            raise InputError(f"config: {key} has both window and levels; keep one of them")
        if "window" in entry:
            validity.check_window(f"config: {key}.window", entry["window"])
        if "levels" in entry:
            validity.check_levels(f"config: {key}.levels", entry["levels"])
        entry.setdefault("tile", TILE[entry["axes"]])
