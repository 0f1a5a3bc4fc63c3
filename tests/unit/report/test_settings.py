import json

import pytest

from sandstone.report import settings
from sandstone.report.results import Results

RECORD = {
    "script": "train",
    "command": (
        "python workflow/scripts/train.py --pairs 'results/pairs/a b.h5' --steps 6 --loss-pixel "
        "1.0 --augment true --window 0.1 99.9"
    ),
    "parameters": {},
    "inputs": [],
    "outputs": [],
    "code": [],
    "packages": {},
}
SAME = ["--steps", "6", "--loss-pixel", "1", "--augment", "true", "--window", "0.1", "99.9"]


STEM = "models/srgan/training"


@pytest.fixture
def results(tmp_path):
    write(tmp_path, STEM)
    return tmp_path


def write(folder, stem):
    path = folder / f"{stem}.provenance.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(RECORD), encoding="utf-8")


def found(results, words, stem=STEM):
    told = settings.differences(Results(results), {stem: words})
    return [tuple(vars(each).values()) for each in told]


def test_equal_settings_are_no_difference_however_a_number_is_written(results):
    assert found(results, SAME) == []


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["--steps", "500000"], ("srgan", "steps", "6", "500000")),
        (["--augment", "false"], ("srgan", "augment", "true", "false")),
        (["--window", "0.1", "99"], ("srgan", "window", "0.1 99.9", "0.1 99")),
        (["--clip-norm", "1"], ("srgan", "clip norm", "none", "1")),
        (["--augment"], ("srgan", "augment", "true", "none")),
    ],
)
def test_a_setting_that_differs_is_told_with_both_values(results, words, difference):
    assert found(results, words) == [difference]


@pytest.mark.parametrize(
    ("stem", "name"), [("pairs/berea", "pairs/berea"), ("upscaled/plug/layout", "plug")]
)
def test_other_results_are_named_by_what_they_are_of(results, stem, name):
    write(results, stem)
    assert found(results, ["--steps", "7"], stem) == [(name, "steps", "6", "7")]


def test_a_long_list_is_shortened(results):
    [(*_, configured)] = found(results, ["--window", *map(str, range(1000))])
    assert len(configured) < 200


def test_results_without_a_readable_record_are_left_out(results):
    (results / "summary.provenance.json").write_text("{", encoding="utf-8")
    for stem in ("summary", "absent"):
        assert found(results, ["--steps", "7"], stem) == []


def test_the_last_whole_model_stands_for_one_whose_training_failed(results):
    kept = results / "checkpoints/srgan/last-model"
    kept.parent.mkdir(parents=True)
    (results / "models/srgan").rename(kept)
    assert found(results, ["--steps", "7"]) == [("srgan", "steps", "6", "7")]
