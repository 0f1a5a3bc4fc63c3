"""Which models and samples a config asks for: what nobody asks for stops nobody."""

from typing import Any

from sandstone.choices import FITTED
from sandstone.config.siblings import siblings

Config = dict[str, Any]

DROPPABLE = ("samples", "models", "upscale")


def drop_nulls(config: Config) -> None:
    """Remove samples, models and volumes to upscale that an overlay sets to null, in place.

    What is no mapping is left as it is: the schema says so.
    """
    for section in DROPPABLE if isinstance(config, dict) else ():
        entries = config.get(section)
        if isinstance(entries, dict):
            for name in [name for name, entry in entries.items() if entry is None]:
                del entries[name]


def used_models(config: Config) -> list[str]:
    """Return the models under evaluation, those that upscale, and those that they start from."""
    upscaling = [entry["model"] for entry in config["upscale"].values()]
    models = list(dict.fromkeys(measured_models(config) + upscaling))
    for model in models:
        models += [each for each in parents(config["models"].get(model, {})) if each not in models]
    return models


def measured_models(config: Config) -> list[str]:
    """Return the models under evaluation, each before those that differ in their seed alone."""
    models = config["evaluation"]["models"]
    return [each for name in models for each in (name, *siblings(config, name))]


def parents(model: Config) -> list[str]:
    """Return the models whose weights one starts from, or lies between, the youngest last."""
    if is_interpolated(model):
        return list(model["interpolate"])
    return [model["init_from"]] if "init_from" in model else []


def is_interpolated(model: Config) -> bool:
    """Say whether the entry of a model names two others that it lies between."""
    return "interpolate" in model


def is_trained(model: Config) -> bool:
    """Say whether the entry of a model asks for a training."""
    return not (is_given(model) or is_interpolated(model))


def is_given(model: Config) -> bool:
    """Say whether the entry of a model names trained weights instead of a training."""
    return "weights" in model


def used_samples(config: Config) -> list[str]:
    """Return the samples under evaluation and those that a used model is trained on, sorted."""
    training = (config["models"][model].get("train_on", []) for model in used_models(config))
    measured = config["evaluation"]["samples"]
    return sorted({*measured, *(sample for on in training for sample in on)})


def pairs_of_scans(config: Config) -> list[str]:
    """Return the used samples that have a real coarse scan, and those whose scanner is imitated."""
    samples = used_samples(config)
    pairs = {name for name in samples if "lr" in config["samples"][name]}
    imitated = (degradation_of(config, name) for name in samples if name not in pairs)
    pairs |= {each["from"] for each in imitated if each["kernel"] == FITTED}
    return sorted(pairs)


def degradation_of(config: Config, sample: str) -> Config:
    """Return how LR tiles of a sample are made: its own degradation, or that of all pairs."""
    own: Config = config["samples"][sample]
    return own.get("degradation", config["pairs"]["degradation"])
