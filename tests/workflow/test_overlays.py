"""Overlays and command lines that showed a fault: as they were found, and small twins of them."""

import csv
from pathlib import Path

import pytest
import yaml

from .conftest import Clone, Snakemake
from .faults import TINY, last_sentence
from .planning import planned_jobs

SMALL = {
    "generator": {"blocks": 1, "filters": 8},
    "loss": {"pixel": 1.0},
    "steps": 4,
    "batch": 4,
    "crop": 12,
}
OWN_NETWORK = {
    "samples": {"mine": {"phantom": {"shape": [60, 176, 176], "voxel_size_um": 4.0}}},
    "pairs": {"hr_size": 64, "stride": 32, "depth_step": 2, "guard_um": 16},
    "models": {"mynet": {"train_on": ["mine"], **SMALL}},
    "evaluation": {"samples": ["mine"], "models": ["mynet"], "resamples": 200},
}
WITHOUT_SRGAN = {"models": {"srgan": None}, "evaluation": {"models": ["srresnet"]}}
NOT_TARGETS = {
    "al": "'al'; did you mean 'all'? There are all, finished, overview, provenance, ",
    "results/metrics/sumary.csv": "did you mean 'results/metrics/summary.csv'?",
    "results/models/srgam/model_card.md": "did you mean 'results/models/srgan/model_card.md'?",
    "results/slices/none.tif": "nothing makes 'results/slices/none.tif'",
    "nothing like it": "the targets are all, finished, overview, provenance, ",
}


@pytest.fixture(scope="module")
def folder(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone in which nothing was run."""
    return clone(tmp_path_factory.mktemp("clone"))


def overlay(folder: Path, content: object) -> Path:
    file = folder / "overlay.yaml"
    file.write_text(yaml.safe_dump(content), encoding="utf-8")
    return file


def refuses_the_border(folder: Path, snakemake: Snakemake, file: Path) -> None:
    done = snakemake(folder, "-n", *TINY, file)
    assert done.returncode == 2
    assert last_sentence(done).endswith(
        "evaluation.border 27 does not fit: SSIM needs 11 of a tile's 64 voxels; choose one from "
        "0 to 26"
    )


def test_a_border_too_wide_is_refused_at_the_start(folder: Path, snakemake: Snakemake) -> None:
    refuses_the_border(folder, snakemake, overlay(folder, {"evaluation": {"border": 27}}))


def test_the_border_that_was_found_too_wide(
    folder: Path, snakemake: Snakemake, shared_cases: Path
) -> None:
    refuses_the_border(folder, snakemake, shared_cases / "workflow" / "border_too_wide.yaml")


def plans_one_training(folder: Path, snakemake: Snakemake, file: Path) -> None:
    for options in ((), ("--replace-workflow-config",)):
        jobs = planned_jobs(snakemake(folder, "-n", "--configfile", file, *options))
        assert {job for job in jobs if job.startswith("train ")} == {"train mynet"}


def test_models_that_nobody_uses_stop_nobody(folder: Path, snakemake: Snakemake) -> None:
    plans_one_training(folder, snakemake, overlay(folder, OWN_NETWORK))


def test_the_models_that_were_found_to_stop_a_study(
    folder: Path, snakemake: Snakemake, shared_cases: Path
) -> None:
    plans_one_training(folder, snakemake, shared_cases / "workflow" / "unused_base_models.yaml")


@pytest.mark.soak
def test_a_model_tuned_on_another_rock_as_it_was_found(
    folder: Path, snakemake: Snakemake, shared_cases: Path
) -> None:
    done = snakemake(folder, "--configfile", shared_cases / "workflow" / "t1_transfer.yaml")
    assert done.returncode == 0
    card = (folder / "results" / "models" / "tuned_b" / "model_card.md").read_text("utf-8")
    assert "It has seen rock_b and phantom only" in card
    with (folder / "results" / "metrics" / "summary.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    rock = {(row["method"], row["sample"]): row["rock"] for row in rows}
    assert rock["srresnet", "rock_b"] == "unseen"
    assert {rock[model, "rock_b"] for model in ("tuned_b", "both")} == {"seen"}
    assert all(row["gain"] for row in rows if row["rock"])


def test_null_drops_a_model(folder: Path, snakemake: Snakemake) -> None:
    jobs = planned_jobs(snakemake(folder, "-n", *TINY, overlay(folder, WITHOUT_SRGAN)))
    assert {job for job in jobs if job.startswith("train ")} == {"train srresnet"}


@pytest.mark.parametrize("target", NOT_TARGETS)
def test_a_misspelt_target_ends_in_one_sentence(
    folder: Path, snakemake: Snakemake, target: str
) -> None:
    done = snakemake(folder, *TINY, targets=(target,))
    assert done.returncode == 2
    assert NOT_TARGETS[target] in last_sentence(done)
    assert "Exception" not in done.stdout + done.stderr


def test_a_misspelt_rule_to_run_again_does_too(folder: Path, snakemake: Snakemake) -> None:
    done = snakemake(folder, *TINY, "--forcerun", "tarin")
    assert "nothing makes 'tarin'" in last_sentence(done)
