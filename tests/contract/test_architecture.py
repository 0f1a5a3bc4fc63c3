"""`architecture.py`, which needs no TensorFlow, describes what `networks.py` builds."""

from typing import Any

import pytest

from sandstone.models import architecture

GENERATORS = [
    {"architecture": "srresnet", "scale": 4, "blocks": 2, "filters": 8},
    {"architecture": "srresnet", "scale": 3, "blocks": 1, "filters": 8, "batch_norm": True},
    {"architecture": "srresnet", "scale": 8, "blocks": 1, "filters": 4, "bicubic_skip": False},
    {"architecture": "notebook", "scale": 4, "blocks": 2, "filters": 8, "batch_norm": True},
]
DISCRIMINATORS = [
    {"architecture": "patch", "filters": 8, "spectral_norm": True},
    {"architecture": "patch", "filters": 8, "spectral_norm": False},
    {"architecture": "notebook", "filters": 4, "spectral_norm": False, "hr_size": 48},
    {"architecture": "notebook", "filters": 4, "spectral_norm": True, "hr_size": 48},
]


@pytest.mark.parametrize("options", GENERATORS)
def test_generator_is_described_as_it_is_built(options: dict[str, Any]):
    from sandstone.models import networks

    described = architecture.generator_config(**options)
    built = networks.build_generator(**described)
    assert architecture.parameter_count(described) == built.count_params()
    missing = named_rows(described) - {layer.name for layer in built.layers}
    assert missing == set()


@pytest.mark.parametrize("options", DISCRIMINATORS)
def test_discriminator_is_described_as_it_is_built(options: dict[str, Any]):
    from sandstone.models import networks

    described = architecture.discriminator_config(**options)
    built = networks.build_discriminator(**described)
    assert architecture.parameter_count(described) == built.count_params()


def named_rows(network: dict[str, Any]) -> set[str]:
    """Names of the steps that are one layer each and hold weights."""
    return {row.name for row in architecture.rows(network) if row.parameters and row.kind == "conv"}
