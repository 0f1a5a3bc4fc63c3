"""Schema, config files and flags name the same settings."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from sandstone.config import checks

from .project import REPOSITORY, leaves, nodes, rules, schema

# Flags of train.py that are no setting of a model: files, and what the workflow derives.
NO_SETTINGS = {
    *("pairs", "init-weights", "vgg19-weights", "vgg19-sha256", "lpips-weights", "seed", "threads"),
    *("model-dir", "checkpoint-dir", "tensorboard-dir", "provenance"),
}
# Leaves of a model that become inputs of its rule.
INPUTS = {"train_on", "init_from"}

LEAVES = leaves(schema())
EACH_LEAF = pytest.mark.parametrize("key", LEAVES)
OVERLAYS = sorted([*REPOSITORY.glob("config/*.yaml"), *REPOSITORY.glob("tests/config/*.yaml")])


def read(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def flags(script: str) -> set[str]:
    """Long flags of a script, without their dashes."""
    actions = importlib.import_module(script).parser()._actions
    names = {name for action in actions for name in action.option_strings}
    return {name.removeprefix("--") for name in names if name.startswith("--")} - {"help"}


def as_flag(key: str) -> str:
    return key.replace(".", "-").replace("_", "-")


@EACH_LEAF
def test_leaf_is_described(key: str):
    assert LEAVES[key]["description"].strip().endswith(".")


@EACH_LEAF
def test_leaf_has_a_type(key: str):
    assert LEAVES[key]["type"]


@EACH_LEAF
def test_leaf_has_a_default_or_says_that_it_has_none(key: str):
    leaf = LEAVES[key]
    assert ("default" in leaf) != ("No default." in leaf["description"])


def test_numbers_have_ranges():
    single = {key: leaf.get("items", leaf) for key, leaf in LEAVES.items()}
    numbers = {key: leaf for key, leaf in single.items() if leaf["type"] in ("number", "integer")}
    bounds = {"enum", "minimum", "exclusiveMinimum"}
    assert len(numbers) > 20
    assert [key for key, number in numbers.items() if not bounds & number.keys()] == []


def test_unknown_keys_are_errors_everywhere():
    objects = {path: node for path, node in nodes(schema()) if node.get("type") == "object"}
    assert [
        path for path, node in objects.items() if node.get("additionalProperties", True) is True
    ] == []


def test_config_is_valid():
    checks.validate(read(REPOSITORY / "config.yaml"))


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda file: file.stem)
def test_overlay_is_valid(overlay: Path, tmp_path: Path):
    merged = read(REPOSITORY / "config.yaml")
    update_config(merged, read(overlay))
    if "vgg19" in merged.get("weights", {}):
        weights = tmp_path / "vgg19.h5"
        weights.touch()
        merged["weights"]["vgg19"]["path"] = str(weights)
    checks.validate(merged)


def test_model_settings_are_flags_of_train():
    settings = leaves(schema()["$defs"]["model"]).keys() - INPUTS
    assert {as_flag(key) for key in settings} == flags("train") - NO_SETTINGS


def test_phantom_settings_are_flags_of_make_phantom():
    settings = leaves(schema()["$defs"]["phantom"])
    assert {as_flag(key) for key in settings} == flags("make_phantom") - {
        *("seed", "output", "provenance")
    }


def test_settings_of_upscaling_are_flags():
    settings = leaves(schema()["$defs"]["upscale"]).keys() - {"path", "url", "sha256"}
    scripts = ("prepare_upscale", "upscale_slab", "upscale_volume")
    known = set().union(*(flags(script) for script in scripts))
    assert {as_flag(key) for key in settings} - known == set()


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_rule_passes_flags_that_its_script_has(rule: Any):
    words = {word.removeprefix("--") for word in rule.text.split() if word.startswith("--")}
    assert words - flags(rule.name) == set()
