"""The command that proves a run: silent success, named mismatches, exit codes."""

import json

from sandstone.files import sha256_of
from sandstone.provenance.record import code_of, packages_of


def run(folder):
    (folder / "results").mkdir()
    output = folder / "results/a.csv"
    output.write_text("1,2\n")
    content = {
        "script": "plot_pairs",
        "command": "",
        "parameters": {},
        "inputs": [],
        "outputs": [{"path": "results/a.csv", "bytes": 4, "sha256": sha256_of(output)}],
        "code": code_of("plot_pairs"),
        "packages": packages_of("plot_pairs"),
    }
    (folder / "results/a.provenance.json").write_text(json.dumps(content))
    return output


def test_an_untouched_run_is_proven(run_script, tmp_path):
    run(tmp_path)
    done = run_script("verify_provenance")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1 records with ")
    assert done.stdout.endswith("all match\n")


def test_each_mismatch_is_named_and_the_exit_code_tells(run_script, tmp_path):
    run(tmp_path).write_text("1,3\n")
    (tmp_path / "results/typed.csv").write_text("a better number\n")
    done = run_script("verify_provenance")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "results/a.provenance.json: output results/a.csv has changed",
        "results/typed.csv: no record says how it was made",
    ]
    assert done.stderr.startswith("verify_provenance: error: 2 mismatches in 1 records")
    assert done.stderr.count("\n") == 1


def test_a_folder_without_records_is_a_mistake(run_script, tmp_path):
    (tmp_path / "results").mkdir()
    done = run_script("verify_provenance")
    assert done.returncode == 2
    assert "holds no provenance record; run the workflow first" in done.stderr
