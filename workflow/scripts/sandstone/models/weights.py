"""Save and load networks: their JSON and their weights, checked before use."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from sandstone.errors import InputError, shortened
from sandstone.files import atomic_path, read_json, write_json
from sandstone.models.folder import weight_shapes
from sandstone.models.networks import build_generator
from sandstone.models.options import generator_files

# Keras chooses the format of a file by its name.
WEIGHTS_SUFFIX = ".weights.h5"
TRAIN = "delete it and train the model again"
ROOM_FOR_NAMES = 2**20  # bytes; what HDF5 adds to a few hundred arrays


def save_network_json(path: str | Path, config: Mapping[str, Any]) -> None:
    """Write the options that `build_generator` or `build_discriminator` rebuilds a network from.

    The empty mapping stands for "no discriminator".
    """
    write_json(path, dict(config))


def load_generator(model_dir: str | Path) -> keras.Model:
    """Rebuild the generator of a model folder: `generator.json` and `generator.weights.h5`.

    Raises
    ------
    InputError
        If either file is missing, damaged, or of another network.
    """
    description, weights = generator_files(model_dir)
    options = read_json(description, remedy="delete it and train again")
    try:
        model = build_generator(**options)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{description} does not describe a generator ({error}): delete it and train again"
        ) from error
    load_weights(model, weights)
    return model


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Write the weights of `model` to `path`, whole or not at all.

    Keras writes into a temporary folder first, since a full disk would crash the HDF5 library;
    from there the finished file is copied.

    Raises
    ------
    InputError
        If the disk of `path`, or that of temporary files, is full.
    """
    with tempfile.TemporaryDirectory() as folder:
        _check_room(Path(folder), model)
        made = Path(folder) / f"made{WEIGHTS_SUFFIX}"
        model.save_weights(made)
        with atomic_path(path) as temporary:
            shutil.copyfile(made, temporary)


def _check_room(folder: Path, model: keras.Model) -> None:
    """Refuse to write weights into a temporary folder that cannot take them."""
    needed = 2 * sum(weight.nbytes for weight in model.get_weights()) + ROOM_FOR_NAMES
    if shutil.disk_usage(folder).free < needed:
        raise InputError(
            f"{folder.parent}: temporary files need {needed / 1e6:.0f} MB there; free some, or "
            "name another folder in the environment variable TMPDIR"
        )


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load weights after checking that every one has its place and its shape.

    Parameters
    ----------
    model : keras.Model
        Left as it was when the file does not fit.
    path : str or Path
        A file that `save_weights` of the same network wrote, `*.weights.h5`.

    Raises
    ------
    InputError
        If the file is missing, misnamed, damaged, or holds the weights of another network.
    """
    path = Path(path)
    if not path.name.endswith(WEIGHTS_SUFFIX):
        raise InputError(f"{path} must be named *{WEIGHTS_SUFFIX}, as Keras knows it: rename it")
    if not path.exists():
        raise InputError(f"{path} does not exist: train the model first")
    found = weight_shapes(path, remedy=TRAIN)
    with tempfile.TemporaryDirectory() as folder:
        _check_room(Path(folder), model)
        own = Path(folder) / f"own{WEIGHTS_SUFFIX}"
        model.save_weights(own)
        expected = weight_shapes(own, remedy=TRAIN)
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path} holds the weights of another network: {name} is "
                f"{found.get(name, 'absent')} in the file and {expected.get(name, 'absent')} in "
                f"the {model.name}; use the options it was trained with"
            )
    try:
        model.load_weights(path)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({shortened(error)}): train it again") from error
