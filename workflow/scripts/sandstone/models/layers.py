"""Layers that Keras lacks: they enlarge an image, centre it, or add noise to it."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from sandstone.models import cubic

LEVELS = 65535  # of an image, for the hash
WORD, HALF = 0x7FFFFFFF, 0x7FFF  # 31 bits and 15
STIR = (31627, 29789)  # primes of 15 bits
SALT = 0x9E3779B1  # the golden ratio's 32 bits: multiples are far apart


class PixelShuffle(keras.layers.Layer):
    """Rearrange groups of `factor`² channels into blocks of `factor` by `factor` pixels.

    The second half of a sub-pixel convolution (Shi et al. 2016, CVPR). Input
    (n, y, x, factor² · c), output (n, factor · y, factor · x, c); channel
    (row · factor + column) · c + k becomes channel k of the block's pixel (row, column).
    """

    def __init__(self, factor: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the rearranged tensor."""
        _, height, width, channels = ops.shape(inputs)
        factor, filters = self.factor, channels // self.factor**2
        blocks = ops.reshape(inputs, (-1, height, width, factor, factor, filters))
        rows = ops.transpose(blocks, (0, 1, 3, 2, 4, 5))
        return ops.reshape(rows, (-1, height * factor, width * factor, filters))

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output; an unknown edge stays unknown."""
        n, height, width, channels = input_shape
        factor = self.factor
        return (
            n,
            None if height is None else height * factor,
            None if width is None else width * factor,
            channels // factor**2,
        )

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "factor": self.factor}


class BicubicUpsampling(keras.layers.Layer):
    """Enlarge one channel by a whole factor with the cubic kernel of Keys (a = -0.5).

    Pixel areas coincide (no half-pixel shift) and the kernel is renormalised at the edges,
    as Pillow does: output equals `resample`'s bicubic up to rounding. Written as one fixed
    convolution with a kernel for every sub-pixel position, because Keras backends differ in
    the kernel of their `image.resize` (torch has a = -0.75), and XLA has none.

    References
    ----------
    Keys, R. (1981). Cubic convolution interpolation for digital image processing.
    IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6), 1153-1160.
    """

    def __init__(self, factor: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor = factor
        self.shuffle = PixelShuffle(factor, name="shuffle")
        self.kernel = _bicubic_kernel(factor)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the enlarged image: (n, y, x, 1) to (n, factor · y, factor · x, 1)."""
        kernel = ops.convert_to_tensor(self.kernel)
        weighted = ops.conv(inputs, kernel, padding="same")
        weight = ops.conv(ops.ones_like(inputs[:1]), kernel, padding="same")
        return self.shuffle(weighted / weight)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output; an unknown edge stays unknown."""
        return self.shuffle.compute_output_shape((*input_shape[:3], self.factor**2))

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "factor": self.factor}


class Centring(keras.layers.Layer):
    """Turn one channel into several: the image less each of the `means`, times `gain`.

    Input (n, y, x, 1), output (n, y, x, len(means)).
    """

    def __init__(self, means: Sequence[float], gain: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.means, self.gain = tuple(means), gain

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the centred channels."""
        means = ops.convert_to_tensor(np.array(self.means, np.float32))
        return (inputs - ops.cast(means, inputs.dtype)) * self.gain

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output."""
        return (*input_shape[:3], len(self.means))

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "means": self.means, "gain": self.gain}


class LevelNoise(keras.layers.Layer):
    """White noise, `factor` times as fine as the image that it follows from.

    Each pixel's 3 x 3 neighbourhood of grey levels is hashed, so the noise hangs on what an image
    shows and on nothing else: the same in every tiling, on every machine, each time. Where all nine
    levels are equal, as outside of a plug, there is none. Input (n, y, x, 1) in [0, 1], output
    (n, factor · y, factor · x, 1) with a standard deviation of `strength`.

    References
    ----------
    Steele, G. L., Lea, D., Flood, C. H. (2014). Fast splittable pseudorandom number generators.
    OOPSLA, 453-472: a golden-ratio step from stream to stream, mixed by products and shifts.
    Rakotonirina, N. C., Rasoanaivo, A. (2020). ESRGAN+: further improving enhanced
    super-resolution generative adversarial network. ICASSP: noise within a generator.
    """

    def __init__(self, factor: int, strength: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.factor, self.strength = factor, strength
        self.shuffle = PixelShuffle(factor, name="shuffle")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Return the noise."""
        levels = ops.cast(ops.round(inputs[..., 0] * LEVELS), "int32")
        padded = ops.pad(levels, ((0, 0), (1, 1), (1, 1)), mode="symmetric")
        ends = ((0, -2), (1, -1), (2, None))
        around = [padded[:, y0:y1, x0:x1] for y0, y1 in ends for x0, x1 in ends]
        hashed = ops.zeros_like(levels)
        varied = ops.zeros_like(levels, dtype="bool")
        for neighbour in around:
            hashed = _stirred(ops.bitwise_xor(hashed, neighbour))
            varied = ops.logical_or(varied, neighbour != levels)
        salts = np.arange(1, self.factor**2 + 1, dtype=np.int64) * SALT & WORD
        salts = ops.convert_to_tensor(salts.astype(np.int32))
        hashed = ops.bitwise_xor(ops.expand_dims(hashed, -1), salts)
        for _ in range(2):
            hashed = _stirred(hashed)
        # Two halves of 15 bits each, uniform: their sum has a variance of 1/6 of a half's range.
        halves = ops.bitwise_and(hashed, HALF) + ops.bitwise_and(ops.right_shift(hashed, 15), HALF)
        noise = (ops.cast(halves, "float32") / HALF - 1) * (self.strength * 6**0.5)
        return self.shuffle(noise * ops.cast(ops.expand_dims(varied, -1), "float32"))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return the shape of the output; an unknown edge stays unknown."""
        return self.shuffle.compute_output_shape((*input_shape[:3], self.factor**2))

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds this layer."""
        return {**super().get_config(), "factor": self.factor, "strength": self.strength}


