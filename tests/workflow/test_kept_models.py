"""A training that fails costs no trained model: the last one is kept, and its place is told."""

from pathlib import Path

import pytest
import yaml

from .conftest import Snakemake
from .faults import TINY, assert_success, copy_of, last_sentence

TARGET = "results/models/srgan/generator.weights.h5"
GENERATOR = {"learning_rate": 0.9, "schedule": "constant", "steps": 60}
LOSS = {"pixel_kind": "l2", "adversarial": 1000, "content": 0}
DIVERGING = {"models": {"srgan": {**GENERATOR, "loss": LOSS}}}


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.iterdir() if not file.name.startswith("model_card"))
    return {file.name: file.read_bytes() for file in files}


def is_short(*consoles: str) -> None:
    """Check that progress is told and no job with its paths, resources or command."""
    for console in consoles:
        assert "Execute 1 jobs..." in console
        assert "    resources:" not in console
        assert "    output:" not in console
        assert "--tensorboard-dir" not in console


@pytest.mark.soak
def test_a_failed_retraining_leaves_the_model_before_it(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = copy_of(tiny[0], tmp_path / "run")
    before = contents(folder / "results/models/srgan")
    (folder / "diverging.yaml").write_text(yaml.safe_dump(DIVERGING), encoding="utf-8")
    failed = snakemake(folder, *TINY, "diverging.yaml", targets=(TARGET,))
    assert "lower the learning rate" in last_sentence(failed)
    assert "the last whole model of srgan is in results/checkpoints/srgan/last-model" in (
        failed.stderr
    )
    assert not (folder / TARGET).exists()
    assert contents(folder / "results/checkpoints/srgan/last-model") == before
    report = (*TINY, "diverging.yaml", "--report", "results/report.html")
    assert_success(snakemake(folder, *report, targets=("finished",)))
    told = (folder / "results/report.html").read_text(encoding="utf-8")
    assert "for 4 steps" in told
    assert "steps 4, now 60 in the configuration" in told
    # The same again: nothing takes the kept model for the one that is asked for.
    assert "lower the learning rate" in last_sentence(
        snakemake(folder, *TINY, "diverging.yaml", targets=(TARGET,))
    )
    assert contents(folder / "results/checkpoints/srgan/last-model") == before
    ended = snakemake(folder, *TINY, targets=(TARGET,))
    assert_success(ended)
    is_short(failed.stderr, ended.stderr)
    assert contents(folder / "results/models/srgan") == before
    assert not (folder / "results/checkpoints/srgan").exists()
