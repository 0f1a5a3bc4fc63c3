import json
import os
import re
import signal
import sys
from contextlib import ExitStack

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import tiny_training

import train
from sandstone import cli
from sandstone.dataset.pairs import open_pairs
from sandstone.errors import InputError
from sandstone.metrics import domain
from sandstone.models import backend, networks, vgg19
from sandstone.models.weights import load_generator, load_weights
from sandstone.training import loop, validation
from sandstone.training.early_stops import TrainingFailed
from sandstone.training.progress import ProgressLines

OUTPUTS = {
    "generator.weights.h5",
    "generator_best.weights.h5",
    "generator_last.weights.h5",
    "generator.json",
    "discriminator.json",
    "history.csv",
}
GAN = {"loss-adversarial": 0.01, "loss-content": 0.1}


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory):
    return tiny_training.write(tmp_path_factory.mktemp("pairs") / "pairs.h5")


@pytest.fixture
def start(tmp_path, pairs_file, monkeypatch):
    """Train in this process, without the tracing that takes longer than a few steps."""

    def seed_only(*, seed, **_):
        keras.utils.set_random_seed(seed)

    monkeypatch.setattr(backend, "start", seed_only)
    tf.config.experimental.enable_op_determinism()
    tf.config.run_functions_eagerly(run_eagerly=True)

    def run(*, pairs=(pairs_file,), **changes):
        train.main(tiny_training.command_line(tmp_path, pairs=pairs, **changes))
        return tmp_path / "model-dir"

    yield run
    tf.config.run_functions_eagerly(run_eagerly=False)


@pytest.fixture
def refused(tmp_path, pairs_file, monkeypatch):
    """Return the one sentence with which a training is refused before TensorFlow starts."""
    monkeypatch.setattr(backend, "start", lambda **_: pytest.fail("TensorFlow was started"))

    def run(*, pairs=(pairs_file,), **changes):
        with pytest.raises(InputError) as error:
            train.main(tiny_training.command_line(tmp_path, pairs=pairs, **changes))
        assert not list(tmp_path.glob("*-dir"))
        return str(error.value)

    return run


def signal_at(monkeypatch, step):
    """Let SIGTERM come in a step."""

    def show(_lines, row):
        if row["step"] == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(ProgressLines, "show", show)


def names(folder):
    return {path.name for path in folder.iterdir()}


def weights(path, **options):
    generator = networks.build_generator(blocks=1, filters=4, **options)
    load_weights(generator, path)
    return generator.get_weights()


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# What a training writes


