"""What the weights of a model have gone through: its training and those that it descends from."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandstone.provenance import records

WEIGHTS = "generator.weights.h5"  # what a training starts from, in the folder of its model


@dataclass(frozen=True)
class Training:
    """One training of a line: of the model itself, or of one that it descends from."""

    model: str
    record: Mapping[str, Any]

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its settings, by the flags of train.py."""
        return self.record["parameters"]

    @property
    def samples(self) -> list[str]:
        """The rocks that it was trained on."""
        return list(self.record["voxel_size_um"])

    @property
    def parent(self) -> str | None:
        """The model whose weights it started from, None where it started from scratch."""
        files = (Path(file.get("path") or file["name"]) for file in self.record["inputs"])
        return next((file.parent.name for file in files if file.name == WEIGHTS), None)


# A model's own training, then those of the models that it started from, the youngest first.
Line = Sequence[Training]


def samples_of(line: Line) -> list[str]:
    """Return every rock that the weights have seen, those of the last training first."""
    return list(dict.fromkeys(sample for training in line for sample in training.samples))


def read_training(model: str, path: str | Path) -> Training:
    """Return the training of a model from its record.

    Raises
    ------
    InputError
        If the file is missing or holds no record.
    """
    return Training(model, records.read(path).content)


def model_of(path: str | Path) -> str:
    """Return the model whose folder a record lies in."""
    return Path(path).absolute().parent.name


def read_trainings(paths: Iterable[str | Path]) -> dict[str, Training]:
    """Return trainings by their model, in whose folders the records lie."""
    return {model_of(path): read_training(model_of(path), path) for path in paths}


def line_of(model: str, trainings: Mapping[str, Training]) -> Line:
    """Return the line of a model as far as there are records of it.

    It is whole where its oldest training has no parent.
    """
    line: list[Training] = []
    training = trainings.get(model)
    while training and training not in line:  # a folder elsewhere may have the name of one here
        line.append(training)
        training = trainings.get(training.parent or "")
    return line


def rock_of(model: str, sample: str, trainings: Mapping[str, Training]) -> str:
    """Return whether the weights of a model have seen a rock: seen, unseen or unknown.

    Unknown where no record names the rock, but one of the line is missing.
    """
    line = line_of(model, trainings)
    if sample in samples_of(line):
        return "seen"
    return "unseen" if line and line[-1].parent is None else "unknown"
