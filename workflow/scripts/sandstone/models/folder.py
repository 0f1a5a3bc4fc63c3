"""The folder of a trained generator, judged without Keras: whether its files fit together.

The workflow judges it at the start, where Python may lack h5py; only the weights need that.
"""

import hashlib
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from sandstone.errors import InputError
from sandstone.fields import Kind, are, check_fields, is_number, is_whole
from sandstone.files import read_json, sha256_of
from sandstone.models.description import parameter_count
from sandstone.models.options import checked_generator, generator_files

RECORD = "training.provenance.json"
PUBLISHED = "published.json"  # of weights that others trained: where they are from
COPY = "copy the folder again, from where the model was trained"
WITHOUT_RECORD = "copy it again, or remove it: the training then counts as unknown"


def _are_sizes(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(are(is_number, edges, 3) and min(edges) > 0 for edges in value.values())
    )


def _are_files(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(each, dict)
        and isinstance(each.get("sha256"), str)
        and isinstance(each.get("path", each.get("name")), str)
        for each in value
    )


def _are_settings(value: Any) -> bool:
    return isinstance(value, dict) and is_whole(value.get("steps"))


# What is told of a training that took place elsewhere, and so is read from a foreign file.
KINDS: dict[str, Kind] = {
    "command": lambda value: isinstance(value, str),
    "parameters": _are_settings,
    "seed": is_whole,
    "voxel_size_um": _are_sizes,
    "inputs": _are_files,
    "outputs": _are_files,
    "packages": lambda value: isinstance(value, dict),
}


# What is told of weights that others published.
ORIGIN = ("network", "source", "sha256", "licence", "seen", "weights")


def check(folder: str | Path, *, weights: bool = True) -> dict[str, Any]:
    """Refuse a folder whose network, weights and record of the training do not fit together.

    Parameters
    ----------
    folder : str or Path
    weights : bool
        Whether to look into the weights too, which needs h5py.

    Returns
    -------
    dict
        The options of its generator.

    Raises
    ------
    InputError
        If the folder or a file is missing or damaged, the weights are those of another network,
        or the record tells of other weights.
    """
    generator = generator_of(folder)
    if weights:
        _check_weights(generator_files(folder)[1], generator)
    training_of(folder)
    published_of(folder)
    return generator


def generator_of(folder: str | Path) -> dict[str, Any]:
    """Return the options of the generator in a folder that holds a whole one.

    Raises
    ------
    InputError
        If it lacks the description or the weights, or describes no generator.
    """
    description, _ = files = generator_files(folder)
    for file in files:
        if not file.is_file():
            raise InputError(
                f"{folder} holds no {file.name}; name the folder of a trained model, such as "
                "results/models/srgan of another study"
            )
    content = read_json(description, remedy=COPY)
    try:
        return checked_generator(content)
    except InputError as error:
        raise InputError(f"{description}: {error}") from error


def training_of(folder: str | Path) -> dict[str, Any]:
    """Return the record of the training in a folder, {} where it holds none.

    Raises
    ------
    InputError
        If the record is damaged, or tells of other weights than the folder holds.
    """
    record, (_, weights) = Path(folder) / RECORD, generator_files(folder)
    if not record.exists():
        return {}
    content = read_json(record, keys=KINDS, remedy=WITHOUT_RECORD)
    check_fields(content, KINDS, record, remedy=WITHOUT_RECORD)
    # The best and the last weights have a hash too, and a user may have chosen them.
    if sha256_of(weights) not in {each["sha256"] for each in content["outputs"]}:
        raise InputError(
            f"{weights} is none of the files that {RECORD} beside it tells of, so it is damaged "
            f"or of another training; {COPY}, or remove that record: the training then counts as "
            "unknown"
        )
    return content


def published_of(folder: str | Path) -> dict[str, str]:
    """Return where the weights of a folder, or those they started from, were published; or {}.

    Raises
    ------
    InputError
        If the file is damaged, or tells of other weights than the folder holds.
    """
    file, (_, weights) = Path(folder) / PUBLISHED, generator_files(folder)
    if not file.exists():
        return {}
    kinds: dict[str, Kind] = {key: lambda value: isinstance(value, str) for key in ORIGIN}
    content = read_json(file, keys=kinds, remedy=WITHOUT_RECORD)
    check_fields(content, kinds, file, remedy=WITHOUT_RECORD)
    if content["weights"] != sha256_of(weights):
        raise InputError(
            f"{file} tells of other weights than {weights.name} beside it; {COPY}, or remove it: "
            "the training then counts as unknown"
        )
    return content


def files_of(folder: str | Path) -> list[Path]:
    """Return the files of a folder that count: network, weights and what is told of them."""
    files = [*generator_files(folder), Path(folder) / RECORD, Path(folder) / PUBLISHED]
    return [file for file in files if file.is_file()]


def holds_generator(folder: str | Path) -> bool:
    """Say whether both files of a generator are there."""
    return all(file.is_file() for file in generator_files(folder))


def digest(folder: str | Path) -> str:
    """Return a SHA-256 of what counts in a folder, wherever it lies: network, weights, record."""
    names = [(file.name, sha256_of(file)) for file in files_of(folder)]
    return hashlib.sha256(repr(names).encode()).hexdigest()


def weight_shapes(path: Path, *, remedy: str) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array in a weights file, by its layer's name and number.

    Parameters
    ----------
    path : Path
    remedy : str
        What to do about a file that cannot be read: the end of the sentence.

    Raises
    ------
    InputError
        If the file is missing or damaged, or its arrays lie elsewhere.
    """
    import h5py

    from sandstone.hdf5 import check_storage, refuse_links

    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            check_storage(item, path)
            layer = item.parent.attrs.get("name", item.parent.name)
            shapes[f"{layer}/{Path(name).name}"] = item.shape

    try:
        with h5py.File(path, "r") as stream:
            refuse_links(stream, path)
            stream.visititems(note)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {remedy}") from error
    except (OSError, RuntimeError) as error:
        # HDF5's own words may run over several lines.
        raise InputError(f"{path} is damaged or no HDF5 file: {remedy}") from error
    return shapes


def _check_weights(path: Path, generator: Mapping[str, Any]) -> None:
    """Refuse weights that cannot be those of a network, by their number and their values."""
    found = sum(map(prod, weight_shapes(path, remedy=COPY).values()))
    expected = parameter_count(generator)
    if found != expected:
        raise InputError(
            f"{path} holds {found:,} numbers, but the network of generator.json beside it has "
            f"{expected:,}; {COPY}"
        )
    if name := _not_finite(path):
        raise InputError(f"{path}: {name} holds numbers that are not finite; {COPY}")


def _not_finite(path: Path) -> str | None:
    """Return the first array with a value that is not finite, or that is no number at all."""
    import h5py
    import numpy as np

    def look(name: str, item: h5py.HLObject) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        is_real = item.dtype.kind == "f" and np.isfinite(item[()]).all()
        return None if is_real else name

    try:
        with h5py.File(path, "r") as stream:
            return stream.visititems(look)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} is damaged: {COPY}") from error
