"""Models of a config that were trained before: what may stand beside them, and their folder."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandstone.config.paths import check_inside_data, check_path, home_advice
from sandstone.config.used import is_given, is_interpolated
from sandstone.errors import InputError, shortened, shown
from sandstone.models import folder, options
from sandstone.priors import published

Config = dict[str, Any]

OWN = {"weights", "published"}  # the keys of a given model
READERS = ("h5py", "numpy")

# Models that come with this project: named as a folder at its top, wherever a study lies.
PRETRAINED = Path(__file__).resolve().parents[4] / "pretrained"
PREFIX = f"{PRETRAINED.name}/"


def add_pretrained(config: Any) -> None:
    """Let models that come with this project be named where models are named, in place.

    `pretrained/sandstone_x4` becomes the model `sandstone_x4`, given by its folder. What is no
    mapping is left as it is: the schema says so.

    Raises
    ------
    InputError
        If no such model is there, or another model of the config has its name.
    """
    if not isinstance(config, dict):
        return
    for name in _names_of_models(config):
        if isinstance(name, str) and name.startswith(PREFIX):
            _add(config, name.removeprefix(PREFIX))
    for entry, key in _uses(config):
        named = entry[key]
        entry[key] = [_bare(each) for each in named] if isinstance(named, list) else _bare(named)


def _names_of_models(config: Config) -> list[Any]:
    named = [entry[key] for entry, key in _uses(config)]
    return [name for each in named for name in (each if isinstance(each, list) else [each])]


def _uses(config: Config) -> list[tuple[Config, str]]:
    """Return where models are named: the mapping and its key."""

    def entries(section: str) -> list[Config]:
        found = config.get(section)
        values = found.values() if isinstance(found, dict) else ()
        return [each for each in values if isinstance(each, dict)]

    uses = [(entry, "model") for entry in entries("upscale")]
    uses += [(entry, key) for entry in entries("models") for key in ("init_from", "interpolate")]
    evaluation = config.get("evaluation")
    if isinstance(evaluation, dict):
        uses += [(evaluation, "models"), (evaluation, "recommended")]
    return [(entry, key) for entry, key in uses if key in entry]


def _bare(name: Any) -> Any:
    return name.removeprefix(PREFIX) if isinstance(name, str) else name


def _add(config: Config, name: str) -> None:
    folder, models = PRETRAINED / name, config.setdefault("models", {})
    known = sorted(each.parent.name for each in PRETRAINED.glob("*/generator.json"))
    if name not in known:
        raise InputError(
            f"config: {shown(PREFIX + name)} is no model that comes with this project; choose from "
            f"{', '.join(PREFIX + each for each in known)}"
        )
    if isinstance(models, dict) and models.setdefault(name, own := {"weights": str(folder)}) != own:
        raise InputError(
            f"config: models.{name} has the name of {PREFIX}{name}, which the config uses too; "
            "give it another name"
        )


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
        for key in [key for key in below if key not in OWN and model.get(key) == below[key]]:
            model.pop(key, None)


def check_alone(config: Config) -> None:
    """Refuse settings of a training beside the folder of a model that has had its training.

    Raises
    ------
    InputError
        Naming the model and these settings.
    """
    for name, model in _given_of(config):
        if others := sorted(map(str, model.keys() - OWN)):
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
    if is_to_fetch(config["models"][name]):
        _check_published(key, path, config["pairs"]["scale"])
        return
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


def is_to_fetch(model: Config) -> bool:
    """Say whether the folder of a model is still to be made from what others published."""
    return "published" in model and not folder.holds_generator(model["weights"])


def _check_published(key: str, path: str, scale: int) -> None:
    check_inside_data(key, path)
    if scale not in published.SCALES:
        raise InputError(
            f"{key} is to be made from a published network, which there is for the scales "
            f"{', '.join(map(str, published.SCALES))}, while pairs.scale is {scale}"
        )


def generator(config: Config, name: str) -> dict[str, Any]:
    """Return the options of a model's generator without its scale: of the config or the folder.

    Raises
    ------
    InputError
        If the folder of a given model holds no description of a generator.
    """
    model = config["models"][name]
    if is_interpolated(model):
        first, second = (generator(config, end) for end in model["interpolate"])
        return options.between(first, second, alpha=model["alpha"])
    if not is_given(model):
        return model["generator"]
    if is_to_fetch(model):
        found = options.generator_config(**published.generator(config["pairs"]["scale"]))
    else:
        found = folder.generator_of(model["weights"])
    return {key: value for key, value in found.items() if key != "scale"}
