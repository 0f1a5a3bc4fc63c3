"""What a network is made of, in plain Python: options, layers, parameters, receptive field.

Figures and tile halos need to know a network without loading TensorFlow. `networks.py`
builds the same layers under the same names; a contract test holds the two together.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandstone.errors import InputError, shown

# Factors by which the upsampling stages enlarge, one after another.
STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}

# Half width of the bicubic kernel, LR pixels.
BICUBIC_RADIUS = 2

# Larger ones are no network that this machine, or any, could hold.
MOST = {"blocks": 128, "filters": 512, "layers": 16, "hr_size": 8192}

PATCH_KERNEL = 4
NOTEBOOK_DENSE_UNITS = 1024


@dataclass(frozen=True)
class Row:
    """One step of a network, as a diagram shows it.

    `parameters` counts all `repeat` copies, those that training does not touch included.
    `output_scale` is the edge length after the step relative to the network's input.
    `skip_from` names the step whose output an addition takes as its second term.
    """

    name: str
    kind: str
    filters: int
    kernel: int | None = None
    stride: int = 1
    repeat: int = 1
    output_scale: float = 1
    parameters: int = 0
    skip_from: str | None = None


def generator_config(
    *,
    architecture: str = "srresnet",
    scale: int = 4,
    blocks: int = 8,
    filters: int = 32,
    batch_norm: bool = False,
    bicubic_skip: bool = True,
) -> dict[str, Any]:
    """Return the checked options of a generator: the content of `generator.json`.

    Raises
    ------
    InputError
        If an option has a value that no generator can have.
    """
    _check_choice("generator architecture", architecture, GENERATORS)
    _check_choice("scale", scale, STAGES)
    _check_positive("generator", blocks=blocks, filters=filters)
    _check_flags("generator", batch_norm=batch_norm, bicubic_skip=bicubic_skip)
    return {
        "architecture": architecture,
        "scale": scale,
        "blocks": blocks,
        "filters": filters,
        "batch_norm": batch_norm,
        "bicubic_skip": bicubic_skip,
    }


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
    if architecture == "notebook":
        if hr_size is None:
            raise InputError(
                "discriminator architecture notebook has dense layers: give it hr_size, the edge "
                "of its HR images in pixels"
            )
        _check_positive("discriminator", hr_size=hr_size)
    return {
        "architecture": architecture,
        "filters": filters,
        "spectral_norm": spectral_norm,
        "hr_size": hr_size,
        "layers": layers,
    }


def generator_files(model_dir: str | Path) -> tuple[Path, Path]:
    """Return the files that make up a trained generator: its description and its weights."""
    return Path(model_dir) / "generator.json", Path(model_dir) / "generator.weights.h5"


def describe(network: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a network's steps from its JSON, from input to output.

    Parameters
    ----------
    network : mapping
        Content of `generator.json` or `discriminator.json`. The empty mapping, which stands
        for "no discriminator", has no steps.

    Returns
    -------
    list of dict
        The fields of `Row`, one dict a step.

    Raises
    ------
    InputError
        If the mapping does not describe a network.
    """
    return [asdict(row) for row in rows(network)]


def parameter_count(network: Mapping[str, Any]) -> int:
    """Return how many numbers a network's weights hold, running averages included."""
    return sum(row.parameters for row in rows(network))


def receptive_field(generator: Mapping[str, Any]) -> int:
    """Return how many LR pixels around its own an HR pixel depends on.

    Parameters
    ----------
    generator : mapping
        Content of `generator.json`.

    Returns
    -------
    int
        Radius r in LR pixels: the HR pixels that LR pixel i covers depend on LR pixels
        i - r to i + r only. A tile with this halo gives the same result as the whole image.
    """
    config = _checked("generator", generator_config, generator)
    low, high = 0, config["scale"] - 1
    for row in reversed(rows(config)):
        if row.kind in ("pixel_shuffle", "upsample"):
            low, high = low // row.stride, high // row.stride
        elif row.kernel is not None:
            convolutions = 2 if row.kind == "residual_block" else 1
            reach = row.kernel // 2 * convolutions * row.repeat
            low, high = low - reach, high + reach
    bicubic = BICUBIC_RADIUS if config["bicubic_skip"] else 0
    return max(-low, high, bicubic)


def rows(network: Mapping[str, Any]) -> list[Row]:
    """Return a network's steps as `Row`s; see `describe`."""
    if not isinstance(network, Mapping):
        raise InputError("the network's JSON is no object: train the model again")
    if not network:
        return []
    if "scale" in network:
        config = _checked("generator", generator_config, network)
        return GENERATORS[config["architecture"]](config)
    config = _checked("discriminator", discriminator_config, network)
    return DISCRIMINATORS[config["architecture"]](config)


def discriminator_widths(filters: int, layers: int) -> list[int]:
    """Return the filters of each level: doubled from level to level, at most 8 times the first."""
    return [filters * min(2**level, 8) for level in range(layers)]


def _srresnet(config: dict[str, Any]) -> list[Row]:
    filters = config["filters"]
    steps = [*_head(filters, kernel=3), *_body(config)]
    size = 1
    for number, factor in enumerate(STAGES[config["scale"]], start=1):
        steps.append(_conv(f"up_{number}_conv", filters, filters * factor**2, 3, output_scale=size))
        size *= factor
        steps.append(Row(f"up_{number}_shuffle", "pixel_shuffle", filters, None, factor, 1, size))
        steps.append(_prelu(f"up_{number}_prelu", filters, size))
    return [*steps, *_tail(config, filters, kernel=3)]


