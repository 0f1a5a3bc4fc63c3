"""The line of trainings behind a model, one of which may have taken place elsewhere."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandstone.files import read_json, sha256_of
from sandstone.provenance import records

WEIGHTS = ".weights.h5"  # how the names of files of weights end


@dataclass(frozen=True)
class Training:
    """One training of a line: of the model itself, or of one that it descends from.

    Its record is empty where nothing is known of a training elsewhere, that of a given model.
    """

    model: str
    record: Mapping[str, Any]
    elsewhere: bool = False

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Its settings, by the flags of train.py."""
        return self.record.get("parameters", {})

    @property
    def samples(self) -> list[str]:
        """The rocks that it was trained on, by the names that they have there."""
        return list(self.record.get("voxel_size_um", {}))

    @property
    def parent(self) -> str | None:
        """The folder whose weights it started from, None where it started from scratch.

        Of a model between two others it is the one that started from the other.
        """
        return next(iter(ends(self)), None)

    @property
    def continued(self) -> bool:
        """Whether it started from the weights of yet another training."""
        return self.parent is not None

    @property
    def is_between(self) -> bool:
        """Whether it is no training, but the mean of the weights of two models."""
        return "alpha" in self.parameters

    @property
    def published(self) -> Mapping[str, str]:
        """Where its weights, or those that it started from, were published; {} otherwise."""
        return self.record.get("published", {})

    @property
    def saw_no_rock(self) -> bool:
        """Whether its weights are as published, and those who published them used no rock."""
        return bool(self.published) and not self.samples

    @property
    def is_told(self) -> bool:
        """Whether its record tells of all that its weights have seen since their first step."""
        return bool(self.record) and (bool(self.published) or not self.continued)


def ends(training: Training) -> list[str]:
    """Return the folders whose weights a training, or a model between two others, has read."""
    files = (Path(records.name_of(file)) for file in training.record.get("inputs", []))
    return [file.parent.name for file in files if file.name.endswith(WEIGHTS)]


# A model's own training, then those of the models that it started from, the youngest first.
Line = Sequence[Training]


def read(model: str, record: str, ancestors: Sequence[str], given: str | None = None) -> Line:
    """Return the trainings of a model and of its ancestors, which lie in folders of their names.

    Parameters
    ----------
    model : str
    record : str
        What is recorded of its training.
    ancestors : sequence of str
        The same of its ancestors, the youngest first.
    given : str, optional
        A file of the model of the line that was trained elsewhere; `take_model.py` wrote its
        record.

    Raises
    ------
    InputError
        If a record is missing or damaged.
    """
    names = [model, *map(_folder_of, ancestors)]
    elsewhere = _folder_of(given) if given else None
    return [
        read_training(path, name, elsewhere=name == elsewhere)
        for name, path in zip(names, (record, *ancestors), strict=True)
    ]


def read_training(path: str | Path, model: str | None = None, *, elsewhere: bool) -> Training:
    """Return a training from its record; by default, its folder tells the model.

    Raises
    ------
    InputError
        If the file is missing or damaged.
    """
    name = model or _folder_of(path)
    if elsewhere:
        return Training(name, read_json(path, remedy="run take_model.py again"), elsewhere=True)
    return Training(name, records.read(path).content)


def _folder_of(path: str | Path) -> str:
    return Path(path).absolute().parent.name


def given(line: Line) -> Training | None:
    """Return the training elsewhere, with which a line may have begun."""
    return line[-1] if line[-1].elsewhere else None


def samples_of(line: Line) -> list[str]:
    """Return every rock that the weights have seen here, those of the last training first.

    A rock of the same name elsewhere may be another one.
    """
    here = (training for training in line if not training.elsewhere)
    return list(dict.fromkeys(sample for training in here for sample in training.samples))


def shared_pairs(line: Line, paths: Sequence[str], samples: Sequence[str]) -> set[str]:
    """Return the samples whose files of pairs the training elsewhere has read, byte for byte.

    Of these, its split kept the test slices from it. A name proves nothing: rocks of one name
    may differ, and one rock may be split otherwise.

    Parameters
    ----------
    line : sequence of Training
    paths, samples : sequence of str
        Files of pairs, and the sample of each.
    """
    first = given(line)
    read = {file["sha256"] for file in first.record.get("inputs", [])} if first else set()
    return {each for each, path in zip(samples, paths, strict=True) if sha256_of(path) in read}


def remark(sample: str, line: Line, shared: Collection[str]) -> str:
    """Return what to remark on a measured rock, the empty text where test slices are unseen.

    `shared` is what `shared_pairs` returns.
    """
    first = given(line)
    if first and not first.saw_no_rock:
        told = first.is_told and sample in shared
        return "" if told else f"seen by {first.model} or not: unknown"
    return "" if sample in samples_of(line) else "never seen in training"
