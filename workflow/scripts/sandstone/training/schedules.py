"""Learning rate and averaging as functions of the step alone, so that a resumed run agrees."""

import math

SCHEDULES = ("constant", "cosine", "step")


def learning_rate_factor(
    step: int, *, schedule: str, steps: int, decay_every: int, decay_rate: float
) -> float:
    """Return what the base learning rate is multiplied by in a step.

    Parameters
    ----------
    step : int
        1 to `steps`.
    schedule : {"constant", "cosine", "step"}
        `cosine` falls from 1 to almost 0 over `steps`; `step` multiplies by `decay_rate`
        after every `decay_every` steps.
    steps : int
        Length of the training.
    decay_every : int
        Steps between two drops, for `step`.
    decay_rate : float
        The factor of a drop, for `step`.

    References
    ----------
    Loshchilov, Hutter (2017), SGDR: stochastic gradient descent with warm restarts, ICLR;
    the cosine without restarts.
    """
    done = step - 1
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * done / steps))
    if schedule == "step":
        return decay_rate ** (done // decay_every)
    if schedule == "constant":
        return 1.0
    raise ValueError(f"schedule {schedule!r} is none of {', '.join(SCHEDULES)}")


def averaging_decay(step: int, *, ema: float) -> float:
    """Return the decay of the averaged weights in a step, 1 to the last.

    It grows from 2/11 to `ema`, so that the average forgets the first weights and a
    short training is worth its name (the warm-up of `tf.train.ExponentialMovingAverage`).
    """
    return min(ema, (1 + step) / (10 + step))
