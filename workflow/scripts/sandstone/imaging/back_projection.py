"""Make an SR image agree with its LR image: iterative back-projection."""

from collections.abc import Callable, Mapping
from math import ceil
from typing import Any

import numpy as np

from sandstone.errors import InputError
from sandstone.imaging import resample
from sandstone.imaging.degrade import Degradation, degrade
from sandstone.imaging.redegrade import REACH, without_noise

BICUBIC_RADIUS = 2  # LR pixels

# LR images to SR images, float32, (n, y, x) to (n, scale · y, scale · x); grey levels in [0, 1].
Network = Callable[[np.ndarray], np.ndarray]


def back_projected(
    network: Network, scale: int, degradation: Degradation, iterations: int
) -> Network:
    """Return a network whose answers, degraded again, come nearer to what it was given.

    Each iteration degrades SR as LR was made, and adds what LR has more, enlarged by bicubic
    interpolation. The real detail that LR holds then stays in SR; so does the noise of LR.

    Parameters
    ----------
    network : callable
    scale : int
    degradation : Degradation
        Without noise. It acts within slices.
    iterations : int
        0 returns the network as it is.

    References
    ----------
    Irani, M., Peleg, S. (1991). Improving resolution by image registration. CVGIP: Graphical
    Models and Image Processing 53(3), 231-239.
    """
    if not iterations:
        return network
    unused = np.random.default_rng(0)

    def corrected(sr: np.ndarray, lr: np.ndarray) -> np.ndarray:
        missing = lr - degrade(sr, scale, degradation, unused)
        return sr + resample.resize(missing, sr.shape, "bicubic")

    def apply(lr: np.ndarray) -> np.ndarray:
        images = []
        for sr, own in zip(network(lr), lr, strict=True):
            image = sr
            for _ in range(iterations):
                image = corrected(image, own)
            images.append(np.clip(image, 0, 1))
        return np.stack(images)

    return apply


def known(made: Mapping[str, Any], source: object) -> Degradation:
    """Return how LR was made, by what a pairs file says of its degradation.

    Raises
    ------
    InputError
        If nobody knows; `source` is the file.
    """
    degradation = without_noise(made)
    if degradation is None:
        raise InputError(
            f"{source}: how its LR tiles were made is unknown, so nothing can be projected back; "
            "set back_projection to 0"
        )
    return degradation


def reach(scale: int, degradation: Degradation, iterations: int) -> int:
    """Return how many LR pixels farther than the network an SR pixel sees then."""
    seen = ceil(REACH[degradation.kernel](degradation, scale) / scale)
    return iterations * (seen + BICUBIC_RADIUS)
