"""Tell where the settings that made a result differ from those that a config asks for now."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sandstone.errors import shortened
from sandstone.report.results import Results, values

NAMED_BY_FOLDER = ("training", "layout")  # stems of records that lie in a folder of their subject


@dataclass(frozen=True)
class Difference:
    """One setting of one result: its values in the result's record and in the config."""

    result: str
    setting: str
    recorded: str
    configured: str


def differences(results: Results, flags: Mapping[str, Sequence[str]]) -> Iterator[Difference]:
    """Yield each setting that a record has otherwise.

    Results without a readable record are left out.

    Parameters
    ----------
    results : Results
    flags : mapping of str to sequence of str
        By the stem of a result, the words of the command line that the config gives now, as in
        ["--steps", "500"].
    """
    for stem, words in flags.items():
        found = results.find(stem)
        if not found:
            continue
        for setting, configured in values(words).items():
            recorded = found.flags.get(setting, [])
            if not _equal(recorded, configured):
                yield Difference(
                    result=_name(stem),
                    setting=setting.removeprefix("--").replace("-", " "),
                    recorded=_shown(recorded),
                    configured=_shown(configured),
                )


def _equal(first: Sequence[str], second: Sequence[str]) -> bool:
    """Compare values as numbers where they are numbers, since 1 and 1.0 set the same."""
    return list(map(_number, first)) == list(map(_number, second))


def _number(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word


def _shown(words: Sequence[str]) -> str:
    return shortened(" ".join(words)) if words else "none"


def _name(stem: str) -> str:
    """Return what a result is called: "srgan" of its training, else as in "pairs/berea"."""
    folder, _, name = stem.rpartition("/")
    parent = folder.rpartition("/")[2]
    return parent if name in NAMED_BY_FOLDER else f"{parent}/{name}"
