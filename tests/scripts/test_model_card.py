"""The page beside a model: read from its files, with what follows for a user."""

import json

import numpy as np
import pandas as pd
import pytest
from helpers import tile_pairs

import model_card
from sandstone.provenance.record import RECORD_SUFFIX

COMMAND = "python workflow/scripts/train.py"


@pytest.fixture
def trained(tmp_path):
    """Files that a training and an evaluation leave; returns the flags that name them."""
    tile_pairs.write(
        tmp_path / "pairs.h5",
        {
            split: np.zeros((count, 16, 16), np.uint8)
            for split, count in (("train", 5), ("val", 2), ("test", 3))
        },
        slices={"train": (0, 49), "val": (60, 69), "test": (80, 99)},
        sample="berea",
        hr_voxel_size_um=(3.0, 2.0, 2.0),
        degradation={"kernel": "psf", "psf_sigma": 1.5, "noise": 0.01},
        guard_um=30.0,
        guard_slices=10,
    )
    slices = {
        "sample": "berea",
        "source": {
            "files": [{"name": "berea.raw", "sha256": "ab" * 32}],
            "shape": [100, 64, 64],
            "dtype": "uint16",
        },
        "window": {"low": 900, "high": 52000, "percentiles": [0.1, 99.9]},
    }
    (tmp_path / "slices.json").write_text(json.dumps(slices))
    (tmp_path / "generator.json").write_text(
        json.dumps({"architecture": "srresnet", "scale": 4, "blocks": 1, "filters": 8})
    )
    record(tmp_path)
    (tmp_path / "history.csv").write_text("step,val_psnr_db\n1,\n2,25.5\n3,\n4,25.25\n")
    summary(tmp_path, [("srgan", 27.5, 27.0, 28.0), ("bicubic", 26.0, 25.5, 26.5)])
    return tmp_path


def record(folder, **changes):
    content = {
        "script": "train",
        "command": COMMAND,
        "parameters": {"loss_adversarial": 0.01, "steps": 4},
        "seed": 7,
        "inputs": [
            {"path": "results/pairs/berea.h5", "sha256": "cd" * 32},
            {"path": "results/models/srresnet/generator.weights.h5", "sha256": "ef" * 32},
        ],
        "outputs": [],
        "code": [],
        "packages": {"python": "3.12", "keras": "3.15.1"},
        **changes,
    }
    (folder / "training.provenance.json").write_text(json.dumps(content))


def summary(folder, rows):
    lines = [f"berea,{name},psnr_db,{mean},{low},{high},3" for name, mean, low, high in rows]
    text = "sample,method,metric,mean,ci_low,ci_high,n\n" + "\n".join(lines) + "\n"
    (folder / "summary.csv").write_text(text)


def card(folder, *more):
    model_card.main(
        [
            *("--model", "srgan", "--record", str(folder / "training.provenance.json")),
            *("--generator", str(folder / "generator.json")),
            *("--history", str(folder / "history.csv"), "--pairs", str(folder / "pairs.h5")),
            *("--slices", str(folder / "slices.json"), "--summary", str(folder / "summary.csv")),
            *("--baselines", "bicubic", "--output", str(folder / "model_card.md"), *more),
        ]
    )
    return (folder / "model_card.md").read_text(encoding="utf-8")


def test_data_and_split_are_those_of_the_pairs(trained):
    text = card(trained)
    assert "**berea**, HR voxels of 3 × 2 × 2 µm (z × y × x), LR voxels of 3 × 8 × 8 µm" in text
    assert "by `psf` psf_sigma 1.5, noise 0.01" in text
    assert "`berea.raw` (SHA-256 `abababababababab…`)" in text
    assert "| train | 0 to 49 | 5 | weights |" in text
    assert "| test | 80 to 99 | 3 | the metrics below |" in text
    assert "at least 10 slice(s) (30 µm)" in text


def test_training_is_that_of_the_record(trained):
    text = card(trained)
    assert "4 steps, seed 7. Weights that it read: `results/models/srresnet/" in text
    assert "Validation PSNR 25.25 dB at the last step, 25.50 dB at best (step 2)." in text
    assert "| loss_adversarial | 0.01 |" in text
    assert "Packages: python 3.12, keras 3.15.1." in text
    assert f"Made by `{COMMAND}`" in text


def test_metrics_stand_beside_plain_interpolation(trained):
    text = card(trained)
    assert "| berea, 3 tiles | psnr_db |" in text
    assert "| srgan | 27.500 [27.000, 28.000] |" in text
    assert "| bicubic | 26.000 [25.500, 26.500] |" in text


def test_an_interval_that_cannot_be_given_is_none(trained):
    summary(trained, [("srgan", 27.5, "", ""), ("bicubic", 26.0, "", "")])
    assert "| srgan | 27.500 [none] |" in card(trained)


def test_a_model_that_only_starts_another_says_so(trained):
    summary(trained, [("bicubic", 26.0, 25.5, 26.5)])
    assert "Not evaluated: it is the start of another model." in card(trained)


def test_limits_follow_from_the_losses_and_the_data(trained):
    text = card(trained, "--synthetic", "berea")
    assert "draw plausible detail" in text
    assert "berea: synthetic rock" in text
    record(trained, parameters={"loss_adversarial": 0.0})
    text = card(trained)
    assert "plausible detail" not in text
    assert "synthetic" not in text


def test_two_runs_give_the_same_page_and_record(trained):
    record_path = trained / f"model_card{RECORD_SUFFIX}"
    pages = [(card(trained, "--provenance", str(record_path)), record_path.read_bytes())]
    pages += [(card(trained, "--provenance", str(record_path)), record_path.read_bytes())]
    assert pages[0] == pages[1]


def test_a_training_that_was_never_validated_says_so():
    history = pd.DataFrame({"step": [1, 2], "val_psnr_db": [np.nan, np.nan]})
    assert model_card._course(history) == "Never validated."
