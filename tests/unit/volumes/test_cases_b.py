"""Files as users have them, of other formats than TIFF: each gives the rock that its scan holds."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.volume_checks import refuse, voxel_size

from sandstone.volumes.volume import open_volume

SIZE = 2.5


@pytest.fixture(scope="module")
def volumes(shared_cases: Path) -> Path:
    return shared_cases / "volumes"


@pytest.fixture(scope="module")
def rock(shared_data: Path) -> np.ndarray:
    """The rock that every case holds, 8 bits."""
    return tifffile.imread(shared_data / "bentheimer_pair_hr2um.tif")[10:22, 20:60, 100:148]


def assert_is(rock: np.ndarray, path: Path, scale: int = 200, **options: object) -> None:
    """Check that a volume holds the rock; 16 bits hold it times `scale` plus some texture.

    White saturates at the end of 16 bits.
    """
    with open_volume(path, **options) as volume:
        assert volume.shape == rock.shape
        assert volume.dtype == (np.uint8 if scale == 1 else np.uint16)
        voxels = volume.read(0, len(rock))
        np.testing.assert_array_equal(voxels // scale, np.minimum(rock, min(255, 65535 // scale)))
        np.testing.assert_array_equal(volume.read(5, 8, slice(3, 9)), voxels[5:8, 3:9])


def test_blocks_of_anu(volumes: Path, rock: np.ndarray, tmp_path: Path) -> None:
    folder = volumes / "03_anu_blocks_tomo_nc"
    for path in (folder, folder / "*.nc"):
        assert_is(rock, path)
        assert voxel_size(path) == pytest.approx((SIZE,) * 3)
    first, second = sorted(folder.glob("*.nc"))
    refuse(first, "only slices 0 to 5 of 12, one of 2 blocks; give the folder")
    shutil.copy(second, tmp_path)
    refuse(tmp_path, "6 to 11 of 12, one of 2 blocks, without block00000000.nc; copy the missing")


@pytest.mark.parametrize("name", ["icl.mhd", "iclgz.mhd"])
def test_metaimage_of_imperial_college(volumes: Path, rock: np.ndarray, name: str) -> None:
    assert_is(rock, volumes / "04_imperial_mhd" / name, voxel_size_um=SIZE)


@pytest.mark.parametrize("name", ["dot.mhd", "dot.nhdr"])
def test_data_file_with_a_dot_and_a_slash(volumes: Path, rock: np.ndarray, name: str) -> None:
    assert_is(rock, volumes / "06_dot_slash" / name)
    assert voxel_size(volumes / "06_dot_slash" / name) == pytest.approx((SIZE,) * 3)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("b2r.ome.zarr", (SIZE,) * 3),
        ("short.zarr", (SIZE,) * 3),
        ("xyz.zarr", (2 * SIZE, SIZE, SIZE)),
    ],
)
def test_zarr(volumes: Path, rock: np.ndarray, name: str, size: tuple) -> None:
    assert_is(rock, volumes / "09_zarr" / name)
    assert voxel_size(volumes / "09_zarr" / name) == size


def test_zarr_before_units(volumes: Path, rock: np.ndarray) -> None:
    path = volumes / "09_zarr" / "v03.zarr"
    assert_is(rock, path, voxel_size_um=SIZE)
    with open_volume(path, voxel_size_um=2 * SIZE, dataset="1") as coarse:
        assert coarse.shape == (6, 20, 24)


def test_a_coarse_level_of_bioformats2raw_has_its_own_size(volumes: Path) -> None:
    path = volumes / "09_zarr" / "b2r.ome.zarr"
    assert voxel_size(path, dataset="0/1") == (SIZE, 2 * SIZE, 2 * SIZE)


def test_skyscan(volumes: Path, rock: np.ndarray, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("bmp", "tif_with_spr", "tif_with_spr/*.tif"):
        folder = volumes / "10_skyscan" / name
        assert_is(rock, folder, scale=1)
        assert voxel_size(folder) == (SIZE,) * 3
    told = capfd.readouterr().out
    assert "plug_rec_spr.tif: a preview beside the slices is left out" in told
    refuse(volumes / "10_skyscan" / "bmp", "says 2.5 µm a voxel along z", voxel_size_um=3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ilastik.h5", {"voxel_size_um": SIZE}),
        ("rock.nxs", {}),
        ("bdv.h5", {"voxel_size_um": SIZE, "scale": 400}),
        ("hard.h5", {"voxel_size_um": SIZE}),
        ("hard.h5", {"voxel_size_um": SIZE, "dataset": "/entry1/tomo_entry/data/data"}),
        ("v73.mat", {"voxel_size_um": SIZE}),
    ],
)
def test_hdf5(volumes: Path, rock: np.ndarray, name: str, options: dict) -> None:
    assert_is(rock, volumes / "11_hdf5" / name, **options)


@pytest.mark.parametrize("name", ["list.nhdr", "pattern.nhdr"])
def test_nrrd_of_several_files(volumes: Path, rock: np.ndarray, name: str) -> None:
    path = volumes / "13_nhdr_list_and_pattern" / name
    assert_is(rock, path)
    assert voxel_size(path) == (SIZE,) * 3
    assert len(open_volume(path).files) == 13
