"""Every format of which a volume is read: what opens it, by suffix."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

from sandstone.errors import InputError
from sandstone.volumes.folder import TIFF
from sandstone.volumes.raw import RawLayout
from sandstone.volumes.source import Format, Source


@cache
def known() -> dict[str, Format]:
    """Return the formats of all readers by suffix, lower case with its point.

    A new reader stands here once; its own `FORMATS` says the rest.
    """
    from sandstone.volumes import containers, headered, raw, tiff, zarr_store

    readers = (tiff, raw, headered, containers, zarr_store)
    return {suffix: each for reader in readers for suffix, each in reader.FORMATS.items()}


def opener(
    files: list[Path], raw: RawLayout | None = None, dataset: str | None = None
) -> Callable[[], Source]:
    """Return what opens `files`, chosen by suffix, with the option that its format takes.

    Raises
    ------
    InputError
        If the suffix is unknown, an option is given that the format would ignore, or several
        files are no TIFF slices.
    """
    if len(files) > 1:
        _refuse_options(files[0], raw, dataset)
        return _stack(files)
    (path,) = files
    suffix = path.suffix.lower()
    if suffix not in known():
        raise InputError(
            f"{path}: unknown suffix {suffix!r}; supported are {', '.join(known())}; rename a "
            "headerless file to .raw, and give its layout"
        )
    reader = known()[suffix]
    taken: dict[str | None, tuple] = {"raw": (raw,), "dataset": (dataset,), None: ()}
    _refuse_options(
        path,
        raw=None if reader.takes == "raw" else raw,
        dataset=None if reader.takes == "dataset" else dataset,
    )
    return lambda: reader.open(path, *taken[reader.takes])


def _stack(files: list[Path]) -> Callable[[], Source]:
    from sandstone.volumes import tiff

    for file in files:
        if file.suffix.lower() not in TIFF:
            raise InputError(
                f"{file}: only TIFF slices can be stacked from several files; give one file"
            )
    return lambda: tiff.open_stack(files)


def _refuse_options(path: Path, raw: RawLayout | None, dataset: str | None) -> None:
    """Refuse options that would have no effect."""
    if raw is not None:
        raise InputError(f"{path}: raw describes headerless .raw files only; remove it")
    if dataset is not None:
        containers = (suffix for suffix, each in known().items() if each.takes == "dataset")
        raise InputError(
            f"{path}: dataset names an array inside {', '.join(containers)} only; remove it"
        )
