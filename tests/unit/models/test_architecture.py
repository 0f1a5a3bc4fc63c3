import subprocess
import sys
from pathlib import Path

import pytest

from sandstone.errors import InputError
from sandstone.models import architecture

NOTEBOOK = {"architecture": "notebook", "batch_norm": True, "bicubic_skip": False}


def names_and_kinds(network):
    return [(row.name, row.kind) for row in architecture.rows(network)]


def test_describing_a_network_needs_no_tensorflow():
    scripts = Path(architecture.__file__).parents[2]
    code = (
        "import sys; from sandstone.models import architecture as a;"
        "a.describe(a.generator_config()); a.receptive_field(a.generator_config());"
        "sys.exit(bool({'tensorflow', 'keras', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=scripts, check=False).returncode == 0


def test_the_default_generator_is_the_one_of_the_config():
    assert architecture.generator_config() == {
        "architecture": "srresnet",
        "scale": 4,
        "blocks": 8,
        "filters": 32,
        "batch_norm": False,
        "bicubic_skip": True,
    }


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"architecture": "rrdb"}, ["'rrdb'", "srresnet, notebook"]),
        ({"scale": 5}, ["scale is 5", "2, 3, 4, 8"]),
        ({"blocks": 0}, ["blocks is 0", "above 0"]),
        ({"filters": 2.5}, ["filters is 2.5", "whole number"]),
        ({"filters": True}, ["filters is True"]),
        ({"filters": "32"}, ["filters is '32'"]),
    ],
)
def test_an_impossible_generator_is_named(options, words):
    with pytest.raises(InputError) as caught:
        architecture.generator_config(**options)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"architecture": "unet"}, ["'unet'", "patch, notebook"]),
        ({"layers": 0}, ["layers is 0"]),
        ({"filters": -1}, ["filters is -1"]),
        ({"architecture": "notebook"}, ["hr_size", "pixels"]),
        ({"architecture": "notebook", "hr_size": 0}, ["hr_size is 0"]),
    ],
)
def test_an_impossible_discriminator_is_named(options, words):
    with pytest.raises(InputError) as caught:
        architecture.discriminator_config(**options)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize("network", [{"scale": 4, "depth": 3}, {"depth": 3}])
@pytest.mark.parametrize(
    "read", [architecture.describe, architecture.parameter_count, architecture.rows]
)
def test_an_unknown_option_is_one_sentence(read, network):
    with pytest.raises(InputError, match=r"unexpected keyword argument 'depth'.*train"):
        read(network)


def test_no_discriminator_has_no_steps():
    assert architecture.describe({}) == []
    assert architecture.parameter_count({}) == 0


def test_a_repeated_block_counts_all_its_copies():
    def parameters(blocks):
        return architecture.parameter_count({"scale": 4, "filters": 16, "blocks": blocks})

    convolution = 3 * 3 * 16 * 16 + 16
    assert parameters(9) - parameters(2) == 7 * (2 * convolution + 16)


@pytest.mark.parametrize("scale", architecture.STAGES)
@pytest.mark.parametrize("kind", architecture.GENERATORS)
def test_every_generator_ends_at_one_channel_of_its_scale(scale, kind):
    last = architecture.rows({"architecture": kind, "scale": scale})[-1]
    assert (last.filters, last.output_scale) == (1, scale)


def test_skips_come_from_steps_that_exist():
    steps = architecture.rows(architecture.generator_config())
    names = [step.name for step in steps]
    skips = {step.name: step.skip_from for step in steps if step.skip_from}
    assert skips == {"long_skip": "head_prelu", "output": "input"}
    assert all(names.index(source) < names.index(name) for name, source in skips.items())


def test_the_notebook_s_generator_is_that_of_its_recipe():
    network = architecture.generator_config(**NOTEBOOK, blocks=16, filters=64)
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
    steps = {row.name: row for row in architecture.rows(network)}
    assert (steps["head"].kernel, steps["head"].filters, steps["tail"].kernel) == (9, 64, 9)
    assert (steps["block"].repeat, steps["up_1_conv"].filters) == (16, 256)


def test_the_notebook_s_discriminator_is_that_of_its_recipe():
    network = architecture.discriminator_config(
        architecture="notebook", filters=64, spectral_norm=False, hr_size=256
    )
    convolutions = [row for row in architecture.rows(network) if row.kind == "conv"]
    assert [row.filters for row in convolutions] == [64, 64, 128, 128, 256, 256, 512, 512]
    assert [row.stride for row in convolutions] == [1, 2] * 4
    dense = [row for row in architecture.rows(network) if row.kind == "dense"]
    assert [row.filters for row in dense] == [1024, 1]
    assert dense[0].parameters == 16 * 16 * 512 * 1024 + 1024  # 134 million, tied to 256 pixels


def test_widths_double_up_to_eight_times_the_first():
    assert architecture.discriminator_widths(32, 6) == [32, 64, 128, 256, 256, 256]


# 3x3 layers at LR size: the head, two a block, the body, and the first sub-pixel convolution.
@pytest.mark.parametrize("blocks", [1, 8])
def test_receptive_field_grows_by_two_a_block(blocks):
    fields = [
        architecture.receptive_field({"scale": 4, "blocks": number})
        for number in (blocks, blocks + 1)
    ]
    assert fields[1] - fields[0] == 2
    assert fields[0] >= 2 * blocks + 3


def test_the_bicubic_skip_does_not_widen_a_deep_network():
    deep = {"scale": 4, "blocks": 4}
    assert architecture.receptive_field(deep) == architecture.receptive_field(
        {**deep, "bicubic_skip": False}
    )


def test_receptive_field_of_a_foreign_description_is_an_input_error():
    with pytest.raises(InputError, match="generator's JSON"):
        architecture.receptive_field({"scale": 4, "hr_size": 256})
