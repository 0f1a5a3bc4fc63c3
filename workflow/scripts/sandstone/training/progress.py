"""What a training shows while it runs: lines on the terminal and scalars for TensorBoard."""

import time
from pathlib import Path

import tensorflow as tf

from sandstone.progress import SECONDS_BETWEEN_LINES, duration
from sandstone.training import losses
from sandstone.training.history import Measured

STEPS_BETWEEN_SCALARS = 10
SHOWN = {
    "loss": "loss",
    **{losses.column(name): name.replace("_", " ") for name in losses.TERMS},
    "loss_discriminator": "discriminator",
    "learning_rate": "learning rate",
}


class ProgressLines:
    """One line every few seconds, and one for every validation.

    The clock steers only what is shown; no artefact depends on it. The speed counts from the end
    of the first step, in which TensorFlow compiles the networks.
    """

    def __init__(self, *, steps: int) -> None:
        self._steps = steps
        self._shown = time.monotonic()
        self._mark: tuple[int, float] | None = None

    def show(self, row: Measured) -> None:
        """Print the step if it is the last, was validated, or if a line is due."""
        step, now = int(row["step"]), time.monotonic()
        since = self._mark or (step, now)
        overdue = now - self._shown >= SECONDS_BETWEEN_LINES
        due = overdue or "val_psnr_db" in row or step == self._steps
        if due or self._mark is None:
            self._mark = (step, now)
        if due:
            self._shown = now
            print(f"{self._describe(row)}{self._timing(since, step, now)}", flush=True)

    def _describe(self, row: Measured) -> str:
        shown = [f"{text} {row[name]:.3g}" for name, text in SHOWN.items() if name in row]
        if "val_psnr_db" in row:
            shown.append(f"validation {row['val_psnr_db']:.2f} dB, SSIM {row['val_ssim']:.3f}")
        return f"step {row['step']:.0f}/{self._steps}: {', '.join(shown)}"

    def _timing(self, since: tuple[int, float], step: int, now: float) -> str:
        since_step, since_time = since
        if step == since_step:
            return ""
        seconds = (now - since_time) / (step - since_step)
        left = duration(seconds * (self._steps - step))
        return f", {1000 * seconds:.0f} ms/step, {left} left"


class Board:
    """Scalars of the history for TensorBoard; a resumed training appends to them."""

    def __init__(self, folder: Path, *, resumed: bool) -> None:
        if not resumed:
            for old in folder.glob("events.out.tfevents.*"):
                old.unlink()
        self._writer = tf.summary.create_file_writer(str(folder))

    def show(self, row: Measured) -> None:
        """Write every tenth step, and those that were validated."""
        step = int(row["step"])
        if step % STEPS_BETWEEN_SCALARS and "val_psnr_db" not in row:
            return
        with self._writer.as_default(step=step):
            for name, value in row.items():
                if name != "step":
                    tf.summary.scalar(name, value)

    def close(self) -> None:
        """Flush what is written."""
        self._writer.close()
