"""The page beside a model: read from its files, with what follows for a user."""

import json

import h5py
import numpy as np
import pandas as pd
import pytest
from helpers import given_model, tile_pairs

import model_card
import train
from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.metrics import tables
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


def parameters(*flags):
    """Return what a record says of the flags of a training, but for those that name files."""
    files = {"pairs", "model_dir", "checkpoint_dir", "tensorboard_dir"}
    required = [word for name in sorted(files) for word in (f"--{name.replace('_', '-')}", "x")]
    given = train.parser().parse_args([*required, "--steps", "4", *map(str, flags)])
    return {
        name: value
        for name, value in vars(given).items()
        if value is not None and name not in {*files, "checkpoint_every"}
    }


def record(folder, **changes):
    content = {
        "script": "train",
        "command": COMMAND,
        "parameters": parameters("--loss-adversarial", 0.01),
        "seed": 7,
        "voxel_size_um": {"berea": [3.0, 2.0, 2.0]},
        "inputs": [
            {"path": "results/pairs/berea.h5", "sha256": "cd" * 32},
            {"path": "results/models/srresnet/generator.weights.h5", "sha256": "ef" * 32},
        ],
        "outputs": [],
        "code": [],
        "packages": {"python": "3.12", "keras": "3.15.1"},
        **changes,
    }
    folder.mkdir(exist_ok=True)
    (folder / "training.provenance.json").write_text(json.dumps(content))
    return folder / "training.provenance.json"


def summary(folder, rows):
    lines = [
        f"berea,{name},psnr_db,{mean},{low},{high},3,{mean},bicubic,,,,"
        for name, mean, low, high in rows
    ]
    text = "\n".join([",".join(tables.SUMMARY_COLUMNS), *lines]) + "\n"
    (folder / "summary.csv").write_text(text)


