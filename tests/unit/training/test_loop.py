import math
import os
import signal
from types import SimpleNamespace

import numpy as np
import pytest

from sandstone.training import loop, validation
from sandstone.training.early_stops import TrainingFailed

FINGERPRINT = {"seed": 1}


class Walker:
    """Stands in for a Trainer: its one weight and its averaged one depend on all batches."""

    def __init__(self):
        self.position = np.zeros(2)
        self.averaged = SimpleNamespace(get_weights=lambda: [self.position / 2])
        self.losses = {}

    def update(self, step, lr, hr):
        self.position = 0.9 * self.position + [lr, hr]
        return {"learning_rate": 1e-3, "loss": self.losses.get(step, float(self.position.sum()))}

    def state(self):
        return {"generator/0000": self.position.copy()}

    def load_state(self, state):
        self.position = state["generator/0000"]


def batch_of(step):
    return np.sin(step), np.cos(step)


class Training:
    """One start of a training of 10 steps."""

    def __init__(self, folder, **cadence):
        settings = {"steps": 10, "validate_every": 4, "checkpoint_every": 3}
        self.cadence = loop.Cadence(**settings | cadence)
        self.checkpointing = loop.Checkpointing(folder=folder, fingerprint=FINGERPRINT)
        self.trainer = Walker()
        self.record = loop.resume(self.trainer, self.checkpointing)
        self.seen = []

    def run(self, *observers):
        loop.run(
            self.trainer,
            self.record,
            batches=batch_of,
            tiles=None,
            cadence=self.cadence,
            checkpointing=self.checkpointing,
            observers=[self.seen.append, *observers],
        )
        return self

    def result(self):
        best = [weight.tolist() for weight in self.record.best_weights]
        return self.trainer.position.tolist(), self.record.rows, self.record.best_psnr, best


@pytest.fixture(autouse=True)
def scores(monkeypatch):
    """Validation PSNR of the averaged weights, highest in the middle of the training."""

    def measure(averaged, _tiles):
        weight = averaged.get_weights()[0][0]
        return 30 + float(weight), 0.5

    monkeypatch.setattr(validation, "measure", measure)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "checkpoints"


def saved(folder):
    return sorted(int(path.stem.removeprefix("step_")) for path in folder.glob("*"))


def sender(number, at):
    def send(row):
        if row["step"] == at:
            os.kill(os.getpid(), number)

    return send


def test_every_step_is_recorded_and_shown(folder):
    start = Training(folder).run()
    assert start.record.step == 10
    assert [row["step"] for row in start.record.rows] == list(range(1, 11))
    assert start.seen == start.record.rows


def test_validation_is_regular_and_comes_last(folder):
    rows = Training(folder).run().record.rows
    assert [row["step"] for row in rows if "val_psnr_db" in row] == [4, 8, 10]


def test_checkpoints_are_regular_and_the_last_step_is_one(folder):
    observed = {}
    Training(folder).run(lambda row: observed.update({row["step"]: saved(folder)}))
    assert list(observed.values()) == 3 * [[]] + 3 * [[3]] + 3 * [[3, 6]] + [[6, 9]]
    assert saved(folder) == [9, 10]


def test_the_best_averaged_weights_are_kept(folder):
    best, positions = {}, {}
    start = Training(folder, validate_every=1)
    start.run(lambda row: positions.update({row["step"]: start.trainer.position / 2}))
    best = max(start.record.rows, key=lambda row: row["val_psnr_db"])
    assert best["step"] < 10
    assert start.record.best_psnr == best["val_psnr_db"]
    np.testing.assert_array_equal(start.record.best_weights[0], positions[best["step"]])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", [1, 5, 10])
def test_a_signal_ends_the_training_after_its_step_is_saved(folder, number, step):
    start = Training(folder)
    with pytest.raises(loop.Interrupted) as end:
        start.run(sender(number, step))
    assert str(end.value) == (
        f"stopped by {number.name}, saved at step {step}: start again to continue"
    )
    assert end.value.exit_code == {signal.SIGTERM: 143, signal.SIGINT: 130}[number]
    assert saved(folder)[-1] == step
    assert len(start.seen) == step


