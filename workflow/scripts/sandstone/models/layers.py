"""Layers that enlarge an image: sub-pixel convolution's shuffle, and fixed bicubic."""

from typing import Any

import keras
import numpy as np
from keras import ops

from sandstone.models import cubic


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
