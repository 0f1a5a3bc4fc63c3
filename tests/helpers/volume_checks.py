"""What the tests of every volume format check alike."""

from pathlib import Path

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume

VOXELS = np.random.default_rng(1).integers(0, 60000, (5, 7, 6)).astype(np.uint16)
GIGABYTES = (400, 10_000, 10_000)  # uint8: 40 GB


def assert_holds(path: Path, expected: np.ndarray = VOXELS, **options: object) -> None:
    """Check a whole read, some slices, and some rows of them."""
    with open_volume(path, **{"voxel_size_um": 1, **options}) as rock:
        assert rock.shape == expected.shape
        assert rock.dtype == expected.dtype.newbyteorder("=")
        assert rock.dtype.isnative
        np.testing.assert_array_equal(rock.read(0, rock.shape[0]), expected)
        np.testing.assert_array_equal(rock.read(1, 3), expected[1:3])
        rows = rock.read(1, 3, slice(2, 5))
        assert rows.flags.c_contiguous
        np.testing.assert_array_equal(rows, expected[1:3, 2:5])


def voxel_size(path: Path, **options: object) -> tuple[float, float, float]:
    with open_volume(path, **options) as rock:
        return rock.voxel_size_um


def is_silent(path: Path) -> bool:
    try:
        voxel_size(path)
    except InputError as error:
        return "neither the file nor the config" in str(error)
    return False


def refuse(path: Path, sentence: str, **options: object) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        open_volume(path, **{"voxel_size_um": 1, **options})
    assert "\n" not in str(caught.value)


def cut(path: Path, keep: float) -> None:
    """Cut a file down to a share of its length."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
