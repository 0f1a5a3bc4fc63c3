"""The record beside each artefact: from which files, code, packages and parameters it came.

A record says nothing that two honest runs could differ in: no time, no host, no absolute path.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sandstone.cli import InputPath, OutputPath, WorkPath
from sandstone.files import sha256_of, write_json
from sandstone.provenance import code

RECORD_SUFFIX = ".provenance.json"
FLAG = "--provenance"

VoxelSize = Sequence[float]


def add_record_flag(arguments: argparse.ArgumentParser) -> None:
    """Give a script the flag that names its record."""
    arguments.add_argument(
        FLAG,
        help=f"record of how the outputs were made, to write (*{RECORD_SUFFIX}); default: none",
    )


def write_record(
    script: str,
    args: argparse.Namespace,
    *,
    voxel_size_um: VoxelSize | Mapping[str, VoxelSize] | None = None,
    inputs: Iterable[str | Path] = (),
    outputs: Iterable[str | Path] = (),
    domain: Mapping[str, Any] | None = None,
) -> None:
    """Write the record that `args.provenance` names; without that flag, do nothing.

    Call it last: outputs are hashed as they lie on disk. Values of `cli.InputPath` and
    `cli.OutputPath` are files and get hashes, all other flags are parameters.

    Parameters
    ----------
    script : str
        The script's ``__file__``.
    args : Namespace
        Its parsed flags.
    voxel_size_um : sequence of float, or mapping of sample to such, optional
        Voxel edge of the result along z, y, x, micrometres.
    inputs, outputs : iterable of paths, optional
        Files behind a flag that names a folder or a pattern; such a flag is not hashed itself.
    domain : mapping, optional
        Of a model: what LR it has learned from, by sample; see `metrics.domain`.
    """
    if args.provenance is None:
        return
    name = Path(script).stem
    flags = {
        flag: value
        for flag, value in vars(args).items()
        if value is not None and flag != "provenance"
    }
    record = {
        "script": name,
        "command": _command(name, flags),
        "parameters": {
            flag: _parameter(value) for flag, value in flags.items() if not _is_path(value)
        },
        "seed": flags.get("seed"),
        "voxel_size_um": _plain(voxel_size_um),
        "inputs": _described([*_files(flags, InputPath), *inputs]),
        "outputs": _described([*_files(flags, OutputPath), *outputs]),
        "code": code_of(name),
        "packages": packages_of(name),
        **({} if domain is None else {"domain": domain}),
    }
    write_json(args.provenance, record)


def code_of(script: str) -> list[dict[str, str]]:
    """Return path and SHA-256 of each file of a script's code, paths within the project."""
    root = code.SCRIPTS.parents[1]
    return [
        {"path": file.relative_to(root).as_posix(), "sha256": sha256_of(file)}
        for file in code.files_of(script)
    ]


def packages_of(script: str) -> dict[str, str]:
    """Return the version of Python, without its patch level, and of each package imported.

    The lock fixes the packages to the last digit, but Python only so far.
    """
    versions = {"python": "{}.{}".format(*sys.version_info)}
    for name in code.packages_of(script):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:  # imported for formats that this run has not met
            continue
    return versions


def located(path: str | Path) -> dict[str, str]:
    """Return how a record names a file: by its path from here, or by its name alone.

    An absolute path outside the working directory would differ from machine to machine.
    """
    relative = os.path.relpath(path) if Path(path).is_absolute() else os.path.normpath(path)
    if Path(path).is_absolute() and relative.startswith(".."):
        return {"name": Path(path).name}
    return {"path": Path(relative).as_posix()}


def _described(paths: Iterable[str | Path]) -> list[dict[str, Any]]:
    unique = dict.fromkeys(map(str, paths))
    return [
        {**located(path), "bytes": Path(path).stat().st_size, "sha256": sha256_of(path)}
        for path in unique
        if Path(path).is_file()  # a folder or a pattern stands for files that are named beside it
    ]


def _files(flags: Mapping[str, Any], kind: type[str]) -> list[str]:
    return [path for value in flags.values() for path in _as_list(value) if isinstance(path, kind)]


def _is_path(value: Any) -> bool:
    return any(isinstance(each, InputPath | OutputPath | WorkPath) for each in _as_list(value))


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _command(name: str, flags: Mapping[str, Any]) -> str:
    """Return the command line, defaults spelt out."""
    words = ["python", f"workflow/scripts/{name}.py"]
    for flag, value in flags.items():
        words += [f"--{flag.replace('_', '-')}", *map(_word, _as_list(value))]
    return shlex.join(words)


def _word(value: Any) -> str:
    if isinstance(value, InputPath | OutputPath | WorkPath):
        return next(iter(located(value).values()))
    return str(value).lower() if isinstance(value, bool) else str(_parameter(value))


def _parameter(value: Any) -> Any:
    return f"{value.start}:{value.stop - 1}" if isinstance(value, range) else value


def _plain(size: VoxelSize | Mapping[str, VoxelSize] | None) -> Any:
    if isinstance(size, Mapping):
        return {sample: list(edges) for sample, edges in size.items()}
    return None if size is None else list(size)
