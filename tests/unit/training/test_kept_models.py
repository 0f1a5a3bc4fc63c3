"""A trained model outlives the start of its retraining, and goes when the next one is whole."""

import os
import shutil
from pathlib import Path

import pytest

from sandstone.training import kept_models

NAMES = ("generator.weights.h5", "training.provenance.json")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Results with one trained model."""
    write(tmp_path / "models/srgan", "first")
    return tmp_path


def write(folder: Path, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def kept(results: Path) -> dict[str, str]:
    folder = results / "checkpoints/srgan/last-model"
    return {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*"))}


def test_a_model_that_is_deleted_is_kept_and_named(results):
    kept_models.keep(results, NAMES)
    shutil.rmtree(results / "models/srgan")
    assert kept(results) == dict.fromkeys(NAMES, "first")
    (sentence,) = kept_models.settle(results, NAMES)
    assert "srgan is in" in sentence
    assert str(results / "checkpoints/srgan/last-model") in sentence


def test_it_takes_no_room(results):
    kept_models.keep(results, NAMES)
    model, copy = results / "models/srgan", results / "checkpoints/srgan/last-model"
    assert all((model / name).samefile(copy / name) for name in NAMES)


def test_its_successor_takes_its_place(results):
    kept_models.keep(results, NAMES)
    write(results / "models/srgan", "second")
    kept_models.keep(results, NAMES)
    assert kept(results) == dict.fromkeys(NAMES, "second")


def test_half_a_model_does_not_take_its_place(results):
    kept_models.keep(results, NAMES)
    (results / "models/srgan" / NAMES[0]).unlink()
    kept_models.keep(results, NAMES)
    assert kept(results) == dict.fromkeys(NAMES, "first")


def test_nothing_is_left_when_every_model_is_whole(results):
    kept_models.keep(results, NAMES)
    assert kept_models.settle(results, NAMES) == []
    assert not (results / "checkpoints/srgan").exists()


def test_checkpoints_beside_it_stay(results):
    kept_models.keep(results, NAMES)
    (results / "checkpoints/srgan/step_000000001.npz").touch()
    kept_models.settle(results, NAMES)
    assert [each.name for each in (results / "checkpoints/srgan").iterdir()] == [
        "step_000000001.npz"
    ]


def test_without_hard_links_it_is_copied(results, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    kept_models.keep(results, NAMES)
    assert kept(results) == dict.fromkeys(NAMES, "first")


def test_results_without_models_are_fine(tmp_path):
    kept_models.keep(tmp_path / "absent", NAMES)
    assert kept_models.settle(tmp_path / "absent", NAMES) == []
