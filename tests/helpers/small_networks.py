"""Small networks, images for them, and weights of which no two terms cancel."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

SMALL = {"blocks": 1, "filters": 4}


def random_images(*shape: int, seed: int = 0) -> np.ndarray:
    """Return float32 in [0, 1), the same for the same seed."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def randomise(model: "keras.Model", *, biases: bool) -> None:
    """Give every weight a random value above zero, so that no two terms cancel."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if biases or "bias" not in weight.path:
            weight.assign(rng.uniform(0.05, 0.15, weight.shape))