def card(folder, *more):
    model_card.main(
        [
            *("--model", "srgan", "--record", str(folder / "training.provenance.json")),
            *("--generator", str(folder / "generator.json")),
            *("--history", str(folder / "history.csv"), "--pairs", str(folder / "pairs.h5")),
            *("--slices", str(folder / "slices.json"), "--summary", str(folder / "summary.csv")),
            *("--baselines", "bicubic", "--output", str(folder / "model_card.md")),
            *map(str, more),
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


def test_a_guard_that_is_too_short_is_told(trained):
    assert "below 1/e at a distance of 3 slice(s) (9 µm)." in card(trained)
    assert "too short" not in card(trained)
    with h5py.File(trained / "pairs.h5", "r+") as file:
        file.attrs["correlation"] = json.dumps(tile_pairs.correlation(25))
    text = card(trained)
    assert "**Note:** guard_um 30 of sample berea, 10 slice(s), is too short" in text
    assert "set it to 75 (25 slices) or more" in text


def test_training_is_that_of_the_record(trained):
    text = card(trained)
    assert "4 steps, seed 7. Weights that it read: `results/models/srresnet/" in text
    assert "Validation PSNR 25.25 dB at the last step, 25.50 dB at best (step 2)." in text
    assert "| losses | 1 × pixel (l1) + 0.01 × adversarial (relativistic) |" in text
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
    record(trained, parameters=parameters("--loss-adversarial", 0))
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


@pytest.fixture
def ancestors(trained):
    """Make the model's parent a GAN of another rock, and its grandparent one of both."""
    record(trained, parameters=parameters("--loss-adversarial", 0))
    tile_pairs.write(
        trained / "other.h5",
        {split: np.zeros((1, 16, 16), np.uint8) for split in ("train", "val", "test")},
        sample="doddington",
    )
    slices = json.loads((trained / "slices.json").read_text())
    (trained / "other.json").write_text(json.dumps({**slices, "sample": "doddington"}))
    both = {"berea": [3.0, 2.0, 2.0], "doddington": [2.0, 2.0, 2.0]}
    parent = record(
        trained / "gan",
        parameters=parameters("--steps", 30, "--loss-adversarial", 0.5),
        voxel_size_um={"doddington": both["doddington"]},
    )
    grandparent = record(
        trained / "first",
        parameters=parameters("--steps", 200, "--loss-pixel-kind", "l2"),
        voxel_size_um=both,
    )
    pairs = ("--pairs", trained / "pairs.h5", trained / "other.h5")
    slices = ("--slices", trained / "slices.json", trained / "other.json")
    return [*pairs, *slices, "--ancestors", parent, grandparent]


def test_a_model_has_seen_the_rocks_of_its_ancestors(trained, ancestors):
    text = card(trained, *ancestors, "--synthetic", "doddington")
    assert "It has seen berea and doddington only" in text
    assert "doddington: synthetic rock" in text
    before, after = text.split("**doddington**")
    assert "Seen by srgan and first." in before
    assert "Seen by gan and first." in after


def test_steps_and_losses_of_the_ancestors_count(trained, ancestors):
    text = card(trained, *ancestors)
    assert "started from the weights of gan, so that they have gone through 234 steps" in text
    rows = [line for line in text.splitlines() if line.startswith(("| first", "| gan", "| srgan"))]
    assert rows[:3] == [
        "| first | berea and doddington | 200 | 1 × pixel (l2) |",
        "| gan | doddington | 30 | 1 × pixel (l1) + 0.5 × adversarial (relativistic) |",
        "| srgan | berea | 4 | 1 × pixel (l1) |",
    ]
    assert "An adversarial loss in the training of gan taught it to draw plausible detail" in text


def test_a_model_without_ancestors_has_no_table_of_trainings(trained):
    text = card(trained)
    assert "started from" not in text
    assert "Seen by" not in text


def test_an_ancestor_whose_pairs_are_missing_is_named(trained, ancestors):
    with pytest.raises(InputError, match="no file of doddington, which srgan has seen; name the"):
        card(trained, *ancestors[ancestors.index("--ancestors") :])


def test_a_rock_that_no_training_saw_is_marked(trained):
    other = [
        "leopard,srgan,psnr_db,21,20,22,3,21,bicubic,1,0,2,unseen",
        "leopard,bicubic,psnr_db,20,19,21,3,20,bicubic,,,,",
    ]
    with (trained / "summary.csv").open("a") as file:
        file.write("\n".join(other) + "\n")
    text = card(trained)
    assert "| leopard (never seen in training), 3 tiles | psnr_db |" in text
    assert "| berea, 3 tiles | psnr_db |" in text


def test_the_network_is_told_in_words(trained):
    options = {"architecture": "srresnet", "scale": 4, "blocks": 1, "filters": 8}
    more = {"batch_norm": False, "bicubic_skip": True}
    (trained / "generator.json").write_text(json.dumps({**options, **more}))
    expected = "architecture srresnet, blocks 1, filters 8, without batch norm, with bicubic skip."
    assert expected in card(trained)


def test_a_blur_between_slices_is_told_along_each_axis():
    degradation = {"kernel": "psf", "psf_sigma": [3.3, 3.5, 3.4], "noise": 0.01}
    assert model_card._degradation(degradation) == "`psf` psf_sigma 3.3 × 3.5 × 3.4, noise 0.01"


# --- given models ---


def given_folder(folder, training):
    """Write what `take_model.py` leaves of a given model; return its weights and its record."""
    old = given_model.write(folder / "old")
    (old / "training.json").write_text(json.dumps(training))
    return old / "generator.weights.h5", old / "training.json"


def given_card(folder, training):
    """Return the card of a given model that is measured on berea."""
    weights, told = given_folder(folder, training)
    model_card.main(
        [
            *("--model", "old", "--record", str(told), "--given", str(weights)),
            *("--generator", str(folder / "generator.json")),
            *("--measured", str(folder / "pairs.h5"), "--summary", str(folder / "summary.csv")),
            *("--baselines", "bicubic", "--output", str(folder / "card.md")),
            *("--provenance", str(folder / "card.provenance.json")),
        ]
    )
    return (folder / "card.md").read_text(encoding="utf-8")


@pytest.fixture
def measured(trained):
    """Measure a given model; return the folder and the record of its training elsewhere."""
    summary(trained, [("old", 27.5, 27.0, 28.0), ("bicubic", 26.0, 25.5, 26.5)])
    elsewhere = json.loads((record(trained / "elsewhere")).read_text())
    pairs = {"path": "results/pairs/castlegate.h5", "sha256": "cd" * 32}
    return trained, {**elsewhere, "voxel_size_um": {"castlegate": [5, 5, 5]}, "inputs": [pairs]}


def test_the_card_of_a_given_model_tells_its_training_elsewhere(measured):
    folder, training = measured
    text = given_card(folder, training)
    assert "It was trained elsewhere. By its record it has seen" in text
    assert "have there: castlegate (HR voxels of 5 × 5 × 5 µm)." in text
    assert "4 steps, seed 7. Weights that it read: none." in text
    assert "Validation PSNR" not in text
    assert "An adversarial loss taught it to draw plausible detail" in text


def test_the_hash_of_given_weights_is_on_the_card_and_in_its_record(measured):
    folder, training = measured
    text = given_card(folder, training)
    sha256 = sha256_of(folder / "old/generator.weights.h5")
    assert f"of weights with the SHA-256 `{sha256}`" in text
    hashes = {
        each["sha256"]
        for each in json.loads((folder / "card.provenance.json").read_text())["inputs"]
    }
    assert sha256 in hashes


def test_only_equal_pairs_prove_that_a_given_model_has_not_seen_the_test_slices(measured):
    folder, training = measured
    unknown = "| berea (seen by old or not: unknown), 3 tiles |"
    named = {"path": "results/pairs/berea.h5", "sha256": "00" * 32}
    assert unknown in given_card(folder, {**training, "inputs": [named]})
    same = {**named, "sha256": sha256_of(folder / "pairs.h5")}
    assert "| berea, 3 tiles |" in given_card(folder, {**training, "inputs": [same]})
    started = {"name": "generator.weights.h5", "sha256": "00" * 32}
    text = given_card(folder, {**training, "inputs": [same, started]})
    assert unknown in text
    assert "what those had seen, the record does not tell" in text


def test_an_unknown_training_is_said_to_be_unknown(measured):
    text = given_card(measured[0], {})
    assert text.count("What it has seen, for how long and by which losses is unknown.") == 2
    assert "| berea (seen by old or not: unknown), 3 tiles |" in text
    assert "Where the training elsewhere saw slices that are test slices here" in text
    assert "Whether an adversarial loss taught old to draw plausible detail" in text


def test_a_model_that_starts_from_a_given_one_says_what_is_known(trained):
    weights, told = given_folder(trained, {})
    given = ("--given", weights, "--ancestors", told, "--measured", trained / "pairs.h5")
    text = card(trained, *given)
    assert "| old | unknown | unknown | unknown |" in text
    assert "have gone through at least 4 steps in at least 2 trainings" in text
    assert "elsewhere and berea here only" in text
    assert "| berea (seen by old or not: unknown), 3 tiles |" in text


def test_a_model_between_two_others_says_which_and_how_much_of_each(trained, ancestors):
    paths = ("gan/generator.weights.h5", "first/generator.weights.h5")
    inputs = [{"path": f"results/models/{path}", "sha256": "ef" * 32} for path in paths]
    record(trained, parameters={"alpha": 0.25}, inputs=inputs)
    text = card(trained, *ancestors)
    assert "its weights are 0.75 × those of first + 0.25 × those of gan" in text
    assert "It has seen berea and doddington only" in text
