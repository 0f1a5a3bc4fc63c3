import copy
from pathlib import Path

import pytest
import yaml
from helpers import given_model

from sandstone.config import checks, given
from sandstone.errors import InputError

Config = checks.Config

ALIKE = {"blocks": 8, "filters": 32}


@pytest.fixture
def base(repository: Path) -> Config:
    return yaml.safe_load((repository / "config.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def config(base: Config, tmp_path: Path) -> Config:
    """The config of a study that measures a given model."""
    config = copy.deepcopy(base)
    config["models"]["old"] = {"weights": str(given_model.write(tmp_path / "old", **ALIKE))}
    config["evaluation"]["models"] = ["old"]
    return config


def refused(config: Config, *words: str) -> None:
    with pytest.raises(InputError) as caught:
        checks.validate(config)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_given_model_needs_no_training_and_gets_no_defaults(config: Config) -> None:
    before = copy.deepcopy(config["models"]["old"])
    checks.validate(config)
    assert config["models"]["old"] == before


def test_a_given_model_may_start_others_and_upscale(config: Config, tmp_path: Path) -> None:
    (tmp_path / "plug.tif").touch()
    config["models"]["srgan"]["init_from"] = "old"
    config["evaluation"]["models"] = ["srgan"]
    config["upscale"] = {"plug": {"path": str(tmp_path / "plug.tif"), "model": "old"}}
    checks.validate(config)


def test_a_model_that_starts_from_it_has_its_generator(config: Config) -> None:
    config["models"]["srgan"]["init_from"] = "old"
    config["models"]["srgan"]["generator"]["blocks"] = 9
    config["evaluation"]["models"] = ["srgan"]
    refused(config, "models.srgan starts from old, whose generator differs (blocks: 8 against 9)")


def test_its_generator_is_that_of_its_folder(config: Config) -> None:
    own = given.generator(config, "old")
    assert (own["blocks"], own["filters"], "scale" in own) == (8, 32, False)
    assert given.generator(config, "srgan") == config["models"]["srgan"]["generator"]


def test_settings_of_a_training_beside_it_are_refused(config: Config) -> None:
    config["models"]["old"] |= {"steps": 3, "loss": {"pixel": 1.0}}
    refused(config, "models.old has weights, so it is never trained, but also loss, steps; remove")


def test_it_takes_the_place_of_a_training_below_the_overlay(base: Config, config: Config) -> None:
    config["models"]["srresnet"]["weights"] = config["models"]["old"]["weights"]
    config["evaluation"]["models"] = ["srgan"]
    checks.validate(config, base)
    assert [*config["models"]["srresnet"]] == ["weights"]


def test_a_setting_that_an_overlay_adds_is_refused(base: Config, config: Config) -> None:
    config["models"]["srresnet"] |= {**config["models"]["old"], "steps": 9}
    with pytest.raises(InputError, match="but also steps; remove these"):
        checks.validate(config, base)


@pytest.mark.parametrize("models", [None, 3, {"old": 3}, {"old": {"weights": 3}}])
def test_what_is_no_mapping_or_no_text_is_left_to_the_schema(
    base: Config, config: Config, models: object
) -> None:
    config["models"] = models
    with pytest.raises(InputError, match=r"must be (a mapping of keys|text)"):
        checks.validate(config, base)


def test_a_folder_that_is_not_there_is_refused(config: Config, tmp_path: Path) -> None:
    config["models"]["old"]["weights"] = str(tmp_path / "none")
    refused(config, "models.old.weights is", "where nothing is; name the folder of a trained")
    config["models"]["old"]["weights"] = "~/none"
    refused(config, "write your home folder out")
    config["models"]["old"]["weights"] = __file__
    refused(config, "which is no folder")
    config["models"]["old"]["weights"] = "{old}"
    refused(config, "cannot pass on the character")


def test_another_scale_is_refused(config: Config, tmp_path: Path) -> None:
    given_model.write(tmp_path / "old", scale=2)
    refused(config, "which enlarges by 2, while pairs.scale is 4; set pairs.scale to 2")


def test_damaged_weights_are_refused(config: Config, tmp_path: Path) -> None:
    (tmp_path / "old/generator.weights.h5").write_bytes(b"\x89HDF")
    refused(config, "config: models.old.weights: ", "damaged or no HDF5 file")


def test_without_a_library_weights_are_left_to_the_job(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "old/generator.weights.h5").write_bytes(b"\x89HDF")
    monkeypatch.setattr(given, "READERS", ("no_such_library",))
    checks.validate(config)


def test_a_given_model_that_nobody_uses_stops_nobody(config: Config) -> None:
    config["models"]["old"]["weights"] = "none"
    config["evaluation"]["models"] = ["srresnet"]
    checks.validate(config)
