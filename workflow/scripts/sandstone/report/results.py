"""The records of the results that a report shows, each read once."""

import shlex
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from sandstone.errors import InputError
from sandstone.provenance import records
from sandstone.provenance.record import RECORD_SUFFIX
from sandstone.training import kept_models

Content = Mapping[str, Any]


class Results:
    """A folder of results.

    Parameters
    ----------
    folder : str or Path
        Where the workflow writes, relative to the working directory as records name files.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._found: dict[str, Result | None] = {}

    def find(self, stem: str) -> "Result | None":
        """Return what made a result, as in "pairs/berea"; None without a readable record.

        Of a model whose training goes on or has failed, it is the training of the last whole one:
        figures and metrics that are there come from that.
        """
        if stem not in self._found:
            places = [self.folder / f"{stem}{RECORD_SUFFIX}", *self._kept(stem)]
            self._found[stem] = next(filter(None, map(_read, places)), None)
        return self._found[stem]

    def _kept(self, stem: str) -> list[Path]:
        folder, _, rest = stem.partition("/")
        if folder != "models":
            return []
        model, _, name = rest.partition("/")
        return [self.folder / "checkpoints" / model / kept_models.NAME / f"{name}{RECORD_SUFFIX}"]


class Result:
    """What the record of one result says."""

    def __init__(self, content: Content) -> None:
        self.parameters: dict[str, Any] = dict(content["parameters"])
        self.voxel_size_um = content.get("voxel_size_um")
        self._command: str = content["command"]

    @cached_property
    def flags(self) -> dict[str, list[str]]:
        """Words after each flag of the command, as in {"--steps": ["6"]}."""
        return values(shlex.split(self._command))

    def files(self, flag: str) -> list[PurePosixPath]:
        """Return the files that a flag names, as in "--pairs"."""
        return [PurePosixPath(word) for word in self.flags.get(flag, [])]


def values(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each flag of a command line."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for word in words:
        if word.startswith("--"):
            current = found.setdefault(word, [])
        else:
            current.append(word)
    return found


def _read(path: Path) -> Result | None:
    try:
        return Result(records.read(path).content)
    except InputError:  # absent or damaged: `verify_provenance` says so
        return None
