"""Save and restore the whole state of a training in one file."""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sandstone import files

KEPT = 2  # the newest may turn out damaged; the one before then serves
DIGEST_SIZE = 64  # a SHA-256 in hexadecimal ends the file; zip's own sums leave its directory out
# What NumPy and zipfile raise on a file that is no archive of plain arrays, or lies about its size.
DAMAGED = (
    *(ValueError, KeyError, TypeError, EOFError, MemoryError, RuntimeError, SyntaxError),
    *(zipfile.BadZipFile, zlib.error),
)
State = dict[str, np.ndarray]
Fingerprint = Mapping[str, object]


@dataclass(frozen=True)
class Checkpoint:
    """The state of a training after `step` steps."""

    step: int
    state: State


def save(folder: Path, checkpoint: Checkpoint, fingerprint: Fingerprint) -> None:
    """Write a checkpoint, whole or not at all, and remove all but it and the one before.

    Parameters
    ----------
    folder : Path
        Made when missing.
    checkpoint : Checkpoint
        Arrays of numbers by name; the same state gives the same bytes.
    fingerprint : mapping of str to JSON values
        What the training depends on: settings and hashes of its inputs.
    """
    path = folder / f"step_{checkpoint.step:09d}.npz"
    with files.atomic_path(path) as temporary:
        np.savez(
            temporary,
            allow_pickle=False,
            step=np.array(checkpoint.step),
            fingerprint=np.array(json.dumps(fingerprint)),
            **{f"state/{name}": array for name, array in checkpoint.state.items()},
        )
        with temporary.open("ab") as stream:
            stream.write(files.sha256_of(temporary).encode("ascii"))
    # A later one is damaged, or this training would have started from it.
    usable = [other for other in _newest_first(folder) if other <= path]
    for other in set(_newest_first(folder)) - set(usable[:KEPT]):
        other.unlink()


def restore(folder: Path, fingerprint: Fingerprint) -> Checkpoint | None:
    """Return the newest whole checkpoint, or None where the training must start from scratch.

    A damaged file is passed over. A checkpoint with another fingerprint ends the search,
    and all checkpoints of the folder are removed. The terminal tells of both.

    Raises
    ------
    OSError
        If a file cannot be read, which need not mean that it is damaged.
    """
    for path in _newest_first(folder):
        try:
            checkpoint, saved = _read(path)
        except DAMAGED as error:
            print(f"{path} is damaged ({error}), trying the one before", flush=True)
            continue
        changed = _changed(saved, fingerprint)
        if changed:
            print(f"{path} is of another training ({'; '.join(changed)})", flush=True)
            break
        return checkpoint
    discard(folder)
    return None


def discard(folder: Path) -> None:
    """Remove the checkpoints of `folder`, unfinished ones too, and the folder once empty."""
    for path in [*folder.glob("step_*.npz"), *folder.glob(".partial.step_*.npz")]:
        path.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("step_*.npz"), reverse=True)


def _read(path: Path) -> tuple[Checkpoint, dict[str, object]]:
    content = path.read_bytes()
    body, digest = content[:-DIGEST_SIZE], content[-DIGEST_SIZE:]
    if hashlib.sha256(body).hexdigest().encode("ascii") != digest:
        raise ValueError("its checksum does not fit")
    with np.load(io.BytesIO(body), allow_pickle=False) as archive:
        # Written without compression: one that unpacks to more than it holds is not ours.
        if sum(entry.file_size for entry in archive.zip.infolist()) > len(body):
            raise ValueError("it is packed")
        arrays = {name: archive[name] for name in archive.files}
    step, saved = int(arrays.pop("step")), json.loads(str(arrays.pop("fingerprint")))
    if not isinstance(saved, dict):
        raise TypeError("its fingerprint is none")
    state = {name.removeprefix("state/"): array for name, array in arrays.items()}
    return Checkpoint(step, state), saved


def _changed(saved: Fingerprint, current: Fingerprint) -> list[str]:
    """Name each entry that differs, with both values, as JSON sees them."""
    current = json.loads(json.dumps(current))
    names = sorted(saved.keys() | current.keys())
    return [
        f"{name} was {saved.get(name)}, is {current.get(name)}"
        for name in names
        if saved.get(name) != current.get(name)
    ]
