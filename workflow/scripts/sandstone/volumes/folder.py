"""Which files of a folder are slices, in which order, and what is odd about their numbers."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from sandstone.errors import InputError

TIFF = (".tif", ".tiff")
OTHER_IMAGES = (".bmp", ".png", ".jpg", ".jpeg")
STORES = (".zarr",)  # volumes that are folders themselves
# What systems append to the name of a copy.
COPIES = re.compile(r" ?\([0-9]+\)$|[ _-]+(copy|kopie)[ _-]?[0-9]*$", re.IGNORECASE)
MOST_GAPS_SHOWN = 5


def is_folder_of_slices(path: Path) -> bool:
    """Say whether `path` is a folder to look for slices in, rather than a store or a file."""
    return path.is_dir() and path.suffix.lower() not in STORES


def slices_in(folder: Path) -> list[Path]:
    """Return the TIFF files of a folder in natural order, hidden ones left out.

    Raises
    ------
    InputError
        If there are none, or so few that the other images must be the slices.
    """
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    found = [entry for entry in entries if entry.suffix.lower() in TIFF]
    if not found:
        raise InputError(
            f"{folder}: this folder holds no TIFF slices ({', '.join(TIFF)}); check it"
        )
    others = [entry for entry in entries if entry.suffix.lower() in OTHER_IMAGES]
    if len(others) > len(found):
        raise InputError(
            f"{folder}: holds {len(found)} TIFF ({found[0].name}) among {len(others)} other images "
            f"({others[0].name}); which are the slices? Keep only these in the folder"
        )
    return sorted(found, key=natural_order)


def natural_order(path: str | Path) -> list[tuple[int, int | str]]:
    """Sort key that puts slice_2 before slice_10; ties by the plain text."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in [*parts, str(path)]]


def odd_numbers(files: Sequence[Path]) -> list[str]:
    """Return a sentence each on numbers that a series of slices leaves out, or has twice."""
    stems = {file.stem for file in files}
    named: dict[tuple[str | int, ...], list[Path]] = {}
    for file in files:
        original = COPIES.sub("", file.stem)
        parts = re.split(r"([0-9]+)", original if original in stems else file.stem)
        key = tuple(int(part) if part.isdecimal() else part for part in parts)
        named.setdefault(key, []).append(file)
    sentences = [
        f"{several[0]} and {several[1].name} have one number; is a slice there twice?"
        for several in named.values()
        if len(several) > 1
    ][:1]
    if gaps := _gaps(list(named)):
        shown = ", ".join(f"{a}" if a == b else f"{a} to {b}" for a, b in gaps[:MOST_GAPS_SHOWN])
        sentences.append(
            f"{files[0].parent}: no files are numbered {shown}"
            f"{', ...' if len(gaps) > MOST_GAPS_SHOWN else ''}, between others that are; are "
            "slices missing? Those beside the gap are taken for neighbours"
        )
    return sentences


def _gaps(names: list[tuple[str | int, ...]]) -> list[tuple[int, int]]:
    """Return the first and last number of each gap in a series; none where it is no series."""
    if len(names) < 3 or len({name[::2] for name in names}) > 1:
        return []
    varying = [column for column in zip(*names, strict=True) if len(set(column)) > 1]
    if len(varying) != 1:
        return []
    numbers = sorted(int(number) for number in varying[0])
    steps = Counter(b - a for a, b in pairwise(numbers))
    step, often = max(steps.items(), key=lambda item: (item[1], -item[0]))
    if 2 * often < len(numbers) - 1:
        return []
    return list(_between(numbers, step))


def _between(numbers: list[int], step: int) -> Iterator[tuple[int, int]]:
    for a, b in pairwise(numbers):
        if b - a > step:
            yield a + step, b - step if (b - a) % step == 0 else b - 1
