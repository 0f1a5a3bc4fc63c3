"""Models of a config that were trained before: what may stand beside them, and their folder."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandstone.config.paths import check_path, home_advice
from sandstone.config.used import is_given
from sandstone.errors import InputError, shortened, shown
from sandstone.models import folder

Config = dict[str, Any]

READERS = ("h5py", "numpy")


def replace_trainings(config: Config, base: Config) -> None:
    """Let the folder of a model take the place of a training that lies under it, in place.

    Snakemake merges what an overlay says of a model with what config.yaml says under that name.
    As with `check_alone`, the schema comes later, which would fill in defaults and refuses what
    is no mapping.

    Parameters
    ----------
    config : dict
        With the overlays.
    base : dict
        What lies under every overlay, as it is in the file.
    """
    for name, model in _given_of(config):
        below = base.get("models", {}).get(name, {})
        for key in [key for key in below if key != "weights" and model.get(key) == below[key]]:
            model.pop(key, None)


def check_alone(config: Config) -> None:
    """Refuse settings of a training beside the folder of a model that has had its training.

    Raises
    ------
    InputError
        Naming the model and these settings.
    """
    for name, model in _given_of(config):
        if others := sorted(map(str, model.keys() - {"weights"})):
            raise InputError(
                f"config: models.{name} has weights, so it is never trained, but also "
                f"{shortened(', '.join(others))}; remove these, or, where they are those of a "
                f"model {name} in another config file, give it a name that no other file has"
            )


def _given_of(config: Config) -> list[tuple[str, Config]]:
    models = config.get("models") if isinstance(config, dict) else None
    entries = models.items() if isinstance(models, dict) else ()
    return [(name, entry) for name, entry in entries if isinstance(entry, dict) and is_given(entry)]


def check(config: Config, name: str) -> None:
    """Refuse a given model whose folder is not there, not whole, or of another scale.

    Where Python lacks a library of the jobs, as it may with `--use-conda`, what is in the weights
    is left to the job that takes them.

    Raises
    ------
    InputError
        Naming the key and what is wrong.
    """
    key = f"config: models.{name}.weights"
    path = config["models"][name]["weights"]
    check_path(key, path)
    if not Path(path).is_dir():
        kind = "which is no folder" if Path(path).exists() else "where nothing is"
        raise InputError(
            f"{key} is {shown(path)}, {kind}; {home_advice(path)}name the folder of a trained "
            "model, such as results/models/srgan of another study"
        )
    try:
        own = folder.check(path, weights=all(map(find_spec, READERS)))["scale"]
    except (InputError, OSError) as error:
        raise InputError(f"{key}: {error}") from error
    if own != config["pairs"]["scale"]:
        raise InputError(
            f"{key} is {shown(path)}, which enlarges by {own}, while pairs.scale is "
            f"{config['pairs']['scale']}; set pairs.scale to {own}, or give another model"
        )


def generator(config: Config, name: str) -> dict[str, Any]:
    """Return the options of a model's generator without its scale: of the config or the folder.

    Raises
    ------
    InputError
        If the folder of a given model holds no description of a generator.
    """
    model = config["models"][name]
    if not is_given(model):
        return model["generator"]
    options = folder.generator_of(model["weights"])
    return {key: value for key, value in options.items() if key != "scale"}
