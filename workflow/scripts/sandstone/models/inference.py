"""Super-resolve images with a trained generator."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

# LR images to SR images, float32, (n, y, x) to (n, scale · y, scale · x); grey levels in [0, 1].
Network = Callable[[np.ndarray], np.ndarray]


def load_network(model_dir: Path, threads: int) -> Network:
    """Start TensorFlow and return the trained generator of a model folder.

    Parameters
    ----------
    model_dir : Path
        Holds `generator.json` and `generator.weights.h5`.
    threads : int
        Of one operation; part of the result.

    Raises
    ------
    InputError
        If either file is missing, damaged, or of another network.
    """
    from sandstone.models import backend

    backend.start(threads=threads)

    from sandstone.models import weights

    model = weights.load_generator(model_dir)

    def apply(lr: np.ndarray) -> np.ndarray:
        return predict(model, lr[..., np.newaxis])[..., 0]

    return apply


def predict(model: "keras.Model", lr: np.ndarray) -> np.ndarray:
    """Super-resolve one batch, without training behaviour, clipped to [0, 1].

    Parameters
    ----------
    model : keras.Model
        A generator. Its graph is compiled once for every new shape of `lr`.
    lr : ndarray of float32, shape (n, y, x, 1)
        Grey levels in [0, 1].

    Returns
    -------
    ndarray of float32, shape (n, scale · y, scale · x, 1)
    """
    # XLA would compile again for every shape and round differently from training.
    model.jit_compile = False
    return np.clip(model.predict_on_batch(lr), 0.0, 1.0)
