"""The networks of a training, their optimisers, and one step."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tensorflow import Tensor

from sandstone.models import networks, weights
from sandstone.training import losses, schedules
from sandstone.training.losses import Objective, Seen


@dataclass(frozen=True)
class Optimisation:
    """How weights follow their gradients; names and units are those of the config."""

    steps: int
    learning_rate: float
    discriminator_learning_rate: float
    schedule: str
    decay_every: int
    decay_rate: float
    ema: float
    clip_norm: float
    mixed_precision: bool


class Trainer:
    """The networks of a training, their optimisers, and one step.

    Parameters
    ----------
    generator, discriminator : mapping
        Options of `networks.build_generator` and `networks.build_discriminator`; the
        latter is built only for an adversarial loss.
    objective : Objective
    optimisation : Optimisation
    init_weights : Path, optional
        Generator weights to start from.

    Attributes
    ----------
    generator, averaged : keras.Model
        The network that learns, and the running average of its weights: what validation
        measures and inference uses.
    discriminator : keras.Model or None
    """

    def __init__(
        self,
        *,
        generator: Mapping[str, Any],
        discriminator: Mapping[str, Any],
        objective: Objective,
        optimisation: Optimisation,
        init_weights: Path | None = None,
    ) -> None:
        self._objective, self._plan = objective, optimisation
        with _compute_dtype(mixed=optimisation.mixed_precision):
            self.generator = networks.build_generator(**generator)
        if init_weights:
            weights.load_weights(self.generator, init_weights)
        self._generator_optimizer = _adam(self.generator, optimisation)
        # The average computes in full precision, as inference does.
        self.averaged = networks.build_generator(**generator)
        self.averaged.set_weights(self.generator.get_weights())

        self.discriminator: keras.Model = None
        self._step = self._generator_step
        if objective.adversarial_kind:
            self._adversarial_losses = losses.adversarial_losses(objective.adversarial_kind)
            # Full precision: spectral normalisation rewrites weights in the computing dtype.
            self.discriminator = networks.build_discriminator(**discriminator)
            self._discriminator_optimizer = _adam(self.discriminator, optimisation)
            self._step = self._gan_step

    def update(self, step: int, lr: np.ndarray, hr: np.ndarray) -> dict[str, float]:
        """Take step 1, 2, ... and return what it measured, named as in the history.

        Parameters
        ----------
        step : int
            Counted from 1; learning rate and averaging follow from it.
        lr, hr : ndarray of float32
            A batch in [0, 1], shapes (n, y, x, 1) and (n, scale · y, scale · x, 1).

        Returns
        -------
        dict
            Losses, without their weights, and the discriminator's beliefs, all of the
            networks before the update.
        """
        plan = self._plan
        factor = schedules.learning_rate_factor(
            step,
            schedule=plan.schedule,
            steps=plan.steps,
            decay_every=plan.decay_every,
            decay_rate=plan.decay_rate,
        )
        learning_rate = plan.learning_rate * factor
        self._generator_optimizer.learning_rate = learning_rate
        if self.discriminator:
            self._discriminator_optimizer.learning_rate = plan.discriminator_learning_rate * factor
        decay = tf.constant(schedules.averaging_decay(step, ema=plan.ema), tf.float32)
        measured = self._step(tf.constant(lr), tf.constant(hr), decay)
        values = {name: float(value) for name, value in measured.items()}
        return {"learning_rate": learning_rate, **values}

    @tf.function
    def _generator_step(self, lr: Tensor, hr: Tensor, decay: Tensor) -> dict[str, Tensor]:
        with tf.GradientTape() as tape:
            measured = self._objective.measure(Seen(hr, self._super_resolve(lr)))
            scaled_loss = self._generator_optimizer.scale_loss(measured["loss"])
        _descend(tape, scaled_loss, self.generator, self._generator_optimizer)
        _average(self.averaged, self.generator, decay)
        return measured

    @tf.function
    def _gan_step(self, lr: Tensor, hr: Tensor, decay: Tensor) -> dict[str, Tensor]:
        """Update both networks at once, each by its own loss of the same forward passes.

        Goodfellow et al. (2014), Generative adversarial nets, NeurIPS; Ledig et al. (2017),
        Photo-realistic single image super-resolution using a GAN, CVPR.
        """
        with tf.GradientTape(persistent=True) as tape:
            sr, judged = losses.shared(self._super_resolve(lr), 2)
            real, *real_features = self.discriminator(hr, training=True)
            fake, *fake_features = self.discriminator(judged, training=True)
            seen = Seen(hr, sr, real, fake, real_features, fake_features)
            measured = self._objective.measure(seen)
            _, discrimination = self._adversarial_losses(real, fake)
            scaled_loss = self._generator_optimizer.scale_loss(measured["loss"])
        _descend(tape, scaled_loss, self.generator, self._generator_optimizer)
        _descend(tape, discrimination, self.discriminator, self._discriminator_optimizer)
        _average(self.averaged, self.generator, decay)
        belief_real, belief_fake = _beliefs(self._objective.adversarial_kind, real, fake)
        return {
            **measured,
            "loss_discriminator": discrimination,
            "discriminator_real": belief_real,
            "discriminator_fake": belief_fake,
        }

    def _super_resolve(self, lr: Tensor) -> Tensor:
        """Run the generator as in training; losses are computed in full precision."""
        return tf.cast(self.generator(lr, training=True), tf.float32)

    def state(self) -> dict[str, np.ndarray]:
        """Return every number that a step changes, by group and place."""
        return {name: variable.numpy() for name, variable in self._variables().items()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Go back to what `state` returned for the same networks; further names are ignored."""
        for name, variable in self._variables().items():
            variable.assign(state[name])

    def _variables(self) -> dict[str, keras.Variable]:
        """Name variables by place, since Keras numbers its own names by order of creation."""
        groups = {
            "generator": self.generator,
            "averaged": self.averaged,
            "generator_optimizer": self._generator_optimizer,
        }
        if self.discriminator:
            groups["discriminator"] = self.discriminator
            groups["discriminator_optimizer"] = self._discriminator_optimizer
        return {
            f"{group}/{place:04d}": variable
            for group, owner in groups.items()
            for place, variable in enumerate(owner.variables)
        }


def _adam(network: keras.Model, optimisation: Optimisation) -> keras.optimizers.Optimizer:
    """Return an optimiser with all its variables, so that a checkpoint can fill them."""
    optimizer = keras.optimizers.Adam(global_clipnorm=optimisation.clip_norm or None)
    if network.compute_dtype == "float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(network.trainable_variables)
    return optimizer


def _descend(
    tape: tf.GradientTape,
    loss: Tensor,
    network: keras.Model,
    optimizer: keras.optimizers.Optimizer,
) -> None:
    weights = network.trainable_variables
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    optimizer.apply(gradients, weights)


def _average(averaged: keras.Model, network: keras.Model, decay: Tensor) -> None:
    for average, value in zip(averaged.variables, network.variables, strict=True):
        average.assign(value + decay * (average - value))


def _beliefs(kind: str | None, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean probabilities with which HR and SR are classified as real.

    A relativistic discriminator judges each image against the mean of the other kind.
    """
    if kind == "relativistic":
        real, fake = real - tf.reduce_mean(fake), fake - tf.reduce_mean(real)
    return tf.reduce_mean(tf.sigmoid(real)), tf.reduce_mean(tf.sigmoid(fake))


@contextmanager
def _compute_dtype(*, mixed: bool) -> Iterator[None]:
    """Build networks that compute in float16 where it is safe, if `mixed`."""
    previous = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16" if mixed else previous)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous)
