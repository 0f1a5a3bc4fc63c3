import subprocess
import sys
from pathlib import Path

import pytest

from sandstone.errors import InputError
from sandstone.models import description
from sandstone.models.architectures import GENERATORS, STAGES
from sandstone.models.options import discriminator_config, generator_config

NOTEBOOK = {"architecture": "notebook", "batch_norm": True, "bicubic_skip": False}


def names_and_kinds(network):
    return [(row.name, row.kind) for row in description.rows(network)]


def test_describing_a_network_needs_no_tensorflow():
    scripts = Path(description.__file__).parents[2]
    code = (
        "import sys; from sandstone.models import description as d, options as o;"
        "d.describe(o.generator_config()); d.receptive_field(o.generator_config());"
        "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=scripts, check=False).returncode == 0


@pytest.mark.parametrize("network", [{"scale": 4, "depth": 3}, {"depth": 3}])
@pytest.mark.parametrize(
    "read", [description.describe, description.parameter_count, description.rows]
)
def test_an_unknown_option_is_one_sentence(read, network):
    with pytest.raises(InputError, match=r"unexpected keyword argument 'depth'.*train"):
        read(network)


def test_no_discriminator_has_no_steps():
    assert description.describe({}) == []
    assert description.parameter_count({}) == 0


def test_a_repeated_block_counts_all_its_copies():
    def parameters(blocks):
        return description.parameter_count({"scale": 4, "filters": 16, "blocks": blocks})

    convolution = 3 * 3 * 16 * 16 + 16
    assert parameters(9) - parameters(2) == 7 * (2 * convolution + 16)


@pytest.mark.parametrize("scale", STAGES)
@pytest.mark.parametrize("kind", GENERATORS)
def test_every_generator_ends_at_one_channel_of_its_scale(scale, kind):
    last = description.rows({"architecture": kind, "scale": scale})[-1]
    assert (last.filters, last.output_scale) == (1, scale)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"long_skip": ("head_prelu",), "output": ("input",)}),
        (
            {"architecture": "span", "bicubic_skip": False},
            {"last": ("block",), "gathered": ("head", "body", "first", "last_silu_1")},
        ),
    ],
)
def test_skips_come_from_steps_that_exist(options, expected):
    steps = description.rows(generator_config(**options))
    names = [step.name for step in steps]
    skips = {step.name: step.skip_from for step in steps if step.skip_from}
    assert skips == expected
    for name, sources in skips.items():
        assert all(names.index(source) < names.index(name) for source in sources)


def test_the_notebook_s_generator_is_that_of_its_recipe():
    network = generator_config(**NOTEBOOK, blocks=16, filters=64)
    assert names_and_kinds(network) == [
        ("input", "input"),
        ("head", "conv"),
        ("head_prelu", "prelu"),
        ("block", "residual_block"),
        ("body", "conv"),
        ("body_norm", "batch_norm"),
        ("long_skip", "add"),
        ("up_1_conv", "conv"),
        ("up_1_nearest", "upsample"),
        ("up_1_prelu", "prelu"),
        ("up_2_conv", "conv"),
        ("up_2_nearest", "upsample"),
        ("up_2_prelu", "prelu"),
        ("tail", "conv"),
    ]
    steps = {row.name: row for row in description.rows(network)}
    assert (steps["head"].kernel, steps["head"].filters, steps["tail"].kernel) == (9, 64, 9)
    assert (steps["block"].repeat, steps["up_1_conv"].filters) == (16, 256)


def test_the_notebook_s_discriminator_is_that_of_its_recipe():
    network = discriminator_config(
        architecture="notebook", filters=64, spectral_norm=False, hr_size=256
    )
    convolutions = [row for row in description.rows(network) if row.kind == "conv"]
    assert [row.filters for row in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [row.stride for row in convolutions] == [1, 2] * 4
    dense = [row for row in description.rows(network) if row.kind == "dense"]
    assert [row.filters for row in dense] == [1024, 1]
    assert dense[0].parameters == 16 * 16 * 512 * 1024 + 1024  # 134 million, tied to 256 pixels


@pytest.mark.parametrize("blocks", [1, 8])
def test_receptive_field_grows_by_two_a_block(blocks):
    fields = [
        description.receptive_field({"scale": 4, "blocks": number})
        for number in (blocks, blocks + 1)
    ]
    assert fields[1] - fields[0] == 2
    assert fields[0] >= 2 * blocks + 3


def test_the_bicubic_skip_does_not_widen_a_deep_network():
    deep = {"scale": 4, "blocks": 4}
    assert description.receptive_field(deep) == description.receptive_field(
        {**deep, "bicubic_skip": False}
    )


def test_receptive_field_of_a_foreign_description_is_an_input_error():
    with pytest.raises(InputError, match="generator's JSON"):
        description.receptive_field({"scale": 4, "hr_size": 256})