def test_a_model_is_written_whole_and_its_checkpoints_are_removed(start, tmp_path, capsys):
    model = start(checkpoint_every=2)
    assert names(model) == OUTPUTS
    assert json.loads((model / "generator.json").read_text()) == {
        "architecture": "srresnet",
        "scale": 4,
        "blocks": 1,
        "filters": 4,
        "batch_norm": False,
        "bicubic_skip": True,
        "upsampling": "stages",
        "upsampling_filters": None,
        "noise": 0.0,
    }
    assert (model / "discriminator.json").read_text() == "{}\n"
    lines = (model / "history.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["step", "1", "2", "3"]
    assert not (tmp_path / "checkpoint-dir").exists()
    assert names(tmp_path / "tensorboard-dir")
    assert load_generator(model).count_params() > 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "starting at step 0"
    assert told[-1].startswith("step 3/3: loss ")


@pytest.mark.parametrize("architecture", ["patch", "notebook"])
def test_a_gan_tells_its_discriminator(start, architecture):
    model = start(**GAN, steps=1, loss_detail=0.1, discriminator_architecture=architecture)
    assert json.loads((model / "discriminator.json").read_text()) == {
        "architecture": architecture,
        "filters": 4,
        "spectral_norm": False,
        "hr_size": 32,
        "layers": 4,
    }
    row = (model / "history.csv").read_text().splitlines()[1]
    assert "" not in row.split(",")


@pytest.mark.parametrize("which", ["last", "best"])
def test_inference_takes_the_chosen_weights(start, monkeypatch, which):
    scores = iter([31.0, 33.0, 32.0])
    averaged = []

    def measure(generator, _tiles):
        averaged.append(generator.get_weights())
        return next(scores), 0.5

    monkeypatch.setattr(validation, "measure", measure)
    model = start(use_weights=which)
    chosen, other = ("best", "last") if which == "best" else ("last", "best")
    inference = (model / "generator.weights.h5").read_bytes()
    assert inference == (model / f"generator_{chosen}.weights.h5").read_bytes()
    assert inference != (model / f"generator_{other}.weights.h5").read_bytes()
    for name, expected in (("best", averaged[1]), ("last", averaged[2])):
        for array, wanted in zip(
            weights(model / f"generator_{name}.weights.h5"), expected, strict=True
        ):
            np.testing.assert_array_equal(array, wanted)


def test_files_of_uint16_and_of_several_rocks_are_trained_on(start, tmp_path):
    files = [
        tiny_training.write(tmp_path / f"{seed}.h5", seed=seed, dtype="uint16", empty=empty)
        for seed, empty in ((1, ()), (2, ("train", "val")))
    ]
    assert names(start(pairs=files, steps=1)) == OUTPUTS


def test_the_record_tells_what_the_training_tiles_look_like(start, tmp_path, pairs_file):
    record = tmp_path / "training.provenance.json"
    start(steps=1, provenance=record)
    [learned] = domain.read(json.loads(record.read_text(encoding="utf-8")))
    with open_pairs(pairs_file) as pairs:
        assert learned.grey == domain.of_tiles(pairs.split("train").lr).grey


def test_a_trained_model_starts_another(start, tmp_path, monkeypatch):
    model = start(steps=1)
    first = tmp_path / "first.weights.h5"
    (model / "generator.weights.h5").rename(first)
    seen = []

    def measure(generator, _tiles):
        seen.extend(generator.get_weights())
        return 30.0, 0.5

    monkeypatch.setattr(validation, "measure", measure)
    start(steps=1, init_weights=first, seed=5, learning_rate=1e-30)
    for array, wanted in zip(seen, weights(first), strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-6, atol=1e-12)


def test_lpips_is_a_content_loss(start, shared_weights):
    file = shared_weights / "lpips_alex.npz"
    model = start(steps=1, loss_content=0.1, loss_content_kind="lpips_alex", lpips_weights=file)
    assert float((model / "history.csv").read_text().splitlines()[1].split(",")[4]) > 0


def test_vgg19_is_a_content_loss(start, tmp_path, monkeypatch):
    asked = {}

    class Features:
        def __init__(self, path, **options):
            asked.update(options, path=path)

        def __call__(self, images):
            return 2 * images

    monkeypatch.setattr(vgg19, "Vgg19Features", Features)
    file = tmp_path / "vgg19.h5"
    file.write_bytes(b"")
    options = {"loss_pixel_kind": "l2", "loss_content": 0.1, "loss_content_kind": "vgg19"}
    more = {"vgg19_weights": file, "vgg19_sha256": "abc", "loss_content_layer": "block2_conv2"}
    model = start(steps=1, **options, **more)
    assert asked == {"path": str(file), "layer": "block2_conv2", "sha256": "abc"}
    pixel, content = (
        float(value)
        for value in (model / "history.csv").read_text().splitlines()[1].split(",")[3:5]
    )
    assert content == pytest.approx(4 * pixel, rel=1e-5)


# Ends that are no success


def test_a_loss_that_is_not_finite_ends_with_3_and_writes_no_model(
    start, tmp_path, monkeypatch, capsys, pairs_file
):
    def run():
        start(learning_rate=1e30, loss_pixel=1e6)

    with pytest.raises(TrainingFailed):
        run()
    monkeypatch.setattr(sys, "argv", ["train.py"])
    assert cli.run(lambda _: run()) == 3
    assert re.fullmatch(
        r"train: error: \w+ is (nan|inf) at step \d: lower the learning rate, .*\n",
        capsys.readouterr().err,
    )
    assert not (tmp_path / "model-dir").exists()


def test_a_full_disk_at_the_end_costs_no_training(start, tmp_path, monkeypatch, capsys):
    def fail(*_):
        raise OSError(28, "No space left on device", "history.csv")

    with monkeypatch.context() as patch:
        patch.setattr("sandstone.training.history.to_csv", fail)
        with pytest.raises(OSError, match="No space"):
            start(checkpoint_every=2)
    assert names(tmp_path / "checkpoint-dir") == {"step_000000002.npz", "step_000000003.npz"}
    capsys.readouterr()
    assert names(start(checkpoint_every=2)) == OUTPUTS
    assert capsys.readouterr().out == "resuming from step 3\n"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learning_rate": 1e-4}, "learning_rate was 0.001, is 0.0001"),
        ({"loss_adversarial": 0.1}, "loss_adversarial was 0.0, is 0.1"),
    ],
)
def test_a_changed_setting_starts_afresh_and_says_why(start, monkeypatch, capsys, change, told):
    with monkeypatch.context() as patch:
        signal_at(patch, 2)
        with pytest.raises(loop.Interrupted, match="SIGTERM, saved at step 2"):
            start()
    start(**change)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].endswith(f"is of another training ({told})")
    assert lines[2] == "starting at step 0"


