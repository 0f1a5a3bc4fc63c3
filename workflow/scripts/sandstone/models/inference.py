"""Super-resolve images with a trained generator."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

# LR images to SR images, float32, (n, y, x) to (n, scale · y, scale · x); grey levels in [0, 1].
Network = Callable[[np.ndarray], np.ndarray]

VIEWS = 8  # of an image: four quarter turns, of itself and of its mirror image


def load_network(model_dir: Path, threads: int, *, self_ensemble: bool = False) -> Network:
    """Start TensorFlow and return the trained generator of a model folder.

    Parameters
    ----------
    model_dir : Path
        Holds `generator.json` and `generator.weights.h5`.
    threads : int
        Of one operation; part of the result.
    self_ensemble : bool
        Whether it is asked once for each view of an image, see `averaged_over_views`.

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

    return averaged_over_views(apply) if self_ensemble else apply


def averaged_over_views(network: Network) -> Network:
    """Return a network that gives the mean over the eight flips and quarter turns of an image.

    Each view is enlarged on its own, and turned back. What a network makes of the direction in
    which an image lies, which says nothing of the rock, is averaged out.

    Parameters
    ----------
    network : callable
        It sees images of shape (n, y, x) and, turned, (n, x, y).

    References
    ----------
    Lim, Son, Kim, Nah, Lee (2017), Enhanced deep residual networks for single image
    super-resolution, CVPR workshops, section 3.4: geometric self-ensemble.
    """

    def apply(lr: np.ndarray) -> np.ndarray:
        views = (np.ascontiguousarray(seen(lr, view)) for view in range(VIEWS))
        images = (seen_back(network(each), view) for view, each in enumerate(views))
        return np.ascontiguousarray(reduce(np.add, images) / np.float32(VIEWS))

    return apply


def seen(images: np.ndarray, view: int) -> np.ndarray:
    """Return images, shape (n, y, x), in one of the eight views: mirrored or not, then turned."""
    mirrored = images[:, :, ::-1] if view >= VIEWS // 2 else images
    return np.rot90(mirrored, view, axes=(1, 2))


def seen_back(images: np.ndarray, view: int) -> np.ndarray:
    """Undo `seen`."""
    turned = np.rot90(images, -view, axes=(1, 2))
    return turned[:, :, ::-1] if view >= VIEWS // 2 else turned


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
