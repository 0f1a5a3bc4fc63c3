import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from helpers import given_model, small_upscaling

from sandstone.errors import InputError
from sandstone.models import folder
from sandstone.models.description import parameter_count


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return given_model.write(tmp_path / "old")


def refused(given: Path, *words: str) -> None:
    """Check that a folder is refused in one sentence that names it."""
    with pytest.raises(InputError) as caught:
        folder.check(given)
    assert "\n" not in str(caught.value)
    for word in (str(given), *words):
        assert word in str(caught.value)


def test_what_keras_saves_is_accepted(tmp_path: Path) -> None:
    given = small_upscaling.save_model(tmp_path / "old", batch_norm=True)
    shapes = folder.weight_shapes(given / "generator.weights.h5", remedy="copy it")
    generator = folder.check(given)
    assert generator["batch_norm"] is True
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == parameter_count(generator)


@pytest.mark.parametrize("name", ["generator.json", "generator.weights.h5"])
def test_a_folder_without_a_file_is_refused(given: Path, name: str) -> None:
    (given / name).unlink()
    refused(given, f"holds no {name}", "name the folder of a trained model")


@pytest.mark.parametrize(
    ("text", "word"),
    [("{", "not valid JSON"), ('{"blocks": 0}', "blocks is 0"), ('{"depth": 3}', "depth")],
)
def test_a_broken_description_is_refused(given: Path, text: str, word: str) -> None:
    (given / "generator.json").write_text(text)
    refused(given, "generator.json", word)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_truncated_weights_are_refused(given: Path, share: float) -> None:
    weights = given / "generator.weights.h5"
    content = weights.read_bytes()
    weights.write_bytes(content[: int(share * len(content))])
    refused(given, "damaged or no HDF5 file", "copy the folder again")


def test_weights_of_another_network_are_refused(given: Path, tmp_path: Path) -> None:
    other = given_model.write(tmp_path / "other", blocks=2)
    shutil.copy(other / "generator.json", given)
    refused(given, "numbers, but the network of generator.json beside it has")


@pytest.mark.parametrize("values", [np.float32("nan"), 7])
def test_weights_that_are_no_finite_numbers_are_refused(given: Path, values: float) -> None:
    count = parameter_count(folder.generator_of(given))
    given_model.write_weights(given, np.full(count, values))
    refused(given, "layers/all/vars/0 holds numbers that are not finite")


def test_a_record_of_these_weights_tells_the_training(given: Path) -> None:
    assert folder.training_of(given) == {}
    given_model.write_record(given)
    folder.check(given)
    assert folder.training_of(given)["parameters"] == given_model.PARAMETERS


def test_weights_that_the_record_does_not_know_are_refused(given: Path) -> None:
    given_model.write_record(given, outputs=[])
    refused(given, "none of the files that training.provenance.json", "remove that record")


@pytest.mark.parametrize(
    "changes",
    [
        {"voxel_size_um": {"castlegate": [2.0, 2.0]}},
        {"voxel_size_um": [2.0, 2.0, 2.0]},
        {"parameters": {}},
        {"inputs": [{"sha256": 3}]},
        {"outputs": None},
    ],
)
def test_a_damaged_record_is_refused(given: Path, changes: dict) -> None:
    given_model.write_record(given, **changes)
    refused(given, f"{next(iter(changes))} is", "the training then counts as unknown")


def test_the_digest_is_that_of_what_counts_wherever_it_lies(given: Path, tmp_path: Path) -> None:
    before = folder.digest(given)
    (given / "model_card.md").write_text("# Another page")
    moved = shutil.move(given, tmp_path / "elsewhere")
    assert folder.digest(moved) == before
    given_model.write_record(Path(moved))
    with_record = folder.digest(moved)
    given_model.write(Path(moved), seed=1)
    assert len({before, with_record, folder.digest(moved)}) == 3


def test_the_files_that_count_are_those_that_are_there(given: Path) -> None:
    names = ["generator.json", "generator.weights.h5"]
    assert [file.name for file in folder.files_of(given)] == names
    given_model.write_record(given)
    assert [file.name for file in folder.files_of(given)] == [*names, folder.RECORD]
    assert json.loads((given / folder.RECORD).read_text())["seed"] == 7
