"""Tell models in the results that a run would replace, though it did not make them."""

from pathlib import Path
from typing import Any

from sandstone.errors import InputError
from sandstone.files import sha256_of
from sandstone.provenance import records
from sandstone.provenance.record import RECORD_SUFFIX

WEIGHTS = "generator.weights.h5"
TRAINING, GIVEN = (f"{stem}{RECORD_SUFFIX}" for stem in ("training", "given"))


def check_trained(results: Path, model: str, *, made: bool) -> None:
    """Refuse to train a model where one lies that was not trained there.

    Snakemake deletes what a training shall write, and so a model that somebody has copied there.

    Parameters
    ----------
    results : Path
        Folder of the results, as the run names it.
    model : str
        A model that is about to be trained.
    made : bool
        Whether Snakemake keeps a record of having made its weights.

    Raises
    ------
    InputError
        With the key by which the config uses such a model as it is.
    """
    folder = results / "models" / model
    if (folder / GIVEN).is_file():
        raise InputError(
            f"{folder} holds the copy of a given model, but the config trains {model}; delete "
            "that copy, or give the training another name"
        )
    if not made and _is_foreign(results, model):
        raise InputError(
            f"{folder} holds a model that was not trained here; to use it, move that folder out "
            f"of {results}, say to data/models/{model}, and write models.{model}: {{weights: "
            f"data/models/{model}}} in place of its training; to train {model} here, delete it"
        )


def check_given(results: Path, model: str, weights: str) -> None:
    """Refuse to take a given model from the results, or to where another one lies.

    Parameters
    ----------
    results : Path
    model : str
        A model that the config gives.
    weights : str
        The folder that it names.

    Raises
    ------
    InputError
    """
    folder = results / "models" / model
    if Path(weights).resolve().is_relative_to(results.resolve()):
        raise InputError(
            f"config: models.{model}.weights is {weights}, inside {results}, which the workflow "
            f"rewrites; move that folder out, say to data/models/{model}, and name it there"
        )
    if (folder / TRAINING).is_file() or _is_another(folder, Path(weights)):
        raise InputError(
            f"{folder} holds another model, which the given one would replace; give models."
            f"{model} another name, or move that folder out of {results}"
        )


def _is_another(folder: Path, weights: Path) -> bool:
    """Whether weights lie there that were not taken from anywhere, and are not those given."""
    own = folder / WEIGHTS
    if not own.is_file() or (folder / GIVEN).is_file():
        return False
    return sha256_of(own) != sha256_of(weights / WEIGHTS)


def _is_foreign(results: Path, model: str) -> bool:
    """Whether weights lie there that no training of this folder has written.

    A killed training may have left weights without a record, but then its checkpoints too. Where
    results were copied without Snakemake's own folder, a record that names the pairs beside it
    is enough.
    """
    folder = results / "models" / model
    if not (folder / WEIGHTS).is_file():
        return False
    if (folder / TRAINING).is_file():
        return not _is_of_these_pairs(folder / TRAINING, results / "pairs")
    return not (results / "checkpoints" / model).is_dir()


def _is_of_these_pairs(training: Path, pairs: Path) -> bool:
    try:
        used = [
            (Path(file["path"]), file["sha256"])
            for file in records.read(training).content["inputs"]
            if Path(file.get("path", "")).parent.name == pairs.name
        ]
        return bool(used) and all(
            sha256 in _outputs(pairs / f"{path.stem}{RECORD_SUFFIX}") for path, sha256 in used
        )
    except (InputError, AttributeError, KeyError, TypeError):  # no record of ours
        return False


def _outputs(record: Path) -> set[Any]:
    return {file["sha256"] for file in records.read(record).content["outputs"]}
