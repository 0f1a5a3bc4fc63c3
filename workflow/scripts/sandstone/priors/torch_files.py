"""Read the tensors of a PyTorch state dict, without PyTorch and without running what it holds.

Such a file is a zip archive: `*/data.pkl`, a pickle that names the tensors, and `*/data/<key>`,
the bytes of each. A pickle may call anything, so ours may call three names, all of them inert;
this is the way that Python's documentation of `pickle` calls restricting globals.
"""

import io
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from sandstone.errors import InputError, shortened

LARGEST_PICKLE = 2**20  # bytes; it names the tensors only
LARGEST_TENSOR = 2**28  # bytes
DTYPES = {"FloatStorage": "<f4", "HalfStorage": "<f2", "DoubleStorage": "<f8", "LongStorage": "<i8"}


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor lies: the key of its bytes, its type, and its place in them."""

    key: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Return the tensors of a state dict by their names.

    Parameters
    ----------
    path : str or Path
        What `torch.save(model.state_dict(), path)` of PyTorch 1.6 or later writes, `.pth`.

    Returns
    -------
    dict
        Arrays in the file's own dtype and shape, little-endian.

    Raises
    ------
    InputError
        If the file is missing, damaged, no state dict, or holds more than tensors.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = _root(archive, path)
            names = _unpickle(_part(archive, f"{root}data.pkl", LARGEST_PICKLE, path), path)
            return {
                name: _array(archive, f"{root}data/{tensor.key}", tensor, path)
                for name, tensor in names.items()
            }
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: fetch it first") from error
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path} is no PyTorch file or damaged: fetch it again") from error


def _root(archive: zipfile.ZipFile, path: str | Path) -> str:
    """Return what precedes `data.pkl` in the archive."""
    found = [name for name in archive.namelist() if name.split("/")[-1] == "data.pkl"]
    if len(found) != 1:
        raise InputError(f"{path} holds no state dict of PyTorch 1.6 or later: save it as one")
    return found[0].removesuffix("data.pkl")


def _part(archive: zipfile.ZipFile, name: str, largest: int, path: str | Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError as error:
        raise InputError(f"{path} lacks its part {name}: fetch it again") from error
    if info.file_size > largest:
        raise InputError(f"{path}: its part {name} has {info.file_size} bytes, more than a tensor")
    return archive.read(info)


def _unpickle(content: bytes, path: str | Path) -> Mapping[str, _Tensor]:
    try:
        named = _Tensors(io.BytesIO(content)).load()
    except InputError:
        raise
    except Exception as error:  # a forged pickle may raise anything
        raise InputError(
            f"{path} holds no list of tensors ({shortened(str(error))}): fetch it again"
        ) from error
    if not isinstance(named, Mapping) or not all(
        isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in named.items()
    ):
        raise InputError(f"{path} holds more than tensors: save the state dict of its model alone")
    return named


class _Tensors(pickle.Unpickler):
    """A pickle that can name tensors, and call nothing."""

    def find_class(self, module: str, name: str) -> Callable[..., Any] | str:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if module != "torch" or name not in DTYPES:
            _refuse(f"{module}.{name}")
        return DTYPES[name]

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        kind, dtype, key, *_ = pid
        if kind != "storage" or dtype not in DTYPES.values() or not str(key).isalnum():
            _refuse(str(pid))
        return str(key), dtype


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"a state dict names tensors, but this file asks for {shortened(what)}: give another file"
    )


def _rebuild(
    storage: tuple[str, str],
    offset: int,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    *_: object,
) -> _Tensor:
    return _Tensor(*storage, offset, tuple(shape), tuple(strides))


def _array(archive: zipfile.ZipFile, name: str, tensor: _Tensor, path: str | Path) -> np.ndarray:
    stored = np.frombuffer(_part(archive, name, LARGEST_TENSOR, path), tensor.dtype)
    values = stored[tensor.offset : tensor.offset + prod(tensor.shape)]
    contiguous = tuple(prod(tensor.shape[axis + 1 :]) for axis in range(len(tensor.shape)))
    if len(values) != prod(tensor.shape) or tensor.strides != contiguous:
        raise InputError(
            f"{path}: its part {name} is no whole array {tensor.shape}: fetch it again"
        )
    return values.reshape(tensor.shape)
