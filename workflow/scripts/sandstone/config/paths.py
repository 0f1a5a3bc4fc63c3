"""Which texts may name a file in the workflow."""

from pathlib import PurePosixPath

from sandstone.errors import InputError, shown

# Snakemake replaces {wildcards} and <pathvars> in the names of files, also in a function's.
SNAKEMAKE = "{}<>"
LONGEST_NAME = 255  # bytes, of every file system in use


def check_path(key: str, path: str) -> None:
    """Refuse a path that Snakemake, a script's flags or the file system would take for another.

    Raises
    ------
    InputError
        Naming `key` and the character that is wrong.
    """
    for character in path:
        if character in SNAKEMAKE or not (character.isprintable() or character == "\u00a0"):
            raise InputError(
                f"{key} is {shown(path)}; rename the file, since the workflow "
                f"cannot pass on the character {shown(character)}"
            )
    if path.startswith("-"):
        raise InputError(
            f"{key} is {shown(path)}, which reads as an option; rename it, or name its whole path"
        )
    if any(len(part.encode()) > LONGEST_NAME for part in PurePosixPath(path).parts):
        raise InputError(f"{key} is {shown(path)}, too long for the name of a file; shorten it")


def home_advice(path: str) -> str:
    """Return what a sentence about a missing file adds where the path starts with a tilde."""
    return "write your home folder out, since only a shell knows ~; " if path[:1] == "~" else ""


def check_inside_data(key: str, path: str) -> None:
    """Refuse to download to anywhere but data/."""
    parts = PurePosixPath(path).parts
    plain = str(PurePosixPath(path)) == path
    if len(parts) < 2 or parts[0] != "data" or ".." in parts or not plain:
        raise InputError(
            f"{key} is {shown(path)}; downloads go inside data/, as in data/raw/rock.tif"
        )
