import json
from pathlib import Path

import pytest

from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.provenance import origin

RECORD = {
    "script": "train",
    "command": "",
    "parameters": {},
    "inputs": [{"path": "results/pairs/berea.h5", "sha256": "ab" * 32}],
    "outputs": [{"path": "results/pairs/berea.h5", "sha256": "ab" * 32}],
    "code": [],
    "packages": {},
}


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Results with a model of unknown origin."""
    monkeypatch.chdir(tmp_path)
    results = Path("results")
    for folder in ("pairs", "models/srgan"):
        (results / folder).mkdir(parents=True)
    (results / "models/srgan/generator.weights.h5").write_bytes(b"weights")
    return results


def record(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**RECORD, **changes}))


def check(results: Path, *, made: bool = False) -> None:
    origin.check_trained(results, "srgan", made=made)


FOREIGN = r"was not trained here; .* models\.srgan: \{weights: data/models/srgan\}"


def test_a_model_without_a_record_is_not_trained_over(results: Path) -> None:
    with pytest.raises(InputError, match=FOREIGN):
        check(results)


def test_a_model_with_the_record_of_another_study_is_not_either(results: Path) -> None:
    record(results / "models/srgan/training.provenance.json")
    with pytest.raises(InputError, match=FOREIGN):
        check(results)
    record(results / "pairs/berea.provenance.json", outputs=[{"sha256": "cd" * 32}])
    with pytest.raises(InputError, match=FOREIGN):
        check(results)


@pytest.mark.parametrize("content", ["{", "{}", json.dumps({**RECORD, "inputs": [3]})])
def test_a_record_that_is_none_proves_nothing(results: Path, content: str) -> None:
    (results / "models/srgan/training.provenance.json").write_text(content)
    with pytest.raises(InputError, match=FOREIGN):
        check(results)


def test_results_that_were_copied_without_snakemakes_records_are_their_own(results: Path) -> None:
    record(results / "models/srgan/training.provenance.json")
    record(results / "pairs/berea.provenance.json")
    check(results)


def test_what_snakemake_has_made_is_trained_again(results: Path) -> None:
    check(results, made=True)


def test_a_killed_training_continues(results: Path) -> None:
    (results / "checkpoints/srgan").mkdir(parents=True)
    check(results)


def test_where_no_model_is_one_can_be_trained(results: Path) -> None:
    (results / "models/srgan/generator.weights.h5").unlink()
    check(results)


def test_a_training_does_not_take_the_place_of_a_given_model(results: Path) -> None:
    record(results / "models/srgan/given.provenance.json")
    with pytest.raises(InputError, match="holds the copy of a given model"):
        check(results, made=True)


# --- given models ---


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "data/models/old"
    folder.mkdir(parents=True)
    (folder / "generator.weights.h5").write_bytes(b"weights")
    return folder


@pytest.mark.parametrize("name", ["results/models/srgan", "results/../results/models/srgan"])
def test_a_model_is_not_taken_from_the_results(results: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"models\.srgan\.weights is .*, inside results, .*"):
        origin.check_given(results, "srgan", name)


def test_a_link_into_the_results_leads_there(results: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "results/models/srgan")
    with pytest.raises(InputError, match="inside results"):
        origin.check_given(results, "old", "link")


def test_a_trained_model_is_not_replaced(results: Path, given: Path) -> None:
    record(results / "models/srgan/training.provenance.json")
    with pytest.raises(InputError, match="another model, which the given one would replace"):
        origin.check_given(results, "srgan", str(given))


def test_weights_of_unknown_origin_are_replaced_by_equal_ones_only(
    results: Path, given: Path
) -> None:
    own = results / "models/srgan/generator.weights.h5"
    assert sha256_of(own) == sha256_of(given / "generator.weights.h5")
    origin.check_given(results, "srgan", str(given))
    own.write_bytes(b"others")
    with pytest.raises(InputError, match="another model, which the given one would replace"):
        origin.check_given(results, "srgan", str(given))


def test_what_was_taken_before_may_be_another_model_now(results: Path, given: Path) -> None:
    (results / "models/srgan/generator.weights.h5").write_bytes(b"others")
    record(results / "models/srgan/given.provenance.json")
    origin.check_given(results, "srgan", str(given))
