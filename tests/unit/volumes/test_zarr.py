from pathlib import Path

import numpy as np
import pytest
import zarr
from helpers.volume_checks import GIGABYTES, VOXELS, assert_holds, is_silent, refuse, voxel_size

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


def write_levels(
    group: zarr.Group, axes: list, voxels: np.ndarray, *scales: list[float] | None
) -> None:
    """Write a pyramid of OME-Zarr up to 0.4, of one array for each scale."""
    levels = []
    for name, scale in enumerate(scales):
        group[str(name)] = voxels
        steps = {"coordinateTransformations": [{"type": "scale", "scale": scale}]}
        levels.append({"path": str(name), **(steps if scale else {})})
    group.attrs["multiscales"] = [{"axes": axes, "datasets": levels}]


def in_micrometres(names: str) -> list[dict[str, str]]:
    unit = {"type": "space", "unit": "micrometer"}
    return [{"name": name, **(unit if name in "zyx" else {})} for name in names]


def test_the_image_that_bioformats2raw_puts_in_a_group(tmp_path: Path) -> None:
    path = tmp_path / "rock.ome.zarr"
    root = zarr.open_group(path, mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    image = root.create_group("0")
    write_levels(
        image, in_micrometres("tczyx"), VOXELS[None, None], [1, 1, 3, 2, 1], [1, 1, 6, 4, 2]
    )
    assert_holds(path, voxel_size_um=None)
    assert voxel_size(path) == (3, 2, 1)
    assert voxel_size(path, dataset="0/1") == (6, 4, 2)
    write_levels(root.create_group("1"), in_micrometres("zyx"), VOXELS, [5, 5, 5])
    refuse(path, "set dataset to one of 0/0, 1/0")
    assert voxel_size(path, dataset="1/0") == (5, 5, 5)


def test_labels_are_not_the_image(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "rock.zarr", mode="w", zarr_format=2)
    write_levels(root, in_micrometres("zyx"), VOXELS, [3, 2, 1])
    write_levels(root.create_group("labels/rock"), in_micrometres("zyx"), VOXELS + 1, [3, 2, 1])
    assert_holds(tmp_path / "rock.zarr", voxel_size_um=None)
    assert_holds(tmp_path / "rock.zarr", VOXELS + 1, voxel_size_um=None, dataset="labels/rock/0")


def test_axes_without_units_tell_no_size(tmp_path: Path) -> None:
    """As OME-Zarr 0.3 names them."""
    root = zarr.open_group(tmp_path / "rock.zarr", mode="w", zarr_format=2)
    write_levels(root, ["z", "y", "x"], VOXELS, None)
    assert_holds(tmp_path / "rock.zarr")
    assert is_silent(tmp_path / "rock.zarr")


@pytest.mark.parametrize(("scale", "size"), [([3, 2, 1], (3, 2, 1)), ([2, 1], None)])
def test_a_scale_shorter_than_the_axes(tmp_path: Path, scale: list, size: tuple | None) -> None:
    root = zarr.open_group(tmp_path / "rock.zarr", mode="w", zarr_format=2)
    write_levels(root, in_micrometres("czyx"), VOXELS[None], scale)
    if size is None:
        assert is_silent(tmp_path / "rock.zarr")
    else:
        assert voxel_size(tmp_path / "rock.zarr") == size


@pytest.mark.parametrize("axes", ["xyz", "yxz", "xczy", "zyxc"])
def test_axes_are_put_in_order(tmp_path: Path, axes: str) -> None:
    edges = {"z": 3, "y": 2, "x": 1, "c": 1}
    in_space = axes.replace("c", "")
    voxels = VOXELS.transpose(["zyx".index(axis) for axis in in_space])
    if "c" in axes:
        voxels = np.expand_dims(voxels, axes.index("c"))
    root = zarr.open_group(tmp_path / "rock.zarr", mode="w", zarr_format=2)
    write_levels(root, in_micrometres(axes), voxels, [edges[axis] for axis in axes])
    assert_holds(tmp_path / "rock.zarr", voxel_size_um=None)
    assert voxel_size(tmp_path / "rock.zarr") == (3, 2, 1)


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
