"""Models that come with this project, named where models are named."""

import copy
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import given_model

from sandstone.config import checks, given
from sandstone.errors import InputError

NAME = "pretrained/rock_x4"


@pytest.fixture(autouse=True)
def pretrained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of such models that holds one."""
    monkeypatch.setattr(given, "PRETRAINED", tmp_path)
    return given_model.write(tmp_path / "rock_x4")


def added(config: dict[str, Any]) -> dict[str, Any]:
    given.add_pretrained(config)
    return config


def test_it_may_be_named_wherever_a_model_is(pretrained: Path):
    config = added(
        {
            "models": {"own": {"init_from": NAME}},
            "evaluation": {"models": ["own", NAME]},
            "upscale": {"plug": {"model": NAME}},
        }
    )
    assert config["models"] == {
        "own": {"init_from": "rock_x4"},
        "rock_x4": {"weights": str(pretrained)},
    }
    assert config["evaluation"]["models"] == ["own", "rock_x4"]
    assert config["upscale"]["plug"]["model"] == "rock_x4"


@pytest.mark.parametrize(
    "config",
    [
        {"models": {"own": {"init_from": "other"}}, "evaluation": {"models": ["own"]}},
        {"models": [], "evaluation": {"models": "x"}, "upscale": {"a": None}},
        {"evaluation": {"models": [3, None]}},
        [],
        None,
    ],
)
def test_what_names_none_stays_as_it_is(config: Any):
    before = copy.deepcopy(config)
    assert added(config) == before


def test_a_misspelt_one_is_refused_with_those_that_are_there():
    with pytest.raises(InputError, match=r"'pretrained/rok'.*choose from pretrained/rock_x4"):
        added({"upscale": {"plug": {"model": "pretrained/rok"}}})


def test_its_name_may_not_be_that_of_another_model():
    config = {"models": {"rock_x4": {"steps": 3}}, "evaluation": {"models": [NAME]}}
    with pytest.raises(InputError, match="give it another name"):
        added(config)


def test_a_published_network_need_not_be_there_yet(tmp_path: Path):
    model = {"weights": "data/weights/photo", "published": "span_photo"}
    config = {"models": {"photo": model}, "pairs": {"scale": 3}}
    given.check(config, "photo")
    assert given.generator(config, "photo")["architecture"] == "span"


@pytest.mark.parametrize(
    ("weights", "scale", "words"),
    [
        ("data/weights/photo", 8, "for the scales 2, 3, 4, while pairs.scale is 8"),
        ("elsewhere/photo", 4, "downloads go inside data/"),
    ],
)
def test_a_published_network_that_cannot_be_made_is_refused(weights, scale, words):
    model = {"weights": weights, "published": "span_photo"}
    with pytest.raises(InputError, match=words):
        given.check({"models": {"photo": model}, "pairs": {"scale": scale}}, "photo")


def test_the_models_of_the_project_are_whole():
    """Each folder of pretrained/: small, with its card, record and origin, and their hashes."""
    root = Path(given.__file__).resolve().parents[4] / "pretrained"
    folders = sorted(path for path in root.iterdir() if path.is_dir() and path.name[0] not in "._")
    assert [folder.name for folder in folders] == [f"sandstone_x{scale}" for scale in (2, 3, 4)]
    size = sum(file.stat().st_size for folder in folders for file in folder.iterdir())
    assert size <= 2 * 2**20
    for folder in folders:
        assert given.folder.check(folder)["scale"] == int(folder.name[-1])
        assert given.folder.training_of(folder)
        assert given.folder.published_of(folder)["licence"] == "MIT"
        assert (folder / "model_card.md").is_file()
        json.loads((folder / "generator.json").read_text(encoding="utf-8"))


def merged(base: dict, over: dict) -> dict:
    """Lay one config over another, as Snakemake does."""
    both = {
        key: merged(base[key], value) if isinstance(base.get(key), dict) and value else value
        for key, value in over.items()
        if isinstance(value, dict)
    }
    return {**base, **over, **both}


@pytest.mark.parametrize("without", [None, "versa"])
def test_they_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str | None
):
    """Training them takes minutes; that the config of the trainings is a valid one, none."""
    repository = Path(given.__file__).resolve().parents[4]
    spec = importlib.util.spec_from_file_location("make", repository / "pretrained" / "make.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    rocks = (*make.ROCKS, "carbonate")
    monkeypatch.setattr(make, "volumes", lambda _: dict.fromkeys(rocks, "rock.tif"))
    base, own = (
        yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (repository / "config.yaml", repository / "config" / "pretrained.yaml")
    )
    config = merged(merged(base, own), make.overlay(tmp_path, 3, without))
    checks.validate(config, base)
    assert config["models"]["photo"]["weights"] == "data/photo"
    assert ("versa" in config["models"]["sandstone"]["train_on"]) == (without is None)