def _stirred(hashed: keras.KerasTensor) -> keras.KerasTensor:
    """Return a hash of 31 bits from another one; no product is longer, so that none overflows."""
    low, high = ops.bitwise_and(hashed, 0xFFFF), ops.right_shift(hashed, 16)
    mixed = ops.bitwise_xor(low * STIR[0], high * STIR[1])
    return ops.bitwise_xor(mixed, ops.right_shift(mixed, 11))


class Attention(keras.layers.Layer):
    """Weight a sum by one of its terms: (x + other) * (sigmoid(x) - 1/2).

    The attention without parameters of Wan et al. (2024), arXiv:2311.12770. Input [x, other],
    both of the output's shape.
    """

    def call(self, inputs: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
        """Return the weighted sum."""
        x, other = inputs
        return (x + other) * (ops.sigmoid(x) - 0.5)

    def compute_output_shape(self, input_shape: Sequence[Any]) -> Any:
        """Return the shape of the output."""
        return input_shape[0]


class SubPixelInitializer(keras.initializers.Initializer):
    """Start a sub-pixel convolution as nearest-neighbour upsampling of a convolution.

    All `factor`² kernels that make one block of pixels begin equal, so that the untrained
    layer draws no checkerboard (ICNR: Aitken et al. 2017, arXiv:1707.02937).
    """

    def __init__(self, factor: int) -> None:
        self.factor = factor
        self.initial = keras.initializers.GlorotUniform()

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> keras.KerasTensor:
        """Return a kernel of `shape` (rows, columns, inputs, factor² · filters)."""
        positions = self.factor**2
        kernel = self.initial((*shape[:3], shape[3] // positions), dtype=dtype)
        return ops.tile(kernel, (1, 1, 1, positions))

    def get_config(self) -> dict[str, object]:
        """Return what rebuilds this initialiser."""
        return {"factor": self.factor}


def _bicubic_kernel(factor: int) -> np.ndarray:
    """Return float32 weights (taps, taps, 1, factor²), one 2-D kernel a sub-pixel position."""
    line = cubic.weights(factor)
    plane = np.einsum("ir,jc->ijrc", line, line)
    return plane.reshape(len(line), len(line), 1, factor**2).astype(np.float32)
