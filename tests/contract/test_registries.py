"""The schema offers what the code has: networks, terms of the loss, schedules, scales."""

from typing import Any

import pytest

from sandstone.models.architectures import DISCRIMINATORS, GENERATORS
from sandstone.models.options import STAGES
from sandstone.training.losses import TERMS
from sandstone.training.schedules import SCHEDULES

from .project import leaves, schema

LEAVES = leaves(schema())
MODEL = leaves(schema()["$defs"]["model"])
CHOICES = {
    "generator.architecture": list(GENERATORS),
    "discriminator.architecture": list(DISCRIMINATORS),
    "schedule": list(SCHEDULES),
    **{
        f"loss.{name}_kind": list(term.kinds) for name, term in TERMS.items() if len(term.kinds) > 1
    },
}


@pytest.mark.parametrize("key", CHOICES)
def test_choices_are_those_of_the_registry(key: str):
    assert MODEL[key]["enum"] == CHOICES[key]


def test_every_scale_has_stages():
    scales: list[Any] = next(leaf["enum"] for key, leaf in LEAVES.items() if key == "pairs.scale")
    assert scales == list(STAGES)


def test_every_term_of_the_loss_has_a_weight_and_there_are_no_others():
    weights = [key for key, leaf in MODEL.items() if _is_weight(key, leaf)]
    assert weights == [f"loss.{name}" for name in TERMS]


def _is_weight(key: str, leaf: dict[str, Any]) -> bool:
    return key.startswith("loss.") and leaf["type"] == "number"
