"""Recognise a training that cannot recover, and say what to change."""

import math
from collections.abc import Sequence

import numpy as np

from sandstone.errors import Stop
from sandstone.training.history import Measured

WINDOW = 200  # steps over which a discriminator's beliefs are averaged
SURE_REAL, SURE_FAKE = 0.99, 0.01


class TrainingFailed(Stop):
    """The training cannot recover. The message says when, what, and what to change."""

    exit_code = 3


def check(rows: Sequence[Measured]) -> None:
    """Judge the training by its history, of which the last row is new.

    Raises
    ------
    TrainingFailed
        If a value of the last step is not finite, or the discriminator has told HR from SR
        almost without doubt over the last `WINDOW` steps: nothing is left to learn from it.
    """
    _check_finite(rows[-1])
    _check_discriminator(rows)


def _check_finite(row: Measured) -> None:
    for name, value in row.items():
        perfect = name == "val_psnr_db" and value == math.inf
        if not math.isfinite(value) and not perfect:
            raise TrainingFailed(
                f"{name} is {value} at step {row['step']:.0f}: lower the learning rate, or set"
                " clip_norm (1.0, say) if it is low already"
            )


def _check_discriminator(rows: Sequence[Measured]) -> None:
    recent = rows[-WINDOW:]
    if len(recent) < WINDOW or "discriminator_real" not in recent[0]:
        return
    real = np.mean([row["discriminator_real"] for row in recent])
    fake = np.mean([row["discriminator_fake"] for row in recent])
    if real > SURE_REAL and fake < SURE_FAKE:
        raise TrainingFailed(
            f"the discriminator has won by step {rows[-1]['step']:.0f}: over the last {WINDOW}"
            f" steps it classified HR as real with probability {real:.3f} and SR with {fake:.3f};"
            " lower discriminator_learning_rate, or give it fewer filters"
        )
