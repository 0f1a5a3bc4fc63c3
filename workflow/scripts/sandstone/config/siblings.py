"""Trainings of one model that differ in their seed alone: the spread between them is luck."""

from typing import Any

from sandstone.errors import InputError

Config = dict[str, Any]


def add_siblings(config: Config) -> None:
    """Add a model for each further seed of a model with `seeds`, in place.

    The first seed is the model's own. What is no mapping is left as it is: the schema says so.

    Raises
    ------
    InputError
        If a model of the config has the name of a sibling, and is another.
    """
    models = config.get("models") if isinstance(config, dict) else None
    if not isinstance(models, dict):
        return
    for name, model in [*models.items()]:
        for seed in _further_seeds(model):
            sibling, own = name_of(name, seed), {**model, "seeds": [seed]}
            if models.setdefault(sibling, own) != own:
                raise InputError(
                    f"config: models.{sibling} has the name of {name} with seed {seed}, which "
                    f"models.{name}.seeds asks for; give it another name"
                )


def name_of(model: str, seed: int) -> str:
    """Return the name of a model with another seed than its first."""
    return f"{model}_seed{seed}"


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
