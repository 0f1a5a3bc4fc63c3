import pytest

from sandstone.errors import InputError
from sandstone.models import options


def test_the_default_generator_is_the_one_of_the_config():
    assert options.generator_config() == {
        "architecture": "srresnet",
        "scale": 4,
        "blocks": 8,
        "filters": 32,
        "batch_norm": False,
        "bicubic_skip": True,
        "upsampling": "stages",
        "upsampling_filters": None,
        "noise": 0.0,
    }


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"architecture": "rrdb"}, ["'rrdb'", "srresnet, span, notebook"]),
        ({"scale": 5}, ["scale is 5", "2, 3, 4, 8"]),
        ({"blocks": 0}, ["blocks is 0", "above 0"]),
        ({"filters": 2.5}, ["filters is 2.5", "whole number"]),
        ({"filters": True}, ["filters is True"]),
        ({"filters": "32"}, ["filters is '32'"]),
        ({"upsampling": "transposed"}, ["'transposed'", "stages, direct"]),
        ({"upsampling_filters": 0}, ["upsampling_filters is 0"]),
        ({"upsampling": "direct", "upsampling_filters": 8}, ["direct has no upsampling_filters"]),
        ({"architecture": "notebook", "upsampling": "direct"}, ["notebook has no upsampling:"]),
        ({"architecture": "span", "batch_norm": True}, ["span has no batch_norm", "leave it out"]),
        ({"noise": 0.2}, ["noise is 0.2", "0 to 0.1"]),
        ({"noise": True}, ["noise is True"]),
        ({"architecture": "span", "blocks": 1}, ["blocks is 1", "needs 2 or more"]),
    ],
)
def test_an_impossible_generator_is_named(chosen, words):
    with pytest.raises(InputError) as caught:
        options.generator_config(**chosen)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"architecture": "unet"}, ["'unet'", "patch, notebook"]),
        ({"layers": 0}, ["layers is 0"]),
        ({"filters": -1}, ["filters is -1"]),
        ({"architecture": "notebook"}, ["hr_size", "pixels"]),
        ({"architecture": "notebook", "hr_size": 0}, ["hr_size is 0"]),
    ],
)
def test_an_impossible_discriminator_is_named(chosen, words):
    with pytest.raises(InputError) as caught:
        options.discriminator_config(**chosen)
    assert all(word in str(caught.value) for word in words)


def test_between_two_generators_lies_their_noise_alone():
    first, second = (options.generator_config(noise=noise) for noise in (0.0, 0.02))
    assert options.between(first, second, alpha=0.25) == {**first, "noise": 0.005}
    del first["noise"]  # as of a model that was trained before there was any
    assert options.between(first, second, alpha=1) == second


def test_noise_that_nobody_asked_for_does_not_act():
    silent, noisy = (options.generator_config(noise=noise) for noise in (0.0, 0.02))
    assert "noise" not in options.acting(silent)
    assert options.acting(noisy)["noise"] == 0.02
