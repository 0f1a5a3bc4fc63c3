"""Slices along another axis than that of the file."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.volumes import runs
from sandstone.volumes.volume import open_volume

VOXELS = np.random.default_rng(3).integers(0, 255, (6, 7, 9)).astype(np.uint8)
AXES = {"z": VOXELS, "y": VOXELS.transpose(1, 0, 2), "x": VOXELS.transpose(2, 0, 1)}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, VOXELS)
    return path


@pytest.mark.parametrize("axis", AXES)
@pytest.mark.parametrize("kept", [1, 130, 1 << 20])
def test_every_part_is_that_of_the_turned_array(file: Path, axis: str, kept: int, monkeypatch):
    monkeypatch.setattr(runs, "KEPT_BYTES", kept)
    monkeypatch.setattr(runs, "READ_BYTES", 2 * 7 * 9)
    expected = AXES[axis]
    with open_volume(file, voxel_size_um=(1.0, 2.0, 3.0), axis=axis) as volume:
        assert volume.shape == expected.shape
        np.testing.assert_array_equal(volume.read(0, len(expected)), expected)
        np.testing.assert_array_equal(volume.read(4, 6, slice(2, 5)), expected[4:6, 2:5])
        np.testing.assert_array_equal(volume.read_slice(1), expected[1])
        assert volume.read(3, 3).shape == (0, *expected.shape[1:])


def test_voxel_sizes_turn_with_their_axes(file: Path):
    for axis, size in (("z", (1.0, 2.0, 3.0)), ("y", (2.0, 1.0, 3.0)), ("x", (3.0, 1.0, 2.0))):
        with open_volume(file, voxel_size_um=(1.0, 2.0, 3.0), axis=axis) as volume:
            assert volume.voxel_size_um == size
