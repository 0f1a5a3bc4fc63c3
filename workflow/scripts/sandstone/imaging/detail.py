"""Where an image shows most: the choice of what a figure enlarges is then nobody's."""

import numpy as np


def most_detailed(image: np.ndarray, edge: int, step: int) -> tuple[int, int]:
    """Return the corner (y, x) of the square with the greatest mean gradient.

    Parameters
    ----------
    image
        Grey levels, shape (y, x), at least 2 × 2.
    edge
        Edge of the square, pixels.
    step
        The corner is a multiple of it.
    """
    gradient = np.hypot(*np.gradient(image.astype(np.float64)))
    squares = np.lib.stride_tricks.sliding_window_view(gradient, (edge, edge))[::step, ::step]
    means = squares.mean(axis=(2, 3))
    y, x = np.unravel_index(means.argmax(), means.shape)
    return int(y) * step, int(x) * step
