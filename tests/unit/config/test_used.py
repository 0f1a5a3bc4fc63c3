from typing import Any

import pytest

from sandstone.config import used

Config = dict[str, Any]


@pytest.fixture
def config() -> Config:
    return {
        "samples": {name: {} for name in ("berea", "clashach", "spare")},
        "models": {
            "base": {"train_on": ["clashach"]},
            "tuned": {"train_on": ["berea"], "init_from": "base"},
            "large": {"train_on": ["berea"]},
            "unused": {"train_on": ["spare"], "init_from": "large"},
        },
        "evaluation": {"samples": ["berea"], "models": ["tuned"]},
        "upscale": {"plug": {"model": "large"}},
    }


def test_a_model_is_used_for_tables_for_upscaling_or_as_a_start(config: Config) -> None:
    assert used.used_models(config) == ["tuned", "large", "base"]
    assert used.used_samples(config) == ["berea", "clashach"]


def test_null_drops_a_sample_a_model_or_a_volume(config: Config) -> None:
    config["models"]["large"] = config["samples"]["spare"] = config["upscale"]["plug"] = None
    used.drop_nulls(config)
    assert config["upscale"] == {}
    assert [*config["models"]] == ["base", "tuned", "unused"]
    assert [*config["samples"]] == ["berea", "clashach"]


def test_a_section_of_another_kind_is_left_to_the_schema() -> None:
    config = {"models": 3, "samples": ["berea"]}
    used.drop_nulls(config)
    assert config == {"models": 3, "samples": ["berea"]}


def test_a_pair_is_used_where_its_scanner_is_imitated(config: Config) -> None:
    config["samples"]["plug"] = {"path": "fine.tif", "lr": {"path": "coarse.tif"}}
    config["pairs"] = {"degradation": {"kernel": "bicubic"}}
    assert used.pairs_of_scans(config) == []
    config["pairs"]["degradation"] = {"kernel": "fitted", "from": "plug"}
    assert used.pairs_of_scans(config) == ["plug"]
    config["evaluation"]["samples"] = ["plug"]
    for model in config["models"].values():
        model["train_on"] = ["plug"]
    config["samples"]["spare"] = dict(config["samples"]["plug"])
    config["pairs"]["degradation"]["from"] = "spare"
    assert used.pairs_of_scans(config) == ["plug"], "all samples have a coarse scan of their own"
