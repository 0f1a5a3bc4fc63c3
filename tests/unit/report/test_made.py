"""What the report tells of a result: the same names, whether of a record or of the config."""

import importlib

import pytest
import yaml

from sandstone.config.checks import validate
from sandstone.report import made
from sandstone.report.results import Results

NO_FLAGS = {"train_on", "init_from", "losses", "adversarial", "recorded"}


@pytest.fixture
def config(repository):
    content = yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))
    content["upscale"] = {"plug": {"path": "plug.npy", "model": "srgan"}}
    validate(content)
    return content


def parameters(script):
    """Names of the parameters in a script's records."""
    flags = importlib.import_module(script).parser()._actions
    return {flag.dest for flag in flags}


def test_nested_settings_have_the_names_of_a_record():
    assert made.flat({"loss": {"pixel": 1, "pixel_kind": "l1"}, "steps": 2}) == {
        "loss_pixel": 1,
        "loss_pixel_kind": "l1",
        "steps": 2,
    }


def test_the_config_is_told_by_the_names_of_the_records(config, tmp_path):
    told = made.made(config, Results(tmp_path))
    assert told["models"]["srgan"].keys() - NO_FLAGS <= parameters("train")
    for what in ("pairs", "splits", "degradations"):
        [group] = told[what]
        assert group["settings"].keys() <= parameters("make_pairs"), what
    assert {*made.PAIRS, *made.SPLIT, *made.DEGRADATION} <= parameters("make_pairs")
    assert set(made.SLICES) <= parameters("slice_volume")
    assert set(made.INFERENCE) <= parameters("super_resolve")
    assert set(made.INFERENCE) <= parameters("prepare_upscale") | parameters("upscale_slab")
    assert {"model", "axes", "scale", "window", "levels"} <= parameters("prepare_upscale")
    assert {"confidence", "resamples", "seed"} <= told["summary"].keys()


def test_without_records_nothing_is_called_recorded(config, tmp_path):
    told = made.made(config, Results(tmp_path))
    groups = [*told["slices"], *told["pairs"], *told["borders"]]
    single = [*told["volumes"].values(), *told["models"].values(), *told["upscaled"].values()]
    assert [each for each in [*groups, *single, told["summary"]] if each["recorded"]] == []


def test_results_that_were_made_alike_are_told_together(config, tmp_path):
    config["samples"] |= dict.fromkeys(("a", "b"), config["samples"]["phantom"])
    config["samples"]["b"] = {**config["samples"]["b"], "split": {"train": [0, 3], "val": [5, 5]}}
    config["evaluation"]["samples"] = ["phantom", "a", "b"]
    told = made.made(config, Results(tmp_path))
    assert [group["names"] for group in told["pairs"]] == [["a", "b", "phantom"]]
    assert [group["names"] for group in told["splits"]] == [["a", "phantom"], ["b"]]
    assert told["splits"][1]["settings"]["train"] == "0:3"