def test_a_signal_that_comes_while_nothing_is_saved_waits_a_step(folder, monkeypatch):
    due = loop._due

    def due_with_a_signal(step, every, last):
        if (step, every) == (5, 3):
            os.kill(os.getpid(), signal.SIGTERM)
        return due(step, every, last)

    monkeypatch.setattr(loop, "_due", due_with_a_signal)
    with pytest.raises(loop.Interrupted, match="saved at step 6"):
        Training(folder).run()
    assert saved(folder) == [3, 6]


def test_a_training_stopped_at_every_step_ends_as_one_that_ran_through(tmp_path, capsys):
    through = Training(tmp_path / "through").run()
    folder = tmp_path / "stopped"
    for step in range(1, 11):
        start = Training(folder)
        assert start.record.step == step - 1
        with pytest.raises(loop.Interrupted):
            start.run(sender(signal.SIGTERM, step))
    end = Training(folder).run()
    assert end.result() == through.result()
    told = capsys.readouterr().out.splitlines()
    assert told == 2 * ["starting at step 0"] + [f"resuming from step {n}" for n in range(1, 11)]


class Killed(BaseException):
    """Ends a training at once, as SIGKILL does."""


@pytest.mark.parametrize("step", range(1, 11))
def test_a_killed_training_ends_as_one_that_ran_through(tmp_path, step):
    def kill(row):
        if row["step"] == step:
            raise Killed

    through = Training(tmp_path / "through").run()
    with pytest.raises(Killed):
        Training(tmp_path / "killed").run(kill)
    end = Training(tmp_path / "killed")
    assert end.record.step == (step - 1) // 3 * 3
    assert end.run().result() == through.result()


def test_a_damaged_checkpoint_costs_steps_but_not_the_result(tmp_path):
    through = Training(tmp_path / "through").run()
    with pytest.raises(loop.Interrupted):
        Training(tmp_path / "damaged").run(sender(signal.SIGTERM, 8))
    newest = tmp_path / "damaged" / "step_000000008.npz"
    newest.write_bytes(newest.read_bytes()[:-100])
    end = Training(tmp_path / "damaged")
    assert end.record.step == 6
    assert end.run().result() == through.result()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_failed_step_is_neither_saved_nor_shown(folder, value):
    start = Training(folder)
    start.trainer.losses = {6: value}
    with pytest.raises(TrainingFailed, match=f"loss is {value} at step 6"):
        start.run()
    assert saved(folder) == [3]
    assert [row["step"] for row in start.seen] == [1, 2, 3, 4, 5]


def test_a_failed_validation_ends_the_training(folder, monkeypatch):
    monkeypatch.setattr(validation, "measure", lambda *_: (math.nan, math.nan))
    with pytest.raises(TrainingFailed, match="val_psnr_db is nan at step 4"):
        Training(folder).run()


def test_a_record_survives_a_checkpoint_before_any_validation(folder):
    with pytest.raises(loop.Interrupted):
        Training(folder).run(sender(signal.SIGTERM, 2))
    record = Training(folder).record
    assert record.best_psnr == -math.inf
    assert record.best_weights == []


def test_best_weights_come_back_in_their_order():
    weights = [np.full(2, number) for number in range(12)]
    record = loop.Record(step=3, best_psnr=30.0, best_weights=weights)
    checkpoint = SimpleNamespace(step=3, state={**record.state(), "generator/0000": np.ones(2)})
    restored = loop.Record.from_checkpoint(checkpoint)
    assert restored.step == 3
    assert restored.best_psnr == 30.0
    np.testing.assert_array_equal(restored.best_weights, weights)


def test_a_changed_fingerprint_starts_afresh(folder, capsys):
    Training(folder).run()
    checkpointing = loop.Checkpointing(folder=folder, fingerprint={"seed": 2})
    assert loop.resume(Walker(), checkpointing).step == 0
    told = capsys.readouterr().out.splitlines()
    assert "seed was 1, is 2" in told[-2]
    assert told[-1] == "starting at step 0"
