"""Write files so that no reader finds an incomplete one; read JSON; hash files."""

import csv
import hashlib
import io
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandstone import disk
from sandstone.errors import InputError, Stop

LARGEST_JSON = 1 << 26  # bytes; the largest records list thousands of files with their hashes


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, renamed to it when the block succeeds.

    The temporary name keeps all suffixes (writers choose their format by it) and is removed
    when the block raises. Data reach the disk before the rename, so that a crash leaves
    either the old file or the complete new one. What a kill leaves has the temporary name,
    and the next attempt overwrites it.

    Raises
    ------
    InputError
        If the disk is full, read-only or failing, whatever the block raised because of it.
    """
    path = Path(path)
    temporary = path.with_name(f".partial.{path.name}")
    try:
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def disk_errors(path: str | Path) -> Iterator[None]:
    """Turn an error that the disk of `path` causes in a library into one sentence.

    Raises
    ------
    InputError
        If the disk is full, read-only or failing, while the block writes `path`.
    """
    try:
        yield
    except (InputError, Stop):
        raise
    except Exception as error:
        if reason := disk.reason(error) or disk.reason_of_probe(Path(path).parent):
            raise InputError(f"{path} cannot be written: {reason}") from error
        raise


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 `text` to `path`, completely or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def csv_text(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a table as CSV with plain line feeds; a cell of None is empty."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(columns)
    table.writerows(rows)
    return text.getvalue()


def cell(value: float) -> str:
    """Return a number as a cell of a table, empty where it cannot be given (NaN)."""
    return "" if math.isnan(value) else f"{value:z.6f}"


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as JSON with a stable layout; NaN and infinity are refused.

    Raises
    ------
    ValueError
        If `content` holds a NaN or an infinity, which JSON cannot express.
    """
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path, *, keys: Iterable[str] = (), remedy: str) -> dict[str, Any]:
    """Return the JSON object in a file.

    Parameters
    ----------
    path : str or Path
    keys : iterable of str, optional
        What the object must have.
    remedy : str
        What to do about a file that exists but holds no such object: the end of the sentence.

    Raises
    ------
    InputError
        If the file is missing, holds something else, or lacks a key.
    """
    if not Path(path).is_file():  # reading a pipe would block
        raise InputError(f"{path} does not exist; run the step that writes it")
    if Path(path).stat().st_size > LARGEST_JSON:
        raise InputError(f"{path} is longer than any file of its kind; {remedy}")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON; {remedy}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; {remedy}")
    if missing := [key for key in keys if key not in content]:
        raise InputError(f"{path} lacks {missing[0]}; {remedy}")
    return content


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in blocks."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
