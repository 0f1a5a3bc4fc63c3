"""The record beside an artefact: what it names, and what it leaves out."""

import argparse
import hashlib
import json
import os

import pytest

from sandstone import cli
from sandstone.provenance import code as code_of_scripts
from sandstone.provenance.record import write_record

SCRIPT = "workflow/scripts/make_pairs.py"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory that holds an input and an output."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/in.tif").write_bytes(b"slices")
    (tmp_path / "results/out.h5").write_bytes(b"pairs")
    return tmp_path


def flags(**changes):
    values = {
        "slices": cli.InputPath("results/in.tif"),
        "scale": 4,
        "window": [0.1, 99.9],
        "train": range(6),
        "plug": True,
        "dataset": None,
        "seed": 7,
        "output": cli.OutputPath("results/out.h5"),
        "checkpoint_dir": cli.WorkPath("results/checkpoints"),
        "provenance": "results/out.provenance.json",
    }
    return argparse.Namespace(**{**values, **changes})


def record(args, **details):
    write_record(SCRIPT, args, **details)
    with open(args.provenance, encoding="utf-8") as stream:
        return json.load(stream)


def digest(content):
    return hashlib.sha256(content).hexdigest()


def test_files_have_path_size_and_hash(folder):
    written = record(flags())
    assert written["inputs"] == [
        {"path": "results/in.tif", "bytes": 6, "sha256": digest(b"slices")}
    ]
    assert written["outputs"] == [
        {"path": "results/out.h5", "bytes": 5, "sha256": digest(b"pairs")}
    ]


def test_parameters_are_the_flags_that_name_no_file(folder):
    written = record(flags())
    assert written["parameters"] == {
        "scale": 4,
        "window": [0.1, 99.9],
        "train": "0:5",
        "plug": True,
        "seed": 7,
    }
    assert written["seed"] == 7


def test_command_spells_every_flag_out(folder):
    assert record(flags(scale=2))["command"] == (
        "python workflow/scripts/make_pairs.py --slices results/in.tif --scale 2 "
        "--window 0.1 99.9 --train 0:5 --plug true --seed 7 --output results/out.h5 "
        "--checkpoint-dir results/checkpoints"
    )


def test_command_quotes_what_a_shell_would_run(folder):
    (folder / "a $(touch b).tif").touch()
    command = record(flags(slices=cli.InputPath("a $(touch b).tif")))["command"]
    assert "--slices 'a $(touch b).tif'" in command


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((4.0, 2.0, 2.0), [4.0, 2.0, 2.0]),
        ({"berea": (4.0, 2.0, 2.0)}, {"berea": [4.0, 2.0, 2.0]}),
        (None, None),
    ],
)
def test_voxel_size_is_that_of_the_result(folder, sizes, expected):
    assert record(flags(), voxel_size_um=sizes)["voxel_size_um"] == expected


def test_code_is_the_script_and_its_modules(folder, repository):
    code = record(flags())["code"]
    assert code[0]["path"] == SCRIPT
    assert "workflow/scripts/sandstone/dataset/pairs.py" in [file["path"] for file in code]
    for file in code:
        assert file["sha256"] == digest((repository / file["path"]).read_bytes())


def test_packages_have_versions(folder):
    packages = record(flags())["packages"]
    assert packages["python"].count(".") == 1
    assert packages["h5py"].count(".") == 2


def test_an_absent_package_is_left_out(folder, monkeypatch):
    monkeypatch.setattr(code_of_scripts, "packages_of", lambda _: ["no-such-package"])
    assert record(flags())["packages"].keys() == {"python"}


def test_files_behind_a_folder_are_named_by_the_caller(folder):
    (folder / "stack").mkdir()
    (folder / "stack/a.tif").write_bytes(b"a")
    written = record(flags(slices=cli.InputPath("stack")), inputs=[folder / "stack/a.tif"])
    assert [file["path"] for file in written["inputs"]] == ["stack/a.tif"]


def test_a_file_named_twice_is_listed_once(folder):
    assert len(record(flags(), inputs=["results/in.tif"])["inputs"]) == 1


def test_no_absolute_path_gets_in(folder, tmp_path_factory):
    outside = tmp_path_factory.mktemp("elsewhere") / "rock.tif"
    outside.write_bytes(b"rock")
    args = flags(slices=cli.InputPath(outside), output=cli.OutputPath(folder / "results/out.h5"))
    written = record(args)
    assert written["inputs"] == [{"name": "rock.tif", "bytes": 4, "sha256": digest(b"rock")}]
    assert written["outputs"][0]["path"] == "results/out.h5"
    assert str(outside.parent) not in json.dumps(written)
    assert os.fspath(folder) not in json.dumps(written)


def test_the_same_run_elsewhere_has_the_same_record(folder, tmp_path_factory, monkeypatch):
    first = record(flags(slices=cli.InputPath(folder / "results/in.tif")))
    other = tmp_path_factory.mktemp("other")
    (other / "results").mkdir()
    for name in ("in.tif", "out.h5"):
        (other / "results" / name).write_bytes((folder / "results" / name).read_bytes())
    monkeypatch.chdir(other)
    assert record(flags()) == first


def test_without_the_flag_nothing_is_written(folder):
    before = sorted(folder.rglob("*"))
    write_record(SCRIPT, flags(provenance=None))
    assert sorted(folder.rglob("*")) == before
