"""`description.py`, which needs no TensorFlow, describes what `networks.py` builds."""

from collections.abc import Iterator
from typing import Any

import pytest

from sandstone.models import description
from sandstone.models.architectures import DISCRIMINATORS, GENERATORS
from sandstone.models.options import discriminator_config, generator_config

EACH_GENERATOR = [
    *({"architecture": name, "scale": 4, "blocks": 2, "filters": 8} for name in GENERATORS),
    {"architecture": "srresnet", "scale": 3, "blocks": 1, "filters": 8, "batch_norm": True},
    {"architecture": "srresnet", "scale": 8, "blocks": 1, "filters": 4, "bicubic_skip": False},
    {"architecture": "srresnet", "scale": 4, "blocks": 1, "filters": 8, "upsampling": "direct"},
    {"architecture": "srresnet", "scale": 4, "blocks": 1, "filters": 8, "upsampling_filters": 4},
    {"architecture": "span", "scale": 3, "blocks": 4, "filters": 4, "bicubic_skip": False},
    {"architecture": "notebook", "scale": 4, "blocks": 2, "filters": 8, "batch_norm": True},
    {"architecture": "span", "scale": 2, "blocks": 3, "filters": 4, "noise": 0.01},
]
EACH_DISCRIMINATOR = [
    {"architecture": name, "filters": 4, "spectral_norm": spectral, "hr_size": 50}
    for name in DISCRIMINATORS
    for spectral in (True, False)
]
# Layers that a diagram shows in one row with others, or not at all.
WITHOUT_ROW = {"bicubic", "level_noise"}


@pytest.mark.parametrize("options", EACH_GENERATOR)
def test_generator_is_described_as_it_is_built(options: dict[str, Any]):
    from sandstone.models import networks

    described = generator_config(**options)
    built = networks.build_generator(**described)
    assert described_layers(described) == built_layers(built)
    assert description.parameter_count(described) == built.count_params()


@pytest.mark.parametrize("options", EACH_DISCRIMINATOR)
def test_discriminator_is_described_as_it_is_built(options: dict[str, Any]):
    from sandstone.models import networks

    described = discriminator_config(**options)
    built = networks.build_discriminator(**described)
    assert described_layers(described) == built_layers(built)
    assert description.parameter_count(described) == built.count_params()


def built_layers(built: Any) -> dict[str, tuple[int, int]]:
    """Name, channels and parameters of each layer that Keras built."""
    layers = [layer for layer in built.layers if layer.name not in WITHOUT_ROW]
    return {
        layer.name.removesuffix("_spectral"): (layer.output.shape[-1], layer.count_params())
        for layer in layers
    }


def described_layers(network: dict[str, Any]) -> dict[str, tuple[int, int]]:
    """Name, channels and parameters of each layer by the description."""
    return {name: (row.filters, row.parameters) for name, row in each_row(network)}


def each_row(network: dict[str, Any]) -> Iterator[tuple[str, description.Row]]:
    """Rows by the name of their layer, those of every residual block too."""
    for row in description.rows(network):
        if not row.inside:
            yield row.name, row
        for number in range(1, row.repeat + 1) if row.inside else ():
            yield from ((f"{row.name}_{number}_{inner.name}", inner) for inner in row.inside)
            yield f"{row.name}_{number}_add", description.Row("add", "add", row.filters)
