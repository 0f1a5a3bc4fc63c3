"""The loop of a training: steps, validation, history, checkpoints, early stops."""

import math
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sandstone.cli import Interruption
from sandstone.errors import Stop
from sandstone.pipeline import Ahead
from sandstone.training import checkpoints, early_stops, history, validation
from sandstone.training.batches import Batches
from sandstone.training.history import Measured
from sandstone.training.trainer import Trainer
from sandstone.training.validation import ValidationTiles


@dataclass(frozen=True)
class Cadence:
    """How long a training is, and how many steps lie between its pauses."""

    steps: int
    validate_every: int
    checkpoint_every: int


@dataclass(frozen=True)
class Checkpointing:
    """Where the checkpoints of a training are, and what it depends on."""

    folder: Path
    fingerprint: Mapping[str, object]


@dataclass
class Record:
    """What a training has done so far, beside the state of its networks.

    `best_weights` are the averaged weights with the highest validation PSNR.
    """

    step: int = 0
    rows: list[Measured] = field(default_factory=list)
    best_psnr: float = -math.inf
    best_weights: list[np.ndarray] = field(default_factory=list)

    def state(self) -> checkpoints.State:
        """Return the record as arrays for a checkpoint."""
        best = {f"best/{place:04d}": array for place, array in enumerate(self.best_weights)}
        scores = {"history": history.to_array(self.rows), "best_psnr": np.array(self.best_psnr)}
        return {**scores, **best}

    @classmethod
    def from_checkpoint(cls, checkpoint: checkpoints.Checkpoint) -> "Record":
        """Return the record whose `state` the checkpoint holds."""
        state = checkpoint.state
        return cls(
            step=checkpoint.step,
            rows=history.from_array(state["history"]),
            best_psnr=float(state["best_psnr"]),
            best_weights=[state[name] for name in sorted(state) if name.startswith("best/")],
        )


class Interrupted(Stop):
    """A signal ended the training; its state is saved."""

    def __init__(self, number: signal.Signals, step: int) -> None:
        super().__init__(f"stopped by {number.name}, saved at step {step}: start again to continue")
        self.exit_code = 128 + number


def resume(trainer: Trainer, checkpointing: Checkpointing) -> Record:
    """Bring the trainer to its newest checkpoint and return the record, new where none fits."""
    checkpoint = checkpoints.restore(checkpointing.folder, checkpointing.fingerprint)
    if checkpoint is None:
        print("starting at step 0", flush=True)
        return Record()
    trainer.load_state(checkpoint.state)
    print(f"resuming from step {checkpoint.step}", flush=True)
    return Record.from_checkpoint(checkpoint)


def run(
    trainer: Trainer,
    record: Record,
    *,
    batches: Batches,
    tiles: ValidationTiles,
    cadence: Cadence,
    checkpointing: Checkpointing,
    observers: Sequence[Callable[[Measured], None]],
) -> None:
    """Train until the last step; `trainer` and `record` then hold the result.

    Parameters
    ----------
    trainer : Trainer
    record : Record
        From `resume`.
    batches : Batches
    tiles : ValidationTiles
        Of the validation split, never of the test split.
    cadence : Cadence
    checkpointing : Checkpointing
    observers : sequence of callables
        Each is shown the row of every step.

    Raises
    ------
    TrainingFailed
        If the training cannot recover.
    Interrupted
        If SIGTERM or SIGINT came; the step was finished and saved before.
    """
    steps = range(record.step + 1, cadence.steps + 1)
    upcoming = ((step, batches(step)) for step in steps)
    with Interruption() as interruption, Ahead(upcoming, depth=1) as made:
        for step, (lr, hr) in made:
            row = {"step": step, **trainer.update(step, lr, hr)}
            if _due(step, cadence.validate_every, cadence.steps):
                row |= _validate(trainer, tiles, record)
            record.step = step
            record.rows.append(row)
            early_stops.check(record.rows)
            for observer in observers:
                observer(row)
            ended_by = interruption.signal  # read once: a later one waits for the next step
            if ended_by or _due(step, cadence.checkpoint_every, cadence.steps):
                _save(trainer, record, checkpointing)
            if ended_by:
                raise Interrupted(ended_by, step)


def _due(step: int, every: int, last: int) -> bool:
    return step % every == 0 or step == last


def _validate(trainer: Trainer, tiles: ValidationTiles, record: Record) -> Measured:
    psnr, ssim = validation.measure(trainer.averaged, tiles)
    if psnr > record.best_psnr:
        record.best_psnr = psnr
        record.best_weights = trainer.averaged.get_weights()
    return {"val_psnr_db": psnr, "val_ssim": ssim}


def _save(trainer: Trainer, record: Record, checkpointing: Checkpointing) -> None:
    state = {**trainer.state(), **record.state()}
    checkpoints.save(
        checkpointing.folder, checkpoints.Checkpoint(record.step, state), checkpointing.fingerprint
    )
