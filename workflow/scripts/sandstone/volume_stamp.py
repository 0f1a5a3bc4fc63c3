"""Tell without reading a volume whether its files are still the same: by size, time and place."""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

HEADERS = (".mhd", ".nhdr")
_HEADER_BYTES = 65536
_DATA_FILE = re.compile(rb"(?im)^(?:ElementDataFile\s*=|data ?file:)[ \t]*(\S.*?)\s*$")


def stamp(paths: Iterable[str | Path]) -> str:
    """Return a short text that changes when a file of `paths` is written or replaced.

    Parameters
    ----------
    paths : iterable of paths
        Files; folders count with all that they hold, detached headers with their data file.

    Returns
    -------
    str
        The same for the same names, sizes and times of modification.
    """
    facts = [
        (file.name, status.st_size, status.st_mtime_ns)
        for path in paths
        for file in _behind(Path(path))
        if (status := file.stat())
    ]
    return hashlib.sha256(repr(facts).encode()).hexdigest()[:16]


def _behind(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(file for file in path.rglob("*") if file.is_file())
    if path.suffix.lower() not in HEADERS:
        return [path]
    with path.open("rb") as stream:
        named = _DATA_FILE.search(stream.read(_HEADER_BYTES))
    data = path.parent / named[1].decode(errors="replace") if named else path
    return [path, data] if data.is_file() else [path]
