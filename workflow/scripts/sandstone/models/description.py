"""A network without TensorFlow: its steps as a diagram shows them, parameters, receptive field.

All of it follows from the list of steps in `architectures`.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from sandstone.models import options
from sandstone.models.architectures import (
    DISCRIMINATORS,
    Add,
    AddBicubic,
    AddNoise,
    Attend,
    AttentionBlocks,
    BatchNorm,
    Centre,
    Concatenate,
    Conv,
    Dense,
    Flatten,
    Input,
    LeakyRelu,
    Nearest,
    PRelu,
    ResidualBlocks,
    Shuffle,
    Silu,
    Step,
    Steps,
    generator_steps,
)

# Half width of the bicubic kernel, LR pixels.
BICUBIC_RADIUS = 2
# Of the neighbourhood whose levels the noise follows from.
NOISE_RADIUS = 1


@dataclass(frozen=True)
class Row:
    """One step of a network, as a diagram shows it.

    `parameters` counts all `repeat` copies, those that training does not touch included.
    `output_scale` is the edge length after the step relative to the network's input.
    `skip_from` names the earlier steps whose outputs an addition or a concatenation takes.
    `inside` are the steps of one residual block.
    """

    name: str
    kind: str
    filters: int
    kernel: int | None = None
    stride: int = 1
    repeat: int = 1
    output_scale: float = 1
    parameters: int = 0
    skip_from: tuple[str, ...] = ()
    inside: tuple["Row", ...] = ()


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
    config = options.checked_generator(generator)
    low, high, beside = 0, config["scale"] - 1, 0
    for step in reversed(generator_steps(config)):
        if isinstance(step, Shuffle | Nearest):
            low, high = low // step.factor, high // step.factor
        elif isinstance(step, AddBicubic):
            beside = max(beside, BICUBIC_RADIUS)
        elif isinstance(step, AddNoise):
            beside = max(beside, NOISE_RADIUS)
        else:
            low, high = low - _reach(step), high + _reach(step)
    return max(-low, high, beside)


def rows(network: Mapping[str, Any]) -> list[Row]:
    """Return a network's steps as `Row`s; see `describe`."""
    if network == {}:
        return []
    config = options.checked(network)
    if "scale" in config:
        return _rows(generator_steps(config))
    return _rows(DISCRIMINATORS[config["architecture"]](config))


def _reach(step: Step) -> int:
    """Return how many pixels of its input a step sees to each side of its own."""
    if isinstance(step, Conv):
        return step.kernel // 2
    if isinstance(step, ResidualBlocks):
        return step.count * sum(map(_reach, step.steps))
    return 0


def _rows(steps: Steps) -> list[Row]:
    """Follow channels, scale and, where it is fixed, the edge of the image from step to step."""
    found: list[Row] = []
    edge = None
    for step in steps:
        if isinstance(step, Input):
            found.append(Row(step.name, "input", 1))
            edge = step.size
        elif isinstance(step, Flatten) and edge:
            values = edge**2 * found[-1].filters
            found.append(Row(step.name, "flatten", values, output_scale=0))
        else:
            found.append(_row(step, found[-1]))
            if edge:
                edge = -(-edge // found[-1].stride)  # a strided convolution rounds up
    return found


def _row(step: Step, before: Row) -> Row:
    """Return the row of a step that takes what the row before gives."""
    row = Row(step.name, "", before.filters, output_scale=before.output_scale)
    return replace(row, **_FIELDS[type(step)](step, before))


def _conv(step: Conv, before: Row) -> dict[str, Any]:
    numbers = step.kernel**2 * before.filters * step.filters + step.filters
    return {
        **_spectral("conv", step.filters, numbers, spectral=step.spectral),
        "kernel": step.kernel,
        "stride": step.stride,
        "output_scale": before.output_scale / step.stride,
    }


def _dense(step: Dense, before: Row) -> dict[str, Any]:
    numbers = before.filters * step.units + step.units
    return {
        **_spectral("dense", step.units, numbers, spectral=step.spectral),
        "output_scale": 0,
    }


def _spectral(kind: str, filters: int, numbers: int, *, spectral: bool) -> dict[str, Any]:
    """Return the fields of a layer; spectrally normalised it keeps a singular vector too."""
    if not spectral:
        return {"kind": kind, "filters": filters, "parameters": numbers}
    return {"kind": f"spectral_{kind}", "filters": filters, "parameters": numbers + filters}


def _enlarging(kind: str, filters: int, factor: int, before: Row) -> dict[str, Any]:
    scale = before.output_scale * factor
    return {"kind": kind, "filters": filters, "stride": factor, "output_scale": scale}


def _blocks(step: ResidualBlocks, before: Row) -> dict[str, Any]:
    inside: list[Row] = []
    for each in step.steps:
        inside.append(_row(each, inside[-1] if inside else before))
    return {
        "kind": BLOCKS[type(step)],
        "kernel": inside[0].kernel,
        "repeat": step.count,
        "parameters": step.count * sum(row.parameters for row in inside),
        "inside": tuple(inside),
    }


BLOCKS = {ResidualBlocks: "residual_block", AttentionBlocks: "attention_block"}

# What tells the row of a step from the row before: (step, row before) -> fields.
_FIELDS: dict[type[Step], Callable[[Any, Row], dict[str, Any]]] = {
    Conv: _conv,
    Dense: _dense,
    PRelu: lambda _, before: {"kind": "prelu", "parameters": before.filters},
    Centre: lambda step, _: {"kind": "centre", "filters": len(step.means)},
    Silu: lambda _, _before: {"kind": "silu"},
    LeakyRelu: lambda _, _before: {"kind": "leaky_relu"},
    BatchNorm: lambda _, before: {"kind": "batch_norm", "parameters": 4 * before.filters},
    Shuffle: lambda step, before: _enlarging(
        "pixel_shuffle", before.filters // step.factor**2, step.factor, before
    ),
    Nearest: lambda step, before: _enlarging("upsample", before.filters, step.factor, before),
    ResidualBlocks: _blocks,
    AttentionBlocks: _blocks,
    Add: lambda step, _: {"kind": "add", "skip_from": (step.other,)},
    Attend: lambda step, _: {"kind": "attend", "skip_from": (step.other,)},
    Concatenate: lambda step, _: {
        "kind": "concatenate",
        "filters": step.filters,
        "skip_from": step.others,
    },
    AddBicubic: lambda step, _: {"kind": "add_bicubic", "skip_from": (step.other,)},
    AddNoise: lambda step, _: {"kind": "add_noise", "skip_from": (step.other,)},
}
