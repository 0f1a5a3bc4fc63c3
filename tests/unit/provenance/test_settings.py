import json

import pytest

from sandstone.provenance import settings

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


@pytest.fixture
def record(tmp_path):
    (tmp_path / "srgan").mkdir()
    path = tmp_path / "srgan/training.provenance.json"
    path.write_text(json.dumps(RECORD))
    return str(path)


def found(record, words):
    return [tuple(vars(each).values()) for each in settings.differences({record: words})]


def test_equal_settings_are_no_difference_however_a_number_is_written(record):
    assert found(record, SAME) == []


@pytest.mark.parametrize(
    ("words", "difference"),
    [
        (["--steps", "500000"], ("srgan", "steps", "6", "500000")),
        (["--augment", "false"], ("srgan", "augment", "true", "false")),
        (["--window", "0.1", "99"], ("srgan", "window", "0.1 99.9", "0.1 99")),
        (["--clip-norm", "1"], ("srgan", "clip norm", "none", "1")),
    ],
)
def test_a_setting_that_differs_is_told_with_both_values(record, words, difference):
    assert found(record, words) == [difference]


def test_other_results_are_named_by_folder_and_name(record, tmp_path):
    (tmp_path / "pairs").mkdir()
    other = tmp_path / "pairs/berea.provenance.json"
    other.write_text(json.dumps(RECORD))
    assert found(str(other), ["--steps", "7"]) == [("pairs/berea", "steps", "6", "7")]


def test_results_without_a_readable_record_are_left_out(record, tmp_path):
    damaged = tmp_path / "summary.provenance.json"
    damaged.write_text("{")
    for path in (damaged, tmp_path / "absent.provenance.json"):
        assert found(str(path), ["--steps", "7"]) == []
