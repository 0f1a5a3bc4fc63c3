"""Schema, config files and flags name the same settings."""

import importlib
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from snakemake.utils import update_config

from sandstone.config import checks
from sandstone.volumes import formats

from .project import REPOSITORY, leaves, nodes, rules, schema

# Flags of train.py that are no setting of a model: files, and what the workflow derives.
NO_SETTINGS = {
    *("pairs", "init-weights", "vgg19-weights", "vgg19-sha256", "lpips-weights", "seed", "threads"),
    *("model-dir", "checkpoint-dir", "tensorboard-dir", "provenance"),
}
# Leaves of a model that become inputs of its rule.
INPUTS = {"train_on", "init_from", "seeds"}  # seeds are one flag each, of a training each

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
    # `spread` asks for more volumes, not for another one.
    settings = leaves(schema()["$defs"]["upscale"]).keys() - {"path", "url", "sha256", "spread"}
    scripts = ("prepare_upscale", "upscale_slab", "upscale_volume")
    known = set().union(*(flags(script) for script in scripts))
    assert {as_flag(key) for key in settings} - known == set()


# --- defaults and choices ---

# Below `samples` and `upscale`, what a volume does not say of itself.
READING = ("dataset", "raw.byteorder", "raw.dtype", "raw.offset", "raw.shape", "voxel_size_um")
READERS = ("slice_volume", "plan_upscale", "prepare_upscale", "upscale_slab", "upscale_volume")
# Scripts whose flags are settings, and where these stand in the schema.
SCRIPTS_OF: dict[str, tuple[str, ...]] = {
    "models.*": ("train",),
    "samples.*.phantom": ("make_phantom",),
    "samples.*.registration": ("register_volumes",),
    "slices": ("slice_volume",),
    "pairs": ("make_pairs",),
    "evaluation": ("compute_metrics", "summarise_metrics"),
    "inference": ("super_resolve", "plan_upscale", "upscale_slab"),
    "upscale.*": ("plan_upscale", "prepare_upscale", "upscale_slab"),
}
# Settings whose flag has another name than their key.
RENAMED = {
    **{f"pairs.split.{split}": split for split in ("train", "val", "test")},
    "samples.*.registration.method": "registration",
    "seed": "seed",
    "tensorflow_threads": "threads",
}
# A flag judges by itself what the schema lists, or a setting follows another one.
OWN_CHOICES = {"raw-dtype"}  # any NumPy type of grey levels: the reader says which is none
OWN_DEFAULTS = {
    "upscale.*.tile": 256,  # half of it with axes mean, which the config knows
    "upscale.*.window": [0.1, 99.9],  # that of slices
}
# The workflow always passes these, and a call by hand shall say them too.
NEVER_LEFT_OUT = {
    ("upscale_slab", "slabs"),
}


def settings_of_scripts() -> list[tuple[str, str, str]]:
    """Every (key of the schema, script, flag) that belong together."""
    found = [
        (key, script, RENAMED.get(key, as_flag(key.removeprefix(f"{section}."))))
        for section, named in SCRIPTS_OF.items()
        for key in LEAVES
        if key.startswith(f"{section}.")
        for script in named
    ]
    found += [
        (f"{section}.*.{key}", script, as_flag(key))
        for section, named in {"samples": READERS[:1], "upscale": READERS[1:]}.items()
        for key in READING
        for script in named
    ]
    everywhere = {script.name for script in rules()}
    found += [
        (key, script, RENAMED[key])
        for key in ("seed", "tensorflow_threads")
        for script in everywhere
    ]
    return sorted(triple for triple in set(found) if triple[2] in flags(triple[1]))


def action(script: str, flag: str) -> Any:
    """The flag of a script, as argparse keeps it."""
    actions = importlib.import_module(script).parser()._actions
    return next(each for each in actions if f"--{flag}" in each.option_strings)


EACH_SETTING = pytest.mark.parametrize(("key", "script", "flag"), settings_of_scripts())


def test_the_settings_of_every_stage_are_compared():
    compared = {key.partition(".")[0] for key, _, _ in settings_of_scripts()}
    assert compared == schema()["properties"].keys() - {"weights"}


@EACH_SETTING
def test_flag_has_the_default_of_the_schema(key: str, script: str, flag: str):
    own = action(script, flag)
    if own.required:
        assert "default" not in LEAVES[key] or (script, flag) in NEVER_LEFT_OUT
    else:
        assert own.default == OWN_DEFAULTS.get(key, LEAVES[key].get("default"))


@EACH_SETTING
def test_flag_has_the_choices_of_the_schema(key: str, script: str, flag: str):
    leaf = LEAVES[key]
    choices = leaf.get("enum", leaf.get("items", {}).get("enum"))
    own = action(script, flag).choices
    assert (own and list(own)) == choices or flag in OWN_CHOICES


def test_phantom_has_the_ranges_of_the_schema():
    import make_phantom

    porosity, photons = (LEAVES[f"samples.*.phantom.{key}"] for key in ("porosity", "photons"))
    assert (porosity["minimum"], porosity["maximum"]) == make_phantom.POROSITY
    assert photons["maximum"] == make_phantom.MOST_PHOTONS


@pytest.mark.parametrize("suffix", formats.known())
def test_schema_names_every_format_of_volumes(suffix: str):
    assert re.search(rf"\{suffix}\b", LEAVES["samples.*.path"]["description"])


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.name)
def test_rule_passes_flags_that_its_script_has(rule: Any):
    words = {word.removeprefix("--") for word in rule.text.split() if word.startswith("--")}
    assert words - flags(rule.name) == set()
