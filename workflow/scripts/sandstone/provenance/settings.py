"""Tell where the settings that made a result differ from those that a config asks for now."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandstone.errors import InputError
from sandstone.provenance import records


@dataclass(frozen=True)
class Difference:
    """One setting of one result: its values in the result's record and in the config."""

    result: str
    setting: str
    recorded: str
    configured: str


def differences(flags: Mapping[str, Sequence[str]]) -> Iterator[Difference]:
    """Yield each setting that a record has otherwise.

    Results without a readable record are left out: `verify_provenance` is for them.

    Parameters
    ----------
    flags : mapping of str to sequence of str
        By the path of a record, the words of the command line that the config gives now, as in
        ["--steps", "500"].
    """
    for path, words in flags.items():
        try:
            record = records.read(path)
        except InputError:
            continue
        recorded = _values(shlex.split(record.content["command"]))
        for setting, configured in _values(words).items():
            if not _equal(recorded.get(setting, []), configured):
                yield Difference(
                    result=_name(Path(path)),
                    setting=setting.removeprefix("--").replace("-", " "),
                    recorded=" ".join(recorded.get(setting, ["none"])),
                    configured=" ".join(configured),
                )


def _values(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each flag of a command line."""
    values: dict[str, list[str]] = {}
    current: list[str] = []
    for word in words:
        if word.startswith("--"):
            current = values.setdefault(word, [])
        else:
            current.append(word)
    return values


def _equal(first: Sequence[str], second: Sequence[str]) -> bool:
    """Compare values as numbers where they are numbers, since 1 and 1.0 set the same."""
    return list(map(_number, first)) == list(map(_number, second))


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def _name(path: Path) -> str:
    """Return what a record is of: "srgan" of a training, else as in "pairs/berea"."""
    name = path.name.partition(".")[0]
    return path.parent.name if name == "training" else f"{path.parent.name}/{name}"
