"""Generators and discriminators as Keras models, built from their lists of steps.

Only `keras` layers and `keras.ops`, so that weights load under any Keras backend. Random
initial weights come from Keras's global seed: call `keras.utils.set_random_seed` first.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
from keras import KerasTensor as Tensor
from keras import layers

from sandstone.models.architectures import (
    DISCRIMINATORS,
    Add,
    AddBicubic,
    AddNoise,
    Attend,
    AttentionBlocks,
    BatchNorm,
    Centre,
    Concatenate,
    Conv,
    Dense,
    Flatten,
    Input,
    LeakyRelu,
    Nearest,
    PRelu,
    ResidualBlocks,
    Shuffle,
    Silu,
    Step,
    Steps,
    generator_steps,
)
from sandstone.models.layers import (
    Attention,
    BicubicUpsampling,
    Centring,
    LevelNoise,
    PixelShuffle,
    SubPixelInitializer,
)
from sandstone.models.options import discriminator_config, generator_config

LEAK = 0.2

Outputs = dict[str, Tensor]  # what each step gave, by its name


def build_generator(**options: Any) -> keras.Model:
    """Build a generator that enlarges one-channel images of any size.

    With `bicubic_skip` the network adds what bicubic lacks, and starts as bicubic exactly,
    since its last convolution starts at zero.

    Parameters
    ----------
    **options
        Those of `options.generator_config`, with the same defaults.

    Returns
    -------
    keras.Model
        float32 (n, y, x, 1) in [0, 1] to float32 (n, scale · y, scale · x, 1). The output is
        not clipped, since clipped pixels would have no gradient; `inference.predict` clips.

    Raises
    ------
    InputError
        If an option has a value that no generator can have.
    """
    config = generator_config(**options)
    outputs = _build(generator_steps(config))
    first, *_, last = outputs.values()
    return keras.Model(first, last, name="generator")


def build_discriminator(**options: Any) -> keras.Model:
    """Build a discriminator that tells HR tiles from super-resolved ones.

    Parameters
    ----------
    **options
        Those of `options.discriminator_config`, with the same defaults.

    Returns
    -------
    keras.Model
        float32 (n, y, x, 1) to the list [logits, feature 1, feature 2, ...]. Logits are
        (n, y', x', 1) for `patch` and (n, 1) for `notebook`, without a sigmoid; features are
        the activations of every level, for feature matching. Spectral normalisation takes
        one power iteration a call with `training=True` and none otherwise.

    Raises
    ------
    InputError
        If an option has a value that no discriminator can have.
    """
    config = discriminator_config(**options)
    steps = DISCRIMINATORS[config["architecture"]](config)
    outputs = _build(steps)
    first, *_, logits = outputs.values()
    features = [
        outputs[step.name] for step in steps if isinstance(step, LeakyRelu) and step.feature
    ]
    return keras.Model(first, [logits, *features], name="discriminator")


def _build(steps: Steps) -> Outputs:
    """Chain the layers of all steps; Keras draws weights in the order of the list."""
    outputs: Outputs = {}
    for step in steps:
        before = list(outputs.values())[-1] if outputs else None
        outputs[step.name] = _apply(step, before, outputs)
    return outputs


def _apply(step: Step, x: Tensor, outputs: Outputs) -> Tensor:
    """Return what a step makes of `x` and, where it adds, of the outputs of earlier steps."""
    match step:
        case Input(name, size):
            return keras.Input((size, size, 1), name=name)
        case ResidualBlocks():
            return _residual_blocks(step, x)
        case Add(name, other) | Attend(name, other):
            return _JOINS[type(step)](name=name)([x, outputs[other]])
        case Concatenate(name, others):
            return layers.Concatenate(name=name)([outputs[other] for other in others])
        case AddBicubic(name, other) | AddNoise(name, other):
            # Full precision, also in mixed precision: float16 cannot hold 16-bit grey levels.
            beside = _BESIDE[type(step)](step)(outputs[other])
            return layers.Add(name=name, dtype="float32")([x, beside])
    return _layer(step)(x)


def _residual_blocks(blocks: ResidualBlocks, x: Tensor) -> Tensor:
    for number in range(1, blocks.count + 1):
        name = f"{blocks.name}_{number}"
        residual = x
        for step in blocks.steps:
            residual = _layer(replace(step, name=f"{name}_{step.name}"))(residual)
        x = _JOINS[type(blocks)](name=f"{name}_add")([residual, x])
    return x


def _layer(step: Step) -> layers.Layer:
    """Return the layer of a step that takes one input."""
    layer = _LAYERS[type(step)](step)
    if getattr(step, "spectral", False):
        return layers.SpectralNormalization(layer, name=f"{layer.name}_spectral")
    return layer


def _conv(step: Conv) -> layers.Conv2D:
    initial: Any = "zeros" if step.zero else "glorot_uniform"
    if step.shuffled_by:
        initial = SubPixelInitializer(step.shuffled_by)
    return layers.Conv2D(
        step.filters,
        step.kernel,
        strides=step.stride,
        padding="same",
        kernel_initializer=initial,
        name=step.name,
    )


# What joins an output with an earlier one.
_JOINS = {
    Add: layers.Add,
    ResidualBlocks: layers.Add,
    Attend: Attention,
    AttentionBlocks: Attention,
}

# What makes an earlier output as large as the one that it is added to.
_BESIDE: dict[type[Step], Callable[[Any], layers.Layer]] = {
    AddBicubic: lambda step: BicubicUpsampling(step.factor, name="bicubic", dtype="float32"),
    AddNoise: lambda step: LevelNoise(
        step.factor, step.strength, name="level_noise", dtype="float32"
    ),
}

_LAYERS: dict[type[Step], Callable[[Any], layers.Layer]] = {
    Conv: _conv,
    Dense: lambda step: layers.Dense(step.units, name=step.name),
    PRelu: lambda step: layers.PReLU(shared_axes=[1, 2], name=step.name),
    Centre: lambda step: Centring(step.means, step.gain, name=step.name),
    Silu: lambda step: layers.Activation("silu", name=step.name),
    LeakyRelu: lambda step: layers.LeakyReLU(LEAK, name=step.name),
    BatchNorm: lambda step: layers.BatchNormalization(momentum=step.momentum, name=step.name),
    Shuffle: lambda step: PixelShuffle(step.factor, name=step.name),
    Nearest: lambda step: layers.UpSampling2D(step.factor, interpolation="nearest", name=step.name),
    Flatten: lambda step: layers.Flatten(name=step.name),
}
