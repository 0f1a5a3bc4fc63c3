"""A model that started from another one: its card is made from both trainings."""

from pathlib import Path

import yaml

from .conftest import Clone, Snakemake
from .planning import planned_command

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
    },
    "evaluation": {
        "samples": ["second"],
        "models": ["twice_tuned", "srresnet"],
        "baselines": ["bicubic"],
    },
}


def test_the_card_reads_the_trainings_of_all_ancestors(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = clone(tmp_path)
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIG), "utf-8")
    cards = {name: f"results/models/{name}/model_card.md" for name in ("twice_tuned", "srresnet")}
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
        for name in ("twice_tuned", "tuned", "srresnet")
    }
    alone = flags(planned_command(done, "model_card srresnet"))
    assert "--ancestors" not in alone
    assert alone["--pairs"] == ["results/pairs/first.h5"]


def flags(command: tuple[str, ...]) -> dict[str, list[str]]:
    """Return the values of each flag of a command."""
    found: dict[str, list[str]] = {}
    for word in command:
        if word.startswith("--"):
            found[word] = values = []
        elif found:
            values.append(word)
    return found
