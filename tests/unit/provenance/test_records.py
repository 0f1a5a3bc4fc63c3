"""Records that are read back, and what they find changed."""

import json
import shutil

import pytest

from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.provenance import records
from sandstone.provenance.record import code_of, packages_of


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory with an input, an output, a volume outside it, and their record."""
    (tmp_path / "here/results").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for name in ("here/results/in.h5", "here/results/out.csv", "rock.tif"):
        (tmp_path / name).write_text(f"content of {name}")
    write(tmp_path / "here/results/out.provenance.json", tmp_path / "rock.tif")
    return tmp_path / "here"


def described(path, **place):
    return {**(place or {"path": str(path)}), "bytes": 1, "sha256": sha256_of(path)}


def write(path, rock, **changes):
    content = {
        "script": "plot_pairs",
        "command": "python workflow/scripts/plot_pairs.py",
        "parameters": {},
        "inputs": [described("results/in.h5"), described(rock, name="rock.tif")],
        "outputs": [described("results/out.csv")],
        "code": code_of("plot_pairs"),
        "packages": packages_of("plot_pairs"),
    }
    path.write_text(json.dumps({**content, **changes}))


def found(folder):
    external = records.by_name([folder.parent / "rock.tif"])
    return [change for _, change in records.mismatches(records.find("results"), external)]


def test_an_untouched_run_matches(folder):
    assert found(folder) == []


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("results/out.csv", "output results/out.csv has changed"),
        ("results/in.h5", "input results/in.h5 has changed"),
        ("../rock.tif", "input rock.tif has changed"),
    ],
)
def test_a_changed_file_is_named(folder, file, expected):
    (folder / file).write_text("something else")
    assert found(folder) == [expected]


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("results/out.csv", "output results/out.csv is missing"),
        ("../rock.tif", "input rock.tif is missing"),
    ],
)
def test_a_missing_file_is_named(folder, file, expected):
    (folder / file).unlink()
    assert found(folder) == [expected]


def test_a_file_outside_that_nobody_names_is_missing(folder):
    changes = records.mismatches(records.find("results"), {})
    assert [change for _, change in changes] == ["input rock.tif is missing"]


def test_one_of_several_files_of_a_name_is_enough(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "rock.tif"
    other.write_text("another rock")
    external = records.by_name([other, folder.parent / "rock.tif"])
    assert list(records.mismatches(records.find("results"), external)) == []


def test_an_input_that_was_moved_is_found_where_the_config_names_it_now(folder, tmp_path_factory):
    moved = shutil.move(folder / "results/in.h5", tmp_path_factory.mktemp("moved"))
    assert found(folder) == ["input results/in.h5 is missing"]
    external = records.by_name([moved, folder.parent / "rock.tif"])
    assert list(records.mismatches(records.find("results"), external)) == []


def test_changed_code_is_named(folder):
    code = [{"path": "workflow/scripts/plot_pairs.py", "sha256": "0" * 64}]
    write(folder / "results/out.provenance.json", folder.parent / "rock.tif", code=code)
    assert found(folder) == ["code workflow/scripts/plot_pairs.py has changed"]


def test_removed_code_is_named(folder):
    code = [{"path": "workflow/scripts/plot_gone.py", "sha256": "0" * 64}]
    changes = {"script": "plot_gone", "code": code}
    write(folder / "results/out.provenance.json", folder.parent / "rock.tif", **changes)
    assert found(folder) == ["code workflow/scripts/plot_gone.py is missing"]


def test_another_version_of_a_package_is_named(folder):
    packages = {"numpy": "1.0", "not-installed-here": "3.0"}
    write(folder / "results/out.provenance.json", folder.parent / "rock.tif", packages=packages)
    [change] = found(folder)
    assert change.startswith("package numpy was 1.0, is ")


def test_a_result_without_record_is_found(folder):
    for name in ("logs/a.log", "new.csv", "report.html", ".partial.b.csv", "deep/new.png"):
        path = folder / "results" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    left = records.unrecorded("results", records.find("results"))
    assert [str(path) for path in left] == [
        "results/deep/new.png",
        "results/in.h5",
        "results/new.csv",
    ]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "[" * 100_000])
def test_what_is_no_record_is_refused(tmp_path, text):
    path = tmp_path / "a.provenance.json"
    path.write_text(text)
    with pytest.raises(InputError, match="run the workflow again"):
        records.read(path)


def test_a_missing_record_is_refused(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        records.read(tmp_path / "a.provenance.json")
