"""Trainings whose checkpoints are damaged: what is lost is time, never the result."""

import os
import signal

import pytest
import tensorflow as tf
from helpers import tiny_training

import train
from sandstone.training import loop
from sandstone.training.progress import ProgressLines

CADENCE = {"steps": 6, "checkpoint_every": 2, "loss_adversarial": 0.01}
STOPPED_AT = 5


def truncate(whole):
    return whole[: len(whole) // 2]


def flip_a_bit(whole):
    middle = len(whole) // 2
    return whole[:middle] + bytes([whole[middle] ^ 16]) + whole[middle + 1 :]


def empty(_whole):
    return b""


def fill_with_zeros(whole):
    return bytes(len(whole))


@pytest.fixture(scope="module")
def pairs_file(tmp_path_factory):
    return tiny_training.write(tmp_path_factory.mktemp("pairs") / "pairs.h5")


@pytest.fixture
def start(tmp_path, pairs_file):
    """Train in this process, without the tracing that takes longer than a few steps."""

    def run(name):
        train.main(tiny_training.command_line(tmp_path / name, pairs=[pairs_file], **CADENCE))
        return {path.name: path.read_bytes() for path in (tmp_path / name / "model-dir").iterdir()}

    tf.config.experimental.enable_op_determinism()
    tf.config.run_functions_eagerly(run_eagerly=True)
    yield run
    tf.config.run_functions_eagerly(run_eagerly=False)


@pytest.fixture
def stopped(start, tmp_path, monkeypatch, capsys):
    """Return the checkpoints of a training that was stopped, after steps 4 and 5."""

    def show(_lines, row):
        if row["step"] == STOPPED_AT:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressLines, "show", show)
        with pytest.raises(loop.Interrupted):
            start("stopped")
    capsys.readouterr()
    files = sorted((tmp_path / "stopped" / "checkpoint-dir").iterdir())
    assert [file.name for file in files] == ["step_000000004.npz", "step_000000005.npz"]
    return files


@pytest.mark.parametrize(
    ("damaged", "began"), [(1, "resuming from step 4"), (2, "starting at step 0")]
)
def test_damage_is_told_and_costs_steps_alone(start, stopped, capsys, damaged, began):
    undisturbed = start("undisturbed")
    whole = {file: file.read_bytes() for file in stopped}
    for damage in (truncate, flip_a_bit, empty, fill_with_zeros):
        stopped[0].parent.mkdir(exist_ok=True)
        for file, content in whole.items():
            file.write_bytes(content)
        newest_first = stopped[::-1][:damaged]
        for file in newest_first:
            file.write_bytes(damage(whole[file]))
        capsys.readouterr()
        assert start("stopped") == undisturbed
        told = capsys.readouterr().out.splitlines()
        assert [line.partition(" (")[0] for line in told[:damaged]] == [
            f"{file} is damaged" for file in newest_first
        ]
        assert told[damaged] == began
