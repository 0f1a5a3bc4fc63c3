"""What a user chooses of a network: its options, their checks, and where a model lies."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandstone.errors import InputError, shown
from sandstone.models.architectures import (
    DISCRIMINATORS,
    GENERATORS,
    LACKS,
    LEAST_BLOCKS,
    OF_ONE_SIZE,
    STAGES,
    UPSAMPLING,
)

# Larger ones are no network that this machine, or any, could hold.
MOST = {"blocks": 128, "filters": 512, "upsampling_filters": 512, "layers": 16, "hr_size": 8192}
MOST_NOISE = 0.1  # of the data range


def generator_config(
    *,
    architecture: str = "srresnet",
    scale: int = 4,
    blocks: int = 8,
    filters: int = 32,
    batch_norm: bool = False,
    bicubic_skip: bool = True,
    upsampling: str = "stages",
    upsampling_filters: int | None = None,
    noise: float = 0.0,
) -> dict[str, Any]:
    """Return the checked options of a generator: the content of `generator.json`.

    Raises
    ------
    InputError
        If an option has a value that no generator, or none of this architecture, can have.
    """
    _check_choice("generator architecture", architecture, GENERATORS)
    _check_choice("scale", scale, STAGES)
    _check_positive("generator", blocks=blocks, filters=filters)
    _check_flags("generator", batch_norm=batch_norm, bicubic_skip=bicubic_skip)
    _check_choice("generator upsampling", upsampling, dict.fromkeys(UPSAMPLING))
    if upsampling_filters is not None:
        _check_positive("generator", upsampling_filters=upsampling_filters)
    is_number = isinstance(noise, int | float) and not isinstance(noise, bool)
    if not (is_number and 0 <= noise <= MOST_NOISE):
        raise InputError(f"generator noise is {shown(noise)}: give 0 to {MOST_NOISE}")
    config = {
        "architecture": architecture,
        "scale": scale,
        "blocks": blocks,
        "filters": filters,
        "batch_norm": batch_norm,
        "bicubic_skip": bicubic_skip,
        "upsampling": upsampling,
        "upsampling_filters": upsampling_filters,
        "noise": noise,
    }
    _check_fits(config)
    return config


def discriminator_config(
    *,
    architecture: str = "patch",
    filters: int = 32,
    spectral_norm: bool = True,
    hr_size: int | None = None,
    layers: int = 4,
) -> dict[str, Any]:
    """Return the checked options of a discriminator: the content of `discriminator.json`.

    Raises
    ------
    InputError
        If an option has a value that no discriminator can have, or the notebook's dense
        discriminator lacks the HR edge length that its weights depend on.
    """
    _check_choice("discriminator architecture", architecture, DISCRIMINATORS)
    _check_positive("discriminator", filters=filters, layers=layers)
    _check_flags("discriminator", spectral_norm=spectral_norm)
    if architecture in OF_ONE_SIZE:
        if hr_size is None:
            raise InputError(
                f"discriminator architecture {architecture} has dense layers: give it hr_size, "
                "the edge of its HR images in pixels"
            )
        _check_positive("discriminator", hr_size=hr_size)
    return {
        "architecture": architecture,
        "filters": filters,
        "spectral_norm": spectral_norm,
        "hr_size": hr_size,
        "layers": layers,
    }


def acting(generator: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a generator that act on it, without those that it does not have."""
    idle = {*LACKS.get(generator["architecture"], ())}
    if not generator.get("noise"):
        idle.add("noise")
    return {
        name: value for name, value in generator.items() if name not in idle and value is not None
    }


def between(first: Mapping[str, Any], second: Mapping[str, Any], *, alpha: float) -> dict[str, Any]:
    """Return the options of what lies between two generators that differ in their noise alone."""
    noise = (1 - alpha) * first.get("noise", 0.0) + alpha * second.get("noise", 0.0)
    return {**first, "noise": noise}


def checked(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked options of either network from its JSON.

    Raises
    ------
    InputError
        If the mapping does not describe a network.
    """
    if not isinstance(network, Mapping):
        raise InputError("the network's JSON is no object: train the model again")
    if "scale" in network:
        return checked_generator(network)
    return _checked("discriminator", discriminator_config, network)


def checked_generator(network: Mapping[str, Any]) -> dict[str, Any]:
    """Return the checked options of a generator from its JSON; see `checked`."""
    return _checked("generator", generator_config, network)


def generator_files(model_dir: str | Path) -> tuple[Path, Path]:
    """Return the files that make up a trained generator: its description and its weights."""
    return Path(model_dir) / "generator.json", Path(model_dir) / "generator.weights.h5"


def _checked(
    what: str, check: Callable[..., dict[str, Any]], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Return `check(**options)`, with one sentence for an option that does not exist."""
    try:
        return check(**options)
    except TypeError as error:
        reason = str(error).split("() ")[-1]
        raise InputError(
            f"the {what}'s JSON is of another program or version ({reason}): train the model again"
        ) from error


def _check_fits(config: Mapping[str, Any]) -> None:
    """Refuse options that the architecture has no use for, since they would be without effect."""
    name, defaults = config["architecture"], generator_config.__kwdefaults__ or {}
    for option in LACKS.get(name, ()):
        if config[option] != defaults[option]:
            raise InputError(f"generator architecture {name} has no {option}: leave it out")
    if config["upsampling"] == "direct" and config["upsampling_filters"]:
        raise InputError("generator upsampling direct has no upsampling_filters: leave it out")
    least = LEAST_BLOCKS.get(name, 1)
    if config["blocks"] < least:
        raise InputError(
            f"generator blocks is {config['blocks']}: architecture {name} needs {least} or more"
        )


def _check_choice(what: str, value: object, choices: Mapping[Any, Any]) -> None:
    if not any(value is each or (type(value) is type(each) and value == each) for each in choices):
        raise InputError(f"{what} is {shown(value)}: choose one of {', '.join(map(str, choices))}")


def _check_positive(network: str, **values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise InputError(f"{network} {name} is {shown(value)}: give a whole number above 0")
        if value > MOST[name]:
            raise InputError(f"{network} {name} is {shown(value)}: give at most {MOST[name]}")


def _check_flags(network: str, **values: object) -> None:
    for name, value in values.items():
        if not isinstance(value, bool):
            raise InputError(f"{network} {name} is {shown(value)}: give true or false")
