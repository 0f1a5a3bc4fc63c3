"""Change the size of an image by a named kernel."""

import numpy as np
from PIL import Image

KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}


def resize(image: np.ndarray, shape: tuple[int, int], kernel: str) -> np.ndarray:
    """Resize an image so that the areas of both images coincide (no half-pixel shift).

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Any data range; Pillow's mode "F" neither rounds nor clips.
    shape : tuple of int
        Height and width of the result.
    kernel : {"nearest", "bilinear", "bicubic", "lanczos"}
        Bicubic is Keys' kernel with a = -1/2 [1]_, Lanczos has three lobes [2]_. When
        shrinking, all but nearest are widened by the scale and so antialiased.

    Returns
    -------
    ndarray of float32, shape `shape`
        Bicubic and Lanczos may overshoot the range of `image`.

    References
    ----------
    .. [1] R. Keys, "Cubic convolution interpolation for digital image processing", IEEE
       Trans. Acoust., Speech, Signal Process. 29 (1981) 1153-1160.
    .. [2] C. E. Duchon, "Lanczos filtering in one and two dimensions", J. Appl. Meteorol.
       18 (1979) 1016-1022.
    """
    height, width = shape
    source = Image.fromarray(np.ascontiguousarray(image, dtype=np.float32))
    return np.array(source.resize((width, height), KERNELS[kernel]))
