from pathlib import Path

import numpy as np
import pytest
import zarr
from helpers.volume_checks import GIGABYTES, VOXELS, assert_holds, refuse, voxel_size

from sandstone.volumes.volume import open_volume


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_zarr(tmp_path: Path, zarr_format: int) -> None:
    path = tmp_path / "rock.zarr"
    zarr.save_array(path, VOXELS, zarr_format=zarr_format)
    assert_holds(path)
    files = open_volume(path, voxel_size_um=1).files
    assert files == tuple(sorted(file for file in path.rglob("*") if file.is_file()))
    refuse(path, "single array without a name", dataset="grey")


def ome_zarr(path: Path) -> None:
    resolutions = [
        {"path": name, "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for name, scale in [("0", [1, 3, 2, 1]), ("1", [1, 6, 4, 2])]
    ]
    axes = [{"name": "c", "type": "channel"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    group = zarr.open_group(path, mode="w")
    group.attrs["ome"] = {
        "version": "0.5",
        "multiscales": [{"axes": axes, "datasets": resolutions}],
    }
    group["0"] = VOXELS[np.newaxis]
    group["1"] = VOXELS[np.newaxis, ::2, ::2, ::2]


def test_ome_zarr(tmp_path: Path) -> None:
    ome_zarr(tmp_path / "rock.zarr")
    assert_holds(tmp_path / "rock.zarr", voxel_size_um=None)
    assert voxel_size(tmp_path / "rock.zarr") == (3, 2, 1)
    assert voxel_size(tmp_path / "rock.zarr", dataset="1") == (6, 4, 2)
    refuse(tmp_path / "rock.zarr", "along z", voxel_size_um=[4, 2, 1])


def test_zarr_with_several_volumes(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "rock.zarr", mode="w")
    group["a"], group["b/c"] = VOXELS, VOXELS + 1
    refuse(tmp_path / "rock.zarr", "set dataset to one of a, b/c")
    assert_holds(tmp_path / "rock.zarr", VOXELS + 1, dataset="b/c")


def test_zarr_without_its_chunks(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "rock.zarr", shape=GIGABYTES, dtype="u1", chunks=(1, 1000, 1000))
    refuse(tmp_path / "rock.zarr", "declares 40000000000 bytes of voxels, but it holds only")


def test_zarr_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file.zarr").write_bytes(b"packed")
    refuse(tmp_path / "file.zarr", "is a folder")
    (tmp_path / "empty.zarr").mkdir()
    refuse(tmp_path / "empty.zarr", "cannot be read")
