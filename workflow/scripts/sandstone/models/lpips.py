"""LPIPS-AlexNet, a learned perceptual distance: a metric and a content loss.

Only `keras.ops`. Grey images are repeated to the three channels that the network was trained
on. Weights come from a file that is checked before use.
"""

import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from keras import KerasTensor as Tensor
from keras import ops

from sandstone.errors import InputError

# Shape of each array of the weights file; kernels are (y, x, in, out).
_CHANNELS = (3, 64, 192, 384, 256, 256)
_KERNELS = (11, 5, 3, 3, 3)
_STRIDES = (4, 1, 1, 1, 1)
_POOLED = (False, True, True, False, False)  # max-pooling before the convolution

_SHIFT = np.array([-0.030, -0.088, -0.188], np.float32)
_SCALE = np.array([0.458, 0.448, 0.450], np.float32)

# What NumPy and zipfile raise on a truncated, damaged, pickled or other file.
_NO_ARCHIVE = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    AttributeError,  # a plain .npy has no names
    MemoryError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)

_HEADER = 1 << 12  # bytes before an array, generously


class LpipsAlex:
    """Learned perceptual distance on AlexNet's features, LPIPS v0.1.

    Parameters
    ----------
    path : str or Path
        The `.npz` that `fetch_lpips_weights` makes.

    Raises
    ------
    InputError
        If the file is missing, damaged, or holds other arrays.

    References
    ----------
    Zhang et al. (2018), The unreasonable effectiveness of deep features as a perceptual
    metric, CVPR.
    """

    def __init__(self, path: str | Path) -> None:
        arrays = _read_arrays(Path(path), lpips_shapes())
        self._weights = {name: ops.convert_to_tensor(array) for name, array in arrays.items()}

    def distance(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the distance of each pair of images, shape (n,), 0 for identical ones.

        Parameters
        ----------
        first, second : float32, shape (n, y, x, 1)
            Grey levels in [0, 1], at least 32 pixels along each edge.
        """
        pairs = zip(self._features(first), self._features(second), strict=True)
        levels = [
            ops.mean(self._weigh(level, _normalise(one) - _normalise(other)), axis=(1, 2, 3))
            for level, (one, other) in enumerate(pairs, start=1)
        ]
        return ops.sum(ops.stack(levels), axis=0)

    def _features(self, images: Tensor) -> list[Tensor]:
        x = (ops.repeat(2 * images - 1, 3, axis=-1) - _SHIFT) / _SCALE
        features = []
        for level, (kernel, stride, pooled) in enumerate(
            zip(_KERNELS, _STRIDES, _POOLED, strict=True), start=1
        ):
            if pooled:
                x = ops.max_pool(x, 3, strides=2, padding="valid")
            # AlexNet pads the first layer by 2, the others to the same size.
            margin = 2 if level == 1 else kernel // 2
            x = ops.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)])
            x = ops.conv(x, self._weights[f"conv{level}_kernel"], strides=stride, padding="valid")
            x = ops.relu(x + self._weights[f"conv{level}_bias"])
            features.append(x)
        return features

    def _weigh(self, level: int, difference: Tensor) -> Tensor:
        return ops.conv(ops.square(difference), self._weights[f"lin{level}"])


def lpips_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of every array of an LPIPS-AlexNet weights file, by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for level, kernel in enumerate(_KERNELS, start=1):
        before, after = _CHANNELS[level - 1 : level + 1]
        shapes[f"conv{level}_kernel"] = (kernel, kernel, before, after)
        shapes[f"conv{level}_bias"] = (after,)
        shapes[f"lin{level}"] = (1, 1, after, 1)
    return shapes


def _normalise(features: Tensor) -> Tensor:
    """Scale the channels of every pixel to unit length, as LPIPS v0.1 does."""
    return features / (ops.sqrt(ops.sum(ops.square(features), axis=-1, keepdims=True)) + 1e-10)


def _read_arrays(path: Path, shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            _check_size(path, archive, shapes)
            arrays = {name: archive[name] for name in archive.files}
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: fetch_lpips_weights.py makes it") from error
    except _NO_ARCHIVE as error:
        raise InputError(f"{path} is no readable .npz: fetch it again") from error
    # An entry that is no .npy comes as bytes.
    found = {name: getattr(array, "shape", "no array") for name, array in arrays.items()}
    if found != shapes:
        name = min(name for name in found | shapes if found.get(name) != shapes.get(name))
        raise InputError(
            f"{path} does not hold LPIPS-AlexNet's weights: {name} is "
            f"{found.get(name, 'absent')}, not {shapes.get(name, 'absent')}; fetch it again"
        )
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def _check_size(
    path: Path, archive: np.lib.npyio.NpzFile, shapes: dict[str, tuple[int, ...]]
) -> None:
    """Refuse an archive of larger arrays before it is unpacked."""
    most = sum(8 * math.prod(shape) + _HEADER for shape in shapes.values())
    entries = archive.zip.infolist() if archive.zip else []
    whole = sum(entry.file_size for entry in entries)
    if whole > most:
        raise InputError(
            f"{path} does not hold LPIPS-AlexNet's weights: it unpacks to {whole} bytes; "
            "fetch it again"
        )
