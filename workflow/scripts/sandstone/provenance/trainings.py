"""What the models of a study have gone through, by the records of all their trainings."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from sandstone.provenance import line as lineage
from sandstone.provenance.line import Line, Training, samples_of

GIVEN_RECORD = "training.json"  # that take_model.py writes, of a training elsewhere


def read_trainings(paths: Iterable[str | Path]) -> dict[str, Training]:
    """Return trainings by their model, in whose folders the records lie.

    Raises
    ------
    InputError
        If a file is missing or holds no record.
    """
    found = [lineage.read_training(path, elsewhere=_is_given(path)) for path in map(Path, paths)]
    return {training.model: training for training in found}


def _is_given(path: Path) -> bool:
    return path.name == GIVEN_RECORD


def line_of(model: str, trainings: Mapping[str, Training]) -> Line:
    """Return the line of a model as far as there are records of it.

    It is whole where its oldest training took place here and has no parent.
    """
    line: list[Training] = []
    training = trainings.get(model)
    while training and training not in line:
        line.append(training)
        # A folder elsewhere may have the name of one here.
        training = None if training.elsewhere else trainings.get(training.parent or "")
    return line


def rock_of(
    model: str,
    sample: str,
    trainings: Mapping[str, Training],
    scans: Mapping[str, str] | None = None,
) -> str:
    """Return whether the weights of a model have seen a rock: seen, unseen or unknown.

    Unknown where no record of a training here names the rock, but one of the line is missing or
    took place elsewhere, unless on no rock. `scans` maps samples to the one whose fine scan they
    share: one rock.
    """
    line, scans = line_of(model, trainings), scans or {}
    if scans.get(sample, sample) in {scans.get(each, each) for each in samples_of(line)}:
        return "seen"
    if not line:
        return "unknown"
    first = line[-1]
    whole = first.saw_no_rock or (first.parent is None and not first.elsewhere)
    return "unseen" if whole else "unknown"
