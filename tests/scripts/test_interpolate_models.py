"""A model between two others."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
from helpers import given_model

import interpolate_models
from sandstone.errors import InputError

NAME = "generator.weights.h5"


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two models of one network with records of their trainings, in the working directory."""
    monkeypatch.chdir(tmp_path)
    folders = [given_model.write(Path(name), seed=seed) for seed, name in enumerate(("a", "b"))]
    return [given_model.write_record(folder) for folder in folders]


def between(ends: list[Path], alpha: float, made: Path) -> Path:
    first, second = map(str, ends)
    records = [f"{folder}/training.provenance.json" for folder in (first, second)]
    interpolate_models.main(
        [
            *("--first", first, "--second", second, "--trainings", *records),
            *("--alpha", str(alpha), "--weights", str(made / NAME)),
            *("--generator", str(made / "generator.json")),
            *("--provenance", str(made / "training.provenance.json")),
        ]
    )
    return made


def numbers(folder: Path) -> np.ndarray:
    with h5py.File(folder / NAME) as stream:
        return stream["layers/all/vars/0"][()]


def test_weights_lie_between_those_of_both(ends: list[Path]) -> None:
    made = numbers(between(ends, 0.25, Path("made")))
    first, second = map(numbers, ends)
    np.testing.assert_allclose(made, 0.75 * first + 0.25 * second, rtol=1e-6)
    assert made.dtype == np.float32


@pytest.mark.parametrize(("alpha", "end"), [(0, 0), (1, 1)])
def test_the_ends_are_the_models_themselves(ends: list[Path], alpha: float, end: int) -> None:
    made = between(ends, alpha, Path("made"))
    np.testing.assert_array_equal(numbers(made), numbers(ends[end]))
    assert json.loads((made / "generator.json").read_text()) == json.loads(
        (ends[0] / "generator.json").read_text()
    )


def test_equal_ends_give_equal_bytes(ends: list[Path]) -> None:
    one, two = (between(ends, 0.3, Path(name)) for name in ("one", "two"))
    assert (one / NAME).read_bytes() == (two / NAME).read_bytes()


def test_the_record_names_the_younger_model_first(ends: list[Path]) -> None:
    from sandstone.provenance import line

    made = between(ends, 0.3, Path("made"))
    training = line.read_training(made / "training.provenance.json", elsewhere=False)
    assert line.ends(training) == ["b", "a"]
    assert training.is_between
    assert training.parent == "b"
    assert training.samples == ["castlegate"]


def test_the_record_knows_the_domain_of_both(ends: list[Path]) -> None:
    for number, folder in enumerate(ends):
        record = folder / "training.provenance.json"
        told = json.loads(record.read_text(encoding="utf-8"))
        domain = {f"rock{number}": {"detail": -1.0 - number, "grey": [0.5] * 19}}
        record.write_text(json.dumps({**told, "domain": domain}), encoding="utf-8")
    made = between(ends, 0.3, Path("made")) / "training.provenance.json"
    assert json.loads(made.read_text(encoding="utf-8"))["domain"].keys() == {"rock0", "rock1"}


def test_different_networks_are_refused(ends: list[Path]) -> None:
    wider = given_model.write_record(given_model.write(Path("c"), filters=12))
    with pytest.raises(InputError, match="a and c hold different networks"):
        between([ends[0], wider], 0.5, Path("made"))
    assert not Path("made", NAME).exists()


def test_other_arrays_are_refused(ends: list[Path]) -> None:
    given_model.write_weights(ends[1], np.zeros(3, np.float32))
    with pytest.raises(InputError, match="weights of different networks"):
        between(ends, 0.5, Path("made"))
