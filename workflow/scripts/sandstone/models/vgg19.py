"""Features of VGG19, for a content loss.

Only `keras` and `keras.ops`. Grey images are repeated to the three channels that the network
was trained on. Weights come from a file that is checked before use.
"""

import hashlib
from pathlib import Path

import keras
import numpy as np
from keras import KerasTensor as Tensor
from keras import ops

from sandstone.errors import InputError

VGG19_MD5 = "253f8cb515780f3b799900260a226db6"  # published in keras.applications
_IMAGENET_BGR_MEAN = np.array([103.939, 116.779, 123.68], np.float32)


class Vgg19Features:
    """Features of one convolution of VGG19, for a content loss.

    Parameters
    ----------
    path : str or Path
        `vgg19_weights_tf_dim_ordering_tf_kernels_notop.h5` of keras.applications.
    layer : str
        Name of the convolution, as in ``block3_conv4``.
    sha256 : str, optional
        Expected hash of the file; without it, the MD5 that Keras publishes.

    Raises
    ------
    InputError
        If the file is missing, not the expected one, or VGG19 has no such layer.

    References
    ----------
    Simonyan, Zisserman (2015), Very deep convolutional networks, ICLR. Ledig et al. (2017),
    Photo-realistic single image super-resolution using a GAN, CVPR, eq. 5.
    """

    def __init__(self, path: str | Path, *, layer: str, sha256: str | None = None) -> None:
        _check_hash(Path(path), sha256)
        try:
            vgg19 = keras.applications.VGG19(include_top=False, weights=str(path))
        except (ValueError, OSError, KeyError) as error:
            raise InputError(
                f"{path} does not hold VGG19's weights ({_first_line(error)}): fetch it again"
            ) from error
        names = [each.name for each in vgg19.layers if "conv" in each.name]
        if layer not in names:
            raise InputError(f"VGG19 has no layer {layer!r}; choose one of {', '.join(names)}")
        self._network = keras.Model(vgg19.input, vgg19.get_layer(layer).output)
        self._network.trainable = False

    def __call__(self, images: Tensor) -> Tensor:
        """Return the features of grey images in [0, 1], float32 (n, y, x, 1)."""
        grey = ops.repeat(255 * images, 3, axis=-1)
        # Caffe's convention, in which these weights were trained: BGR, mean removed.
        return self._network(grey - _IMAGENET_BGR_MEAN, training=False)


def _check_hash(path: Path, sha256: str | None) -> None:
    algorithm, expected = ("sha256", sha256) if sha256 else ("md5", VGG19_MD5)
    try:
        with path.open("rb") as stream:
            actual = hashlib.file_digest(stream, algorithm).hexdigest()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: data/README.md says how to get it") from error
    if actual != expected:
        raise InputError(
            f"{path} has the {algorithm} {actual}, not {expected}: it is another file or damaged, "
            "fetch it again"
        )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
