"""Read provenance records back, and tell which of the files that they name still match."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sandstone.files import read_json, sha256_of
from sandstone.provenance import code
from sandstone.provenance.record import RECORD_SUFFIX, located, packages_of

KEYS = ("script", "command", "parameters", "inputs", "outputs", "code", "packages")
PROJECT = code.SCRIPTS.parents[1]

# How a run went is no part of its result; the crate describes the records and has none.
WITHOUT_RECORD = {
    *("logs", "benchmarks", "tensorboard", "checkpoints", "code"),
    *("report.html", "config.yaml", "ro-crate-metadata.json"),
}


@dataclass(frozen=True)
class Record:
    """One provenance record and where it lies."""

    path: Path
    content: Mapping[str, Any]


def read(path: str | Path) -> Record:
    """Return the record in a file.

    Raises
    ------
    InputError
        If the file is missing or holds no record.
    """
    content = read_json(path, keys=KEYS, remedy="run the workflow again")
    return Record(Path(path), content)


def find(results: str | Path) -> list[Record]:
    """Return every record below a folder, sorted by path."""
    paths = Path(results).rglob(f"*{RECORD_SUFFIX}")
    return [read(path) for path in sorted(paths) if path.is_file()]


def by_name(paths: Iterable[str | Path]) -> dict[str, list[Path]]:
    """Return files by their name without folder, as `mismatches` takes them."""
    named: dict[str, list[Path]] = {}
    for path in map(Path, paths):
        named.setdefault(path.name, []).append(path)
    return named


def mismatches(
    records: Iterable[Record], external_inputs: Mapping[str, list[Path]]
) -> Iterator[tuple[Record, str]]:
    """Yield (record, sentence) for each thing that is no longer as a record says.

    Parameters
    ----------
    records : iterable of Record
    external_inputs : mapping of str to list of Path
        Files outside the working directory, by the name under which records know them. An input
        that is recorded by its path may lie there too, moved since.
    """
    digest = cache(sha256_of)  # many records name the same file
    for record in records:
        content = record.content
        for role in ("output", "input"):
            for file in content[f"{role}s"]:
                candidates = [Path(file["path"])] if "path" in file else []
                if role == "input":
                    candidates += external_inputs.get(Path(name_of(file)).name, [])
                if found := _difference(candidates, file["sha256"], digest):
                    yield record, f"{role} {name_of(file)} {found}"
        for file in content["code"]:
            if found := _difference([PROJECT / file["path"]], file["sha256"], digest):
                yield record, f"code {file['path']} {found}"
        for found in _package_changes(content):
            yield record, found


def name_of(file: Mapping[str, Any]) -> str:
    """Return how a record names a file: by its path, or its name alone."""
    return file.get("path") or file["name"]


def _difference(
    candidates: Iterable[Path], sha256: str, digest: Callable[[Path], str]
) -> str | None:
    """Say how the file of a hash differs, None where one of the candidates is that file."""
    there = [path for path in candidates if path.is_file()]
    if any(digest(path) == sha256 for path in there):
        return None
    return "has changed" if there else "is missing"


def _package_changes(content: Mapping[str, Any]) -> Iterator[str]:
    if not (PROJECT / f"workflow/scripts/{content['script']}.py").is_file():
        return  # its code is reported missing already
    installed = packages_of(content["script"])
    for name, recorded in content["packages"].items():
        # Another environment than the one that checks may hold the package.
        if installed.get(name, recorded) != recorded:
            yield f"package {name} was {recorded}, is {installed[name]}"


def unrecorded(results: str | Path, records: Iterable[Record]) -> list[Path]:
    """Return the files of a results folder that no record claims to have made, sorted."""
    made = {
        Path(file["path"])
        for record in records
        for file in record.content["outputs"]
        if "path" in file
    }
    return [
        path
        for path in sorted(Path(results).rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] not in WITHOUT_RECORD
        and not path.name.endswith(RECORD_SUFFIX)
        and not path.name.startswith(".")
        and Path(located(path).get("path", path)) not in made
    ]