def _notebook_generator(config: dict[str, Any]) -> list[Row]:
    inputs, wide = config["filters"], 4 * config["filters"]
    steps = [*_head(inputs, kernel=9), *_body(config)]
    size = 1
    for number, factor in enumerate(STAGES[config["scale"]], start=1):
        steps.append(_conv(f"up_{number}_conv", inputs, wide, 3, output_scale=size))
        size *= factor
        steps.append(Row(f"up_{number}_nearest", "upsample", wide, None, factor, 1, size))
        steps.append(_prelu(f"up_{number}_prelu", wide, size))
        inputs = wide
    return [*steps, *_tail(config, wide, kernel=9)]


def _head(filters: int, kernel: int) -> list[Row]:
    return [
        Row("input", "input", 1),
        _conv("head", 1, filters, kernel),
        _prelu("head_prelu", filters, 1),
    ]


def _body(config: dict[str, Any]) -> list[Row]:
    filters, blocks, batch_norm = config["filters"], config["blocks"], config["batch_norm"]
    each = 2 * _conv("", filters, filters, 3).parameters + filters
    each += 2 * 4 * filters if batch_norm else 0
    steps = [
        Row("block", "residual_block", filters, 3, repeat=blocks, parameters=blocks * each),
        _conv("body", filters, filters, 3),
    ]
    if batch_norm:
        steps.append(_batch_norm("body_norm", filters))
    return [*steps, Row("long_skip", "add", filters, skip_from="head_prelu")]


def _tail(config: dict[str, Any], inputs: int, kernel: int) -> list[Row]:
    scale = config["scale"]
    steps = [_conv("tail", inputs, 1, kernel, output_scale=scale)]
    if config["bicubic_skip"]:
        steps.append(Row("output", "add_bicubic", 1, output_scale=scale, skip_from="input"))
    return steps


def _patch(config: dict[str, Any]) -> list[Row]:
    normalised = _normaliser(config)
    steps, inputs, size = [Row("input", "input", 1)], 1, 1.0
    widths = discriminator_widths(config["filters"], config["layers"])
    for number, filters in enumerate(widths, start=1):
        size /= 2
        name = f"level_{number}"
        conv = _conv(name, inputs, filters, PATCH_KERNEL, 2, output_scale=size)
        steps.append(normalised(conv))
        steps.append(Row(f"{name}_relu", "leaky_relu", filters, output_scale=size))
        inputs = filters
    logits = _conv("logits", inputs, 1, 3, output_scale=size)
    return [*steps, normalised(logits)]


def _notebook_discriminator(config: dict[str, Any]) -> list[Row]:
    normalised = _normaliser(config)
    steps, inputs, size, edge = [Row("input", "input", 1)], 1, 1.0, config["hr_size"]
    for level, filters in enumerate(
        discriminator_widths(config["filters"], config["layers"]), start=1
    ):
        for name, stride in ((f"level_{level}_a", 1), (f"level_{level}_b", 2)):
            size, edge = size / stride, -(-edge // stride)
            steps.append(normalised(_conv(name, inputs, filters, 3, stride, output_scale=size)))
            if name != "level_1_a":
                steps.append(_batch_norm(f"{name}_norm", filters, size))
            steps.append(Row(f"{name}_relu", "leaky_relu", filters, output_scale=size))
            inputs = filters
    values, units = edge**2 * inputs, NOTEBOOK_DENSE_UNITS
    return [
        *steps,
        Row("flatten", "flatten", values, output_scale=0),
        normalised(_dense("dense", values, units)),
        Row("dense_relu", "leaky_relu", units, output_scale=0),
        normalised(_dense("logits", units, 1)),
    ]


def _conv(
    name: str, inputs: int, filters: int, kernel: int, stride: int = 1, *, output_scale: float = 1
) -> Row:
    parameters = kernel**2 * inputs * filters + filters
    return Row(name, "conv", filters, kernel, stride, 1, output_scale, parameters)


def _dense(name: str, inputs: int, units: int) -> Row:
    return Row(name, "dense", units, output_scale=0, parameters=inputs * units + units)


def _prelu(name: str, filters: int, output_scale: float) -> Row:
    return Row(name, "prelu", filters, output_scale=output_scale, parameters=filters)


def _batch_norm(name: str, filters: int, output_scale: float = 1) -> Row:
    return Row(name, "batch_norm", filters, output_scale=output_scale, parameters=4 * filters)


def _spectral(row: Row) -> Row:
    """Return `row` spectrally normalised: it also keeps a singular vector of its kernel."""
    changes = {"kind": f"spectral_{row.kind}", "parameters": row.parameters + row.filters}
    return Row(**{**asdict(row), **changes})


def _normaliser(config: dict[str, Any]) -> Callable[[Row], Row]:
    """Return what marks a discriminator's layers: spectrally normalised, or nothing."""
    return _spectral if config["spectral_norm"] else lambda row: row


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


GENERATORS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "srresnet": _srresnet,
    "notebook": _notebook_generator,
}
DISCRIMINATORS: dict[str, Callable[[dict[str, Any]], list[Row]]] = {
    "patch": _patch,
    "notebook": _notebook_discriminator,
}
