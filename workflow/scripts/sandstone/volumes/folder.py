"""Which files of a folder are slices, and in which order."""

import re
from pathlib import Path

from sandstone.errors import InputError

TIFF = (".tif", ".tiff")
STORES = (".zarr",)  # volumes that are folders themselves


def is_folder_of_slices(path: Path) -> bool:
    """Say whether `path` is a folder to look for slices in, rather than a store or a file."""
    return path.is_dir() and path.suffix.lower() not in STORES


def slices_in(folder: Path) -> list[Path]:
    """Return the TIFF files of a folder in natural order, hidden ones left out.

    Raises
    ------
    InputError
        If there are none.
    """
    found = [
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in TIFF and not entry.name.startswith(".")
    ]
    if not found:
        raise InputError(
            f"{folder}: this folder holds no TIFF slices ({', '.join(TIFF)}); check it"
        )
    return sorted(found, key=natural_order)


def natural_order(path: str | Path) -> list[tuple[int, int | str]]:
    """Sort key that puts slice_2 before slice_10; ties by the plain text."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in [*parts, str(path)]]
