import hashlib
import json

import pytest

from sandstone import files
from sandstone.errors import InputError


def test_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "table.csv"
    with files.atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


def write_half(path, error):
    with files.atomic_path(path) as temporary:
        temporary.write_text("half of the new")
        raise error


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_nothing_behind(tmp_path, error):
    with pytest.raises(error):
        write_half(tmp_path / "table.csv", error)
    assert list(tmp_path.iterdir()) == []


def test_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(RuntimeError):
        write_half(path, RuntimeError)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_success_replaces_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    files.write_text(path, "a longer old text")
    files.write_text(path, "new")
    assert path.read_text() == "new"


def test_temporary_name_keeps_all_suffixes(tmp_path):
    with files.atomic_path(tmp_path / "generator.weights.h5") as temporary:
        temporary.touch()
        assert temporary.name.endswith(".weights.h5")
        assert temporary.name != "generator.weights.h5"


def test_leftover_of_a_killed_run_is_no_obstacle(tmp_path):
    path = tmp_path / "table.csv"
    with files.atomic_path(path) as temporary:
        name = temporary.name
        temporary.touch()
    (tmp_path / name).write_text("left by a run that was killed")
    files.write_text(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_text_is_utf8(tmp_path):
    files.write_text(tmp_path / "a.txt", "2.2 µm\n")
    assert (tmp_path / "a.txt").read_bytes() == b"2.2 \xc2\xb5m\n"


def test_json_keeps_order_and_ends_in_a_line_break(tmp_path):
    content = {"window": [0.1, 99.9], "box": [[0, 4]], "absent": None}
    files.write_json(tmp_path / "a.json", content)
    text = (tmp_path / "a.json").read_text()
    assert list(json.loads(text)) == ["window", "box", "absent"]
    assert json.loads(text) == content
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_json_refuses_what_json_cannot_say(tmp_path, value):
    path = tmp_path / "a.json"
    files.write_json(path, {"psnr_db": 27.0})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"psnr_db": value})
    assert json.loads(path.read_text()) == {"psnr_db": 27.0}
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "is not valid JSON; make it again"),
        ("[" * 100_000, "is not valid JSON; make it again"),
        ("[]", "holds no JSON object; make it again"),
        ('{"shape": 1}', "lacks dtype; make it again"),
    ],
)
def test_json_that_is_no_object_with_these_keys_is_refused(tmp_path, text, expected):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=expected):
        files.read_json(tmp_path / "a.json", keys=("shape", "dtype"), remedy="make it again")


def test_json_comes_back(tmp_path):
    files.write_json(tmp_path / "a.json", {"shape": [1, 2]})
    assert files.read_json(tmp_path / "a.json", keys=["shape"], remedy="") == {"shape": [1, 2]}


def test_json_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"a\.json does not exist; run the step"):
        files.read_json(tmp_path / "a.json", remedy="")


@pytest.mark.parametrize("size", [0, 3, 300_000])
def test_sha256_is_that_of_the_bytes(tmp_path, size):
    path = tmp_path / "volume.raw"
    path.write_bytes(bytes(range(256)) * (size // 256) + b"abc"[: size % 256])
    assert files.sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_sha256_of_nothing_is_the_published_one(tmp_path):
    (tmp_path / "empty").touch()
    assert files.sha256_of(str(tmp_path / "empty")).startswith("e3b0c44298fc1c149afbf4c8996fb924")


def test_a_table_has_plain_line_feeds_and_quotes_what_needs_it():
    rows = [["rock, grey", 1.5], ["", None]]
    assert files.csv_text(["sample", "mean"], iter(rows)) == 'sample,mean\n"rock, grey",1.5\n,\n'
