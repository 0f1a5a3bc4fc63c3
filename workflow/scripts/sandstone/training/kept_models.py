"""Keep a trained model until its successor is whole: Snakemake deletes it before training again."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from sandstone.files import disk_errors

NAME = "last-model"  # below the folder of a model's checkpoints; no volume can be called so


def keep(results: Path, names: Iterable[str]) -> None:
    """Give the files of each whole model a second name, which takes no room.

    Parameters
    ----------
    results : Path
        Folder of the results; models lie in `models/` and are kept in `checkpoints/`.
    names : iterable of str
        Files that a training writes. A model that lacks one is not whole, and leaves what is kept.

    Raises
    ------
    InputError
        If the disk is full.
    """
    names = list(names)
    for model in _folders(results / "models"):
        kept = _place(results, model.name)
        if _is_whole(model, names) and not _is_same(model, kept, names):
            with disk_errors(kept):
                _replace(kept, [model / name for name in names])


def settle(results: Path, names: Iterable[str]) -> list[str]:
    """Remove what is kept of models that are whole; return a sentence for each other one."""
    names = list(names)
    sentences = []
    for checkpoints in _folders(results / "checkpoints"):
        kept = _place(results, checkpoints.name)
        if _is_whole(results / "models" / checkpoints.name, names):
            _remove(kept)
        elif kept.is_dir():
            sentences.append(
                f"the last whole model of {checkpoints.name} is in {kept} "
                "until a training of it has ended"
            )
    return sentences


def _folders(parent: Path) -> list[Path]:
    return sorted(each for each in parent.glob("*") if each.is_dir())


def _place(results: Path, model: str) -> Path:
    return results / "checkpoints" / model / NAME


def _is_whole(folder: Path, names: list[str]) -> bool:
    return all((folder / name).is_file() for name in names)


def _is_same(model: Path, kept: Path, names: list[str]) -> bool:
    return _is_whole(kept, names) and all((model / n).samefile(kept / n) for n in names)


def _replace(kept: Path, files: list[Path]) -> None:
    """Link to files, in one step for whoever looks."""
    partial = kept.with_name(f".partial.{kept.name}")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for file in files:
        _link(file, partial / file.name)
    shutil.rmtree(kept, ignore_errors=True)
    partial.rename(kept)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)


def _remove(kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    if kept.parent.is_dir() and not any(kept.parent.iterdir()):
        kept.parent.rmdir()
