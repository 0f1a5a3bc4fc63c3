"""The provenance of a whole run: a record of each job, a valid crate, and a proof that can fail."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sandstone.provenance import records

from . import ro_crate
from .conftest import Snakemake
from .faults import TINY, assert_success, copy_of


@pytest.fixture(scope="module")
def crate(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The results of a copy of the tiny run, collected into a crate."""
    directory = tmp_path_factory.mktemp("crate") / "clone"
    shutil.copytree(tiny[0], directory, symlinks=True)
    done = snakemake(directory, *TINY, targets=("provenance",))
    assert done.returncode == 0, done.stderr[-6000:]
    return directory / "results"


def verify(directory: Path, snakemake: Snakemake) -> subprocess.CompletedProcess[str]:
    return snakemake(directory, *TINY, targets=("verify_provenance",))


def entities(crate: Path) -> dict[str, dict]:
    graph = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))["@graph"]
    return {entity["@id"]: entity for entity in graph}


def test_the_validator_accepts_the_crate(crate: Path, tmp_path: Path) -> None:
    assert ro_crate.violations(crate, tmp_path / "cache") == []


def test_the_validator_can_refuse(crate: Path, tmp_path: Path) -> None:
    metadata = json.loads((crate / "ro-crate-metadata.json").read_text(encoding="utf-8"))
    for entity in metadata["@graph"]:
        entity.pop("instrument", None)
    broken = tmp_path / "crate"
    (broken / "code").mkdir(parents=True)
    (broken / "ro-crate-metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    assert any("instrument" in each for each in ro_crate.violations(broken, tmp_path / "cache"))


def test_every_file_of_the_crate_is_there(crate: Path) -> None:
    files = [name for name, entity in entities(crate).items() if "File" in entity["@type"]]
    inside = [name for name in files if not name.startswith("urn:")]
    assert len(inside) > 100
    assert [name for name in inside if not (crate / name).is_file()] == []


def test_a_figure_leads_back_to_volume_and_code(crate: Path) -> None:
    known = entities(crate)
    makers = {
        result["@id"]: entity
        for name, entity in known.items()
        if name.startswith("#run/")
        for result in entity["result"]
    }
    pending, seen = ["figures/evaluation/phantom/comparison.png"], set()
    while pending:
        file = pending.pop()
        seen.add(file)
        sources = makers.get(file, {}).get("object", [])
        pending += [each["@id"] for each in sources if each["@id"] not in seen]
    assert {"volumes/phantom.tif", "models/srgan/generator.weights.h5"} <= seen
    tool = makers["figures/evaluation/phantom/comparison.png"]["instrument"]["@id"]
    assert known[tool]["sha256"]


def test_a_crate_of_the_same_run_is_the_same(crate: Path, snakemake: Snakemake) -> None:
    before = (crate / "ro-crate-metadata.json").read_bytes()
    (crate / "ro-crate-metadata.json").unlink()
    done = snakemake(crate.parent, *TINY, targets=("provenance",))
    assert done.returncode == 0, done.stderr[-6000:]
    assert (crate / "ro-crate-metadata.json").read_bytes() == before


def test_every_result_has_its_record(crate: Path) -> None:
    found = records.find(crate)
    made = {file["path"] for record in found for file in record.content["outputs"]}
    results = {str(path.relative_to(crate.parent)) for path in crate.rglob("*") if path.is_file()}
    without = {
        name
        for name in results - made
        if name.split("/")[1] not in records.WITHOUT_RECORD
        and not name.endswith(".provenance.json")
    }
    assert without == set()


def test_an_untouched_run_is_proven(crate: Path, snakemake: Snakemake) -> None:
    done = verify(crate.parent, snakemake)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all match" in done.stdout


@pytest.mark.soak
def test_a_proof_in_the_same_call_comes_last(
    crate: Path, snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = copy_of(crate.parent, tmp_path / "run")
    figure = folder / "results/figures/evaluation/phantom/spectra.png"
    figure.write_bytes(b"retouched")
    (folder / "results/ro-crate-metadata.json").unlink()
    touched = ("--forcerun", "plot_spectra")
    targets = ("provenance", "verify_provenance")
    assert_success(snakemake(folder, *TINY, *touched, targets=targets))


def test_a_retouched_result_is_named(crate: Path, snakemake: Snakemake, tmp_path: Path) -> None:
    table = crate / "metrics/srgan/phantom.csv"
    original = shutil.copy2(table, tmp_path)
    table.write_bytes(table.read_bytes().replace(b"srgan,0,", b"srgan,1,"))
    done = verify(crate.parent, snakemake)
    shutil.copy2(original, table)  # with its time, so that nothing seems to have happened
    assert done.returncode != 0
    assert "output results/metrics/srgan/phantom.csv has changed" in done.stdout
    assert "input results/metrics/srgan/phantom.csv has changed" in done.stdout
    assert "verify_provenance: error: " in done.stderr


def test_the_card_of_each_model_is_there(crate: Path) -> None:
    for model in ("srresnet", "srgan"):
        card = (crate / f"models/{model}/model_card.md").read_text(encoding="utf-8")
        assert card.startswith(f"# Model card: {model}\n")
        assert f"| {model} | " in card