def test_other_pairs_start_afresh(start, tmp_path, monkeypatch, capsys):
    signal_at(monkeypatch, 1)
    for seed in (1, 2):
        file = tiny_training.write(tmp_path / "pairs.h5", seed=seed)
        with pytest.raises(loop.Interrupted):
            start(pairs=[file])
    told = capsys.readouterr().out
    assert "is of another training (pairs was ['" in told
    assert told.splitlines()[-1] == "starting at step 0"


def test_what_a_training_does_not_depend_on_lets_it_continue(
    start, tmp_path, monkeypatch, capsys, pairs_file
):
    with monkeypatch.context() as patch:
        signal_at(patch, 2)
        with pytest.raises(loop.Interrupted):
            start()
    moved = tmp_path / "moved.h5"
    moved.write_bytes(pairs_file.read_bytes())
    start(
        pairs=[moved],
        checkpoint_every=7,
        use_weights="best",
        model_dir=tmp_path / "other-model-dir",
        tensorboard_dir=tmp_path / "other-tensorboard-dir",
    )
    assert capsys.readouterr().out.splitlines()[1] == "resuming from step 2"


# What is refused before TensorFlow starts


def test_a_crop_larger_than_the_tiles_is_refused(refused):
    assert refused(crop=17) == ("--crop 17 is larger than an LR tile (16 pixels); lower it")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scale": 2}, "has scale 2 but {first} has 4; make both alike"),
        ({"dtype": "uint16"}, "has grey_max 65535 but {first} has 255; make both alike"),
        ({"hr_size": 32}, "has tiles of 32 voxels but {first} of 64; make both alike"),
    ],
)
def test_pairs_that_do_not_fit_together_are_refused(refused, tmp_path, pairs_file, change, told):
    other = tiny_training.write(tmp_path / "other.h5", **change)
    expected = f"{other} {told.format(first=pairs_file)}"
    assert refused(pairs=[pairs_file, other]) == expected


@pytest.mark.parametrize("split", ["train", "val"])
def test_pairs_without_tiles_are_refused(refused, tmp_path, split):
    file = tiny_training.write(tmp_path / "empty.h5", empty=[split])
    assert f"{file}: split {split} has no tiles" in refused(pairs=[file])


