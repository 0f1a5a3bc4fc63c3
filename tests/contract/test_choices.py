"""What the schema lets a user choose is what the code offers."""

import pytest

from sandstone import choices, style
from sandstone.imaging import degrade, resample

from .project import leaves, schema

LEAVES = leaves(schema())


@pytest.mark.parametrize(
    ("key", "offered"),
    [
        ("pairs.scale", choices.SCALES),
        ("pairs.degradation.kernel", choices.DEGRADATIONS),
        ("samples.*.registration.method", choices.REGISTRATIONS),
        ("evaluation.baselines", choices.BASELINES),
    ],
)
def test_the_schema_lists_the_choices(key: str, offered: tuple):
    leaf = LEAVES[key]
    assert leaf.get("items", leaf)["enum"] == list(offered)


def test_every_degradation_has_a_kernel():
    assert tuple(degrade.KERNELS) == choices.DEGRADATIONS


@pytest.mark.parametrize("kernel", choices.ACTING)
def test_what_acts_with_a_kernel_is_a_setting_of_the_schema(kernel: str):
    named = {*choices.ACTING[kernel], *choices.ACTING_ABOVE_0[kernel]}
    assert {f"pairs.degradation.{name}" for name in named} <= LEAVES.keys()


def test_every_baseline_has_a_kernel_and_a_colour():
    assert tuple(resample.KERNELS) == choices.BASELINES
    assert tuple(style.BASELINE_COLOURS) == choices.BASELINES
