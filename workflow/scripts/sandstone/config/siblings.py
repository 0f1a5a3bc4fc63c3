"""Trainings of one model that differ in their seed alone: the spread between them is luck."""

from typing import Any

from sandstone.errors import InputError

Config = dict[str, Any]


def add_siblings(config: Config) -> None:
    """Add a model for each further seed of a model with `seeds`, in place.

    The first seed is the model's own. A volume to upscale that asks for the `spread` between them
    has one more volume for each. What is no mapping is left as it is: the schema says so.

    Raises
    ------
    InputError
        If a model or a volume of the config has the name of a sibling, and is another.
    """
    models, volumes = (
        config.get(section) if isinstance(config, dict) else None
        for section in ("models", "upscale")
    )
    if not isinstance(models, dict):
        return
    for name, model in [*models.items()]:
        for seed in _further_seeds(model):
            _add(models, f"models.{name}", name_of(name, seed), {**model, "seeds": [seed]})
    for name, entry in [*volumes.items()] if isinstance(volumes, dict) else ():
        if isinstance(entry, dict) and entry.get("spread"):
            kept = {key: value for key, value in entry.items() if key != "hr"}
            kept |= {"formats": ["zarr"], "spread": False}
            for seed in _seeds_of_volume(entry, models):
                own = {**kept, "model": name_of(entry["model"], seed)}
                _add(volumes, f"upscale.{name}", name_of(name, seed), own)


def _add(entries: Any, asking: str, name: str, own: Config) -> None:
    """Add the entry of a sibling, or refuse another one of its name."""
    section, _, first = asking.partition(".")
    if entries.setdefault(name, own) != own:
        raise InputError(
            f"config: {section}.{name} has the name of {first} with another seed, which {asking} "
            "asks for; give it another name"
        )


def _seeds_of_volume(entry: Config, models: Config) -> list[Any]:
    model = entry.get("model")
    return _further_seeds(models.get(model)) if isinstance(model, str) else []


def volumes_with_siblings(config: Config, volume: str) -> list[str]:
    """Return a volume to upscale, and those that differ from it in the seed of the model alone."""
    entry = config["upscale"][volume]
    further = _seeds_of_volume(entry, config["models"]) if entry["spread"] else []
    return [volume, *(name_of(volume, seed) for seed in further)]


def name_of(name: str, seed: int) -> str:
    """Return the name of a model, or a volume by it, with another seed than its first."""
    return f"{name}_seed{seed}"


def siblings(config: Config, model: str) -> list[str]:
    """Return the models that differ from one in their seed alone."""
    return [name_of(model, seed) for seed in _further_seeds(config["models"].get(model))]


def seed_of(config: Config, model: str) -> int:
    """Return the seed of a training: the model's first, or that of the workflow."""
    first, *_ = config["models"][model].get("seeds", [config["seed"]])
    return int(first)


def _further_seeds(model: Any) -> list[Any]:
    seeds = model.get("seeds") if isinstance(model, dict) else None
    return seeds[1:] if isinstance(seeds, list) else []