def test_missing_pairs_are_refused(refused, tmp_path):
    assert refused(pairs=[tmp_path / "none.h5"]).startswith(
        f"{tmp_path / 'none.h5'} does not exist"
    )


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        ({"loss_pixel": 0}, "no loss has a weight above 0"),
        ({"loss_content": 0.1}, "discriminator_features needs a discriminator"),
        ({"loss_content": 0.1, "loss_content_kind": "vgg19"}, "vgg19 needs --vgg19-weights"),
        (
            {"loss_content": 0.1, "loss_content_kind": "lpips_alex"},
            "needs --lpips-weights; give it",
        ),
    ],
)
def test_a_loss_that_lacks_something_is_refused(refused, flags, told):
    assert told in refused(**flags)


@pytest.mark.parametrize("kind", ["lpips_alex", "vgg19"])
def test_crops_too_small_for_the_content_loss_are_refused(refused, tmp_path, kind):
    file = tmp_path / "weights"
    file.write_bytes(b"")
    flags = {"loss_content": 0.1, "loss_content_kind": kind}
    told = refused(crop=7, **flags, lpips_weights=file, vgg19_weights=file)
    assert told == (
        f"--crop 7 makes HR crops of 28 pixels but --loss-content-kind {kind} needs 32; "
        "set --crop 8"
    )


@pytest.mark.parametrize("flag", train.WEIGHTS)
def test_missing_weights_are_refused(refused, tmp_path, flag):
    file = tmp_path / "none.h5"
    assert refused(**{flag: file}).endswith(f"weights {file} does not exist; give another file")


@pytest.mark.parametrize("flag", train.FOLDERS)
def test_a_place_that_is_no_folder_is_refused(refused, tmp_path, flag):
    (tmp_path / "file").write_text("")
    place = tmp_path / "file" / "folder"
    assert refused(**{flag: place}) == (
        f"--{flag.replace('_', '-')} {place} cannot be written into; give another folder"
    )


def test_a_read_only_folder_is_refused(refused, tmp_path, monkeypatch):
    (tmp_path / "locked").mkdir()
    # Permissions do not bind a superuser, who may run these tests.
    monkeypatch.setattr(os, "access", lambda path, _mode: path.name != "locked")
    assert "cannot be written into" in refused(model_dir=tmp_path / "locked" / "model")


@pytest.mark.parametrize(
    "flag", ["--seed=-1", "--ema=1.5", "--learning-rate=nan", "--steps=0", "--loss-pixel=-1"]
)
def test_impossible_numbers_are_refused(flag, capsys):
    with pytest.raises(SystemExit) as end:
        train.parser().parse_args([flag])
    assert end.value.code == 2
    assert flag.split("=")[0] in capsys.readouterr().err


# Weights to start from that do not fit


@pytest.mark.parametrize("options", [{"scale": 2}, {"filters": 5}, {"blocks": 2}])
def test_init_weights_of_another_network_are_refused(start, tmp_path, options):
    file = tmp_path / "other.weights.h5"
    network = {"scale": 4, "blocks": 1, "filters": 4} | options
    networks.build_generator(**network).save_weights(file)
    with pytest.raises(InputError, match="holds the weights of another network") as error:
        start(init_weights=file)
    assert str(error.value).startswith(str(file))
    assert not list(tmp_path.glob("*-dir"))


@pytest.mark.parametrize("share", [0, 0.3, 0.99])
def test_truncated_init_weights_are_refused(start, tmp_path, share):
    file = tmp_path / "cut.weights.h5"
    networks.build_generator(blocks=1, filters=4).save_weights(file)
    whole = file.read_bytes()
    file.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="damaged or no HDF5 file") as error:
        start(init_weights=file)
    assert "\n" not in str(error.value)


def test_opening_checks_the_crop_alone_where_one_file_is_given(pairs_file):
    with ExitStack() as stack:
        (pairs,) = train.open_training_pairs([str(pairs_file)], 16, stack)
        assert pairs.lr_size == 16


def test_a_users_mistake_is_one_sentence_and_exit_code_2(run_script, tmp_path, pairs_file):
    result = run_script("train", *tiny_training.command_line(tmp_path, pairs=[pairs_file], crop=99))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("train: error: --crop 99 is larger")
    assert len(result.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("*-dir"))
