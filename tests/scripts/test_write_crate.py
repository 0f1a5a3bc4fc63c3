"""The crate of a run: what it holds, and when it is refused."""

import json
import os

import pytest
import yaml

import write_crate
from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.provenance import records
from sandstone.provenance.record import code_of, packages_of

ENDED = 1_750_000_000  # seconds since 1970: 2025-06-15T15:06:40Z


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working directory after a run of one job that read a volume from elsewhere."""
    (tmp_path / "here/results/slices").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "rock.tif").write_bytes(b"rock")
    output = tmp_path / "here/results/slices/berea.tif"
    output.write_bytes(b"slices")
    content = {
        "script": "slice_volume",
        "command": "python workflow/scripts/slice_volume.py --window 0.1 99.9",
        "parameters": {"window": [0.1, 99.9], "dtype": "uint8"},
        "inputs": [{"name": "rock.tif", "bytes": 4, "sha256": sha256_of(tmp_path / "rock.tif")}],
        "outputs": [{"path": "results/slices/berea.tif", "bytes": 6, "sha256": sha256_of(output)}],
        "code": code_of("slice_volume"),
        "packages": packages_of("slice_volume"),
    }
    record = tmp_path / "here/results/slices/berea.provenance.json"
    record.write_text(json.dumps(content))
    os.utime(record, (ENDED, ENDED))
    return tmp_path / "here"


def write(folder, external_inputs=("../rock.tif",)):
    write_crate.main(
        [
            *("--records", "results/slices/berea.provenance.json"),
            *("--external-inputs", *external_inputs),
            *("--config", '{"seed": 1, "samples": {"berea": {"path": "rock µ.tif"}}}'),
            *("--snakemake", "9.27.1", "--crate", "results/ro-crate-metadata.json"),
            *("--code", "results/code", "--config-file", "results/config.yaml"),
        ]
    )
    graph = json.loads((folder / "results/ro-crate-metadata.json").read_text())["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_a_job_is_an_action_on_files_and_parameters(folder):
    crate = write(folder)
    run = crate["#run/slices/berea"]
    assert run["instrument"] == {"@id": "code/workflow/scripts/slice_volume.py"}
    assert run["result"] == [{"@id": "slices/berea.tif"}]
    rock = f"urn:sha256:{sha256_of('../rock.tif')}"
    assert run["object"] == [
        {"@id": rock},
        {"@id": "#parameter/slices/berea/window"},
        {"@id": "#parameter/slices/berea/dtype"},
    ]
    assert crate[rock]["name"] == "rock.tif"
    assert crate["#parameter/slices/berea/window"]["value"] == "0.1 99.9"
    assert crate["slices/berea.tif"]["encodingFormat"] == "image/tiff"


def test_times_are_those_of_the_records(folder):
    crate = write(folder)
    for name, key in (("#run/slices/berea", "endTime"), ("./", "datePublished")):
        assert crate[name][key] == "2025-06-15T15:06:40+00:00"


def test_code_and_configuration_come_with_it(folder):
    crate = write(folder)
    copied = folder / "results/code"
    for file in code_of("slice_volume"):
        assert sha256_of(copied / file["path"]) == file["sha256"]
    assert (copied / "Snakefile").is_file()
    assert not list(copied.rglob("__pycache__"))
    assert yaml.safe_load((folder / "results/config.yaml").read_text(encoding="utf-8")) == {
        "seed": 1,
        "samples": {"berea": {"path": "rock µ.tif"}},
    }
    assert crate["code/Snakefile"]["version"] == write_crate.project_version(records.PROJECT)


def test_an_older_copy_of_the_code_is_replaced(folder):
    (folder / "results/code/workflow").mkdir(parents=True)
    (folder / "results/code/workflow/gone.py").touch()
    write(folder)
    assert not (folder / "results/code/workflow/gone.py").exists()


@pytest.mark.parametrize(
    ("change", "external_inputs", "expected"),
    [
        (
            "results/slices/berea.tif",
            ["../rock.tif"],
            "output results/slices/berea.tif has changed",
        ),
        ("../rock.tif", ["../rock.tif"], "input rock.tif has changed"),
        (None, [], "input rock.tif is missing"),
    ],
)
def test_a_run_that_is_no_longer_whole_is_refused(folder, change, external_inputs, expected):
    if change:
        (folder / change).write_bytes(b"another")
    with pytest.raises(InputError, match=expected):
        write(folder, external_inputs)
    assert not (folder / "results/ro-crate-metadata.json").exists()


def test_a_project_without_a_part_is_refused(tmp_path):
    (tmp_path / "Snakefile").touch()
    with pytest.raises(InputError, match=r"config\.yaml is missing; restore it"):
        write_crate.copy_code(tmp_path, tmp_path / "results/code")
    assert [path.name for path in tmp_path.iterdir()] == ["Snakefile"]
