"""How hostile volumes are read, and what must become of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sandstone.errors import InputError, one_line
from sandstone.volumes.volume import open_volume

from .conftest import Limited

VOXELS = np.arange(2 * 8 * 8, dtype=np.uint16).reshape(2, 8, 8)
LONGEST_SENTENCE = 1000  # characters, with the path; no more than a terminal shows
MOST_MEMORY_MB = 700  # of a reader with its libraries; declared sizes go up to exabytes


class Runs:
    """Pickled, it makes a file when it is loaded."""

    def __reduce__(self) -> tuple[Any, ...]:
        return open, ("hacked", "w")


def read(path: Path | list[Path], **options: Any) -> None:
    with open_volume(path, **{"voxel_size_um": 1, **options}) as volume:
        for z in range(volume.shape[0]):
            volume.read(z, z + 1)


def refuse(path: Path | list[Path], sentence: str, **options: Any) -> None:
    """Open and read; one of the two must end in one sentence."""
    with pytest.raises(InputError, match=sentence) as caught:
        read(path, **options)
    assert "\n" not in str(caught.value)
    check_sentence(caught.value)


def check_sentence(error: Exception) -> None:
    """What reaches the user is there, and short."""
    assert 0 < len(one_line(str(error))) < LONGEST_SENTENCE


def read_all(files: list[Path], in_little_memory: Limited) -> list[str]:
    """Read files in one process of little memory and return what became of each."""
    done = in_little_memory(
        f"""
        import numpy
        from sandstone.volumes.volume import open_volume
        for path in {[str(file) for file in files]!r}:
            try:
                with open_volume(path, voxel_size_um=1) as volume:
                    for z in range(volume.shape[0]):
                        volume.read(z, z + 1)
                print("read", path)
            except InputError as error:
                print("refused:", error)
        assert peak_mb() < {MOST_MEMORY_MB}, peak_mb()
        """
    )
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    printed = done.stdout.splitlines()
    sentences = [line for line in printed if not line.startswith("note: ")]
    assert len(sentences) == len(files)
    return sentences
