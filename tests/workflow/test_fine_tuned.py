"""A model that started from another one, trained here or given: what its card is made from."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from helpers import given_model

from .conftest import Clone, Snakemake
from .faults import assert_success, last_sentence
from .planning import planned_command, planned_jobs

SMALL = {
    "generator": {"blocks": 1, "filters": 8},
    "loss": {"pixel": 1.0},
    "steps": 4,
    "batch": 4,
    "crop": 12,
}


def _rock(grain_size_um: float) -> dict[str, object]:
    return {
        "phantom": {
            "shape": [60, 176, 176],
            "voxel_size_um": 4.0,
            "grain_size_um": grain_size_um,
        }
    }


CONFIG = {
    "samples": {"first": _rock(60), "second": _rock(40)},
    "pairs": {"hr_size": 64, "stride": 32, "depth_step": 2, "guard_um": 16},
    "models": {
        "srresnet": {"train_on": ["first"], **SMALL},
        "srgan": {"train_on": ["first"], "generator": SMALL["generator"], "crop": 12},
        "tuned": {"init_from": "srresnet", "train_on": ["second"], **SMALL},
        "twice_tuned": {"init_from": "tuned", "train_on": ["second"], **SMALL},
        "between": {"interpolate": ["srresnet", "tuned"], "alpha": 0.3},
    },
    "evaluation": {
        "samples": ["second"],
        "models": ["twice_tuned", "srresnet", "between"],
        "baselines": ["bicubic"],
    },
}


def test_the_card_reads_the_trainings_of_all_ancestors(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = clone(tmp_path)
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    named = ("twice_tuned", "srresnet", "between")
    cards = {name: f"results/models/{name}/model_card.md" for name in named}
    options = ("-n", "--printshellcmds", "--configfile", "study.yaml")
    done = snakemake(folder, *options, targets=tuple(cards.values()))
    tuned = flags(planned_command(done, "model_card twice_tuned"))
    assert tuned["--ancestors"] == [
        "results/models/tuned/training.provenance.json",
        "results/models/srresnet/training.provenance.json",
    ]
    assert tuned["--pairs"] == ["results/pairs/second.h5", "results/pairs/first.h5"]
    assert tuned["--slices"] == ["results/slices/second.json", "results/slices/first.json"]
    assert tuned["--synthetic"] == ["second", "first"]
    summary = flags(planned_command(done, "summarise_metrics"))
    assert set(summary["--trainings"]) == {
        f"results/models/{name}/training.provenance.json"
        for name in ("twice_tuned", "tuned", "srresnet", "between")
    }
    half = planned_command(done, "interpolate_models between")
    assert flags(half)["--first"] == ["results/models/srresnet"]
    assert flags(half)["--second"] == ["results/models/tuned"]
    assert flags(half)["--alpha"] == ["0.3"]
    card = flags(planned_command(done, "model_card between"))
    assert card["--pairs"] == ["results/pairs/second.h5", "results/pairs/first.h5"]
    assert "--history" not in card
    alone = flags(planned_command(done, "model_card srresnet"))
    assert "--ancestors" not in alone
    assert alone["--pairs"] == ["results/pairs/first.h5"]


GIVEN = "data/models/old"
TAKEN = "results/models/old/training.json"


@pytest.fixture
def study(clone: Clone, tmp_path: Path) -> Path:
    """A clone with a given model, beside the config that measures and tunes it."""
    folder = clone(tmp_path)
    given_model.write_record(given_model.write(folder / GIVEN))
    name_given(folder, GIVEN)
    return folder


def name_given(study: Path, folder: str) -> None:
    """Let the config name the folder of the given model."""
    models: dict[str, Any] = {
        "old": {"weights": folder},
        "tuned": {**CONFIG["models"]["tuned"], "init_from": "old"},
        "srresnet": {"train_on": ["first"], **SMALL},
        "srgan": {"train_on": ["first"], "crop": 12},
    }
    evaluation = {**CONFIG["evaluation"], "models": ["old", "tuned"]}
    config = {**CONFIG, "models": models, "evaluation": evaluation}
    (study / "study.yaml").write_text(yaml.safe_dump(config), "utf-8")


def test_a_given_model_is_taken_and_never_trained(study: Path, snakemake: Snakemake) -> None:
    config = ("--configfile", "study.yaml")
    done = snakemake(study, "-n", "--printshellcmds", *config)
    jobs = planned_jobs(done)
    of_old = {job for job in jobs if job.split()[-1].split("/")[0] == "old"}
    assert {job for job in jobs if job.startswith("train ")} == {"train tuned"}
    assert of_old == {
        "take_model old",
        "plot_network old/generator",
        "super_resolve old/second",
        "compute_metrics old/second",
        "model_card old",
    }
    training = flags(planned_command(done, "train tuned"))
    assert training["--init-weights"] == ["results/models/old/generator.weights.h5"]
    card = flags(planned_command(done, "model_card tuned"))
    assert card["--ancestors"] == [TAKEN]
    assert card["--measured"] == card["--pairs"] == ["results/pairs/second.h5"]
    alone = flags(planned_command(done, "model_card old"))
    assert {"--pairs", "--history", "--ancestors"} & alone.keys() == set()
    assert alone["--given"] == ["results/models/old/generator.weights.h5"]

    assert_success(snakemake(study, *config, targets=(TAKEN,)))
    shutil.move(study / GIVEN, study / "moved")
    name_given(study, "moved")
    assert planned_jobs(snakemake(study, "-n", *config, targets=(TAKEN,))) == set()
    given_model.write_record(given_model.write(study / "moved", seed=1))
    jobs = planned_jobs(snakemake(study, "-n", *config, targets=(TAKEN,)))
    assert jobs == {"take_model old"}


def test_a_model_that_was_copied_into_the_results_is_not_trained_over(
    study: Path, snakemake: Snakemake
) -> None:
    copied = Path(shutil.copytree(study / GIVEN, study / "results/models/tuned"))
    before = (copied / "generator.weights.h5").read_bytes()
    for options in (("-n",), ()):
        done = snakemake(study, *options, "--configfile", "study.yaml")
        assert done.returncode == 2
        assert "write models.tuned: {weights: data/models/tuned}" in last_sentence(done)
    assert (copied / "generator.weights.h5").read_bytes() == before
    # What trains nothing may be made.
    target = ("results/slices/first.tif",)
    assert_success(snakemake(study, "-n", "--configfile", "study.yaml", targets=target))


def flags(command: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the values of each flag of a command."""
    found: dict[str, list[str]] = {}
    for word in command:
        if word.startswith("--"):
            found[word] = values = []
        elif found:
            values.append(word)
    return found
