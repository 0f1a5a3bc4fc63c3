"""A model that was trained before: taken byte for byte, with what is known of its training."""

import json
from pathlib import Path

import pytest
from helpers import given_model

import take_model
from sandstone.errors import InputError
from sandstone.files import sha256_of


@pytest.fixture
def given(tmp_path: Path) -> Path:
    return given_model.write(tmp_path / "old")


def take(given: Path, results: Path) -> Path:
    names = {
        "weights": "generator.weights.h5",
        "generator": "generator.json",
        "training": "training.json",
        "provenance": "given.provenance.json",
    }
    flags = [word for flag, name in names.items() for word in (f"--{flag}", str(results / name))]
    take_model.main(["--folder", str(given), *flags])
    return results


def test_the_files_keep_their_bytes(given: Path, tmp_path: Path) -> None:
    taken = take(given_model.write_record(given), tmp_path / "results")
    for name in ("generator.weights.h5", "generator.json"):
        assert (taken / name).read_bytes() == (given / name).read_bytes()
    training = json.loads((taken / "training.json").read_text())
    assert training == json.loads((given / "training.provenance.json").read_text())


def test_the_record_holds_the_hashes_of_the_folder(
    given: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = take(given_model.write_record(Path("old")), Path("results"))
    record = json.loads((taken / "given.provenance.json").read_text())
    names = ("generator.json", "generator.weights.h5", "training.provenance.json")
    assert {each["path"]: each["sha256"] for each in record["inputs"]} == {
        f"old/{name}": sha256_of(given / name) for name in names
    }
    assert {each["path"] for each in record["outputs"]} == {
        f"results/{name}" for name in ("generator.json", "generator.weights.h5", "training.json")
    }
    assert record["voxel_size_um"] == {"castlegate": [3.0, 2.0, 2.0]}


def test_what_is_known_of_the_training_is_told(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    take(given_model.write_record(given), tmp_path / "results")
    told = capsys.readouterr().out
    assert told == "trained on castlegate for 30 steps; losses: 1 × pixel (l1)\n"


def test_an_unknown_training_is_a_note(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = take(given, tmp_path / "results")
    assert json.loads((taken / "training.json").read_text()) == {}
    told = capsys.readouterr().out
    assert told.startswith("note: ")
    assert "what its model was trained on is unknown" in told


def test_settings_of_no_training_are_refused(given: Path, tmp_path: Path) -> None:
    learning = {"schedule": "constant", "decay_every": 1, "decay_rate": 1, "learning_rate": "fast"}
    given_model.write_record(given, parameters={"steps": 3, **learning})
    with pytest.raises(InputError, match=r"training\.provenance\.json has settings of no training"):
        take(given, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def test_a_damaged_folder_is_refused_and_nothing_written(given: Path, tmp_path: Path) -> None:
    (given / "generator.weights.h5").write_bytes(b"")
    with pytest.raises(InputError, match="damaged or no HDF5 file"):
        take(given, tmp_path / "results")
    assert not (tmp_path / "results").exists()


PUBLISHED = {
    "network": "SPAN",
    "source": "https://example.org/span.pth",
    "sha256": "ab" * 32,
    "licence": "MIT",
    "seen": "photographs, and no rock",
}


def publish(folder: Path, **changes: str) -> Path:
    weights = sha256_of(folder / "generator.weights.h5")
    content = {**PUBLISHED, "weights": weights, **changes}
    (folder / "published.json").write_text(json.dumps(content))
    return folder


def test_published_weights_bring_their_origin(
    given: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = take(publish(given), tmp_path / "results")
    assert json.loads((taken / "training.json").read_text())["published"]["licence"] == "MIT"
    assert capsys.readouterr().out == "SPAN was published; it saw photographs, and no rock\n"


def test_an_origin_of_other_weights_is_refused(given: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="tells of other weights than"):
        take(publish(given, weights="00" * 32), tmp_path / "results")


def test_an_origin_that_does_not_say_all_is_refused(given: Path, tmp_path: Path) -> None:
    (given / "published.json").write_text(json.dumps({"network": "SPAN"}))
    with pytest.raises(InputError, match=r"published\.json"):
        take(given, tmp_path / "results")
