"""Files like those of public reports, each with what is right; see the README.md beside them."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.volume_checks import refuse, voxel_size

from sandstone.errors import InputError
from sandstone.volumes.volume import Volume, open_volume

Capture = pytest.CaptureFixture[str]
SIZE = 2.5


@pytest.fixture(scope="module")
def cases(shared_cases: Path) -> Path:
    return shared_cases / "volumes"


@pytest.fixture(scope="module")
def rock(shared_data: Path) -> np.ndarray:
    """What most files hold, grey levels 0 to 255."""
    return tifffile.imread(shared_data / "bentheimer_pair_hr2um.tif")[10:22, 20:60, 100:148]


def assert_is(volume: Volume, expected: np.ndarray, *, times: int = 200) -> None:
    """Levels of 16 bits are those of 8 bits times 200, in some files with finer steps on top.

    White saturates at the end of 16 bits.
    """
    assert volume.shape == expected.shape
    white = min(255, 65535 // times)
    np.testing.assert_array_equal(
        volume.read(0, volume.shape[0]) // times, np.minimum(expected, white)
    )


def assert_reads(rock: np.ndarray, path: Path, scale: int = 200, **options: object) -> None:
    """Check that a file holds the rock, as a whole and in some rows of some slices."""
    with open_volume(path, **options) as volume:
        assert volume.dtype == (np.uint8 if scale == 1 else np.uint16)
        assert_is(volume, rock, times=scale)
        whole = volume.read(0, len(rock))
        np.testing.assert_array_equal(volume.read(5, 8, slice(3, 9)), whole[5:8, 3:9])


def notes(capsys: Capture) -> list[str]:
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("note: ") for line in lines)
    return lines


def test_a_resolution_of_an_odd_type_is_no_size(cases: Path, rock: np.ndarray) -> None:
    folder = cases / "01_bir_actis_tiff"
    with pytest.raises(InputError, match="neither the file nor the config tells the voxel size"):
        open_volume(folder)
    assert_is(open_volume(folder, voxel_size_um=2.5), rock[:3])


def test_a_screen_resolution_is_no_size(cases: Path, rock: np.ndarray, capsys: Capture) -> None:
    slices = cases / "02_bmp_converted_by_imagemagick" / "*.tif"
    with pytest.raises(InputError, match="neither the file nor the config tells the voxel size"):
        open_volume(slices)
    volume = open_volume(slices, voxel_size_um=2.5)
    assert volume.voxel_size_um == (2.5, 2.5, 2.5)
    assert_is(volume, rock, times=1)
    (note,) = (line for line in notes(capsys) if "left out" not in line)
    assert "264.55 µm a voxel along y, voxel_size_um says 2.5; mere tags of resolution" in note


def test_a_size_that_no_scanner_has_is_asked_for(
    cases: Path, rock: np.ndarray, capsys: Capture
) -> None:
    header = cases / "05_mhd_spacing_in_um" / "um.mhd"
    with pytest.raises(InputError, match=r"says 3003\.5 µm a voxel, which no scanner has; give"):
        open_volume(header)
    volume = open_volume(header, voxel_size_um=3.0035)
    assert volume.voxel_size_um == (3.0035, 3.0035, 3.0035)
    assert_is(volume, rock)
    (note,) = notes(capsys)
    assert "no scanner has the former" in note


@pytest.mark.parametrize("name", ["", "rock_MMStack.ome.tif", "rock_MMStack_1.ome.tif", "*.tif"])
def test_an_ome_set_is_whole(cases: Path, rock: np.ndarray, name: str) -> None:
    volume = open_volume(cases / "07_ome_tiff_in_two_files" / name)
    assert [file.name for file in volume.files] == [
        "rock_MMStack.ome.tif",
        "rock_MMStack_1.ome.tif",
    ]
    assert volume.voxel_size_um == (2.5, 2.5, 2.5)
    assert_is(volume, rock)


def test_inverted_levels_are_turned_back(cases: Path, rock: np.ndarray, capsys: Capture) -> None:
    assert_is(open_volume(cases / "08_min_is_white", voxel_size_um=2.5), rock)
    (note,) = notes(capsys)
    assert "w.tif: its lowest level is white" in note


def test_a_stack_in_two_files_is_joined(cases: Path, rock: np.ndarray, capsys: Capture) -> None:
    assert_is(open_volume(cases / "14_stack_split_in_two_tiffs", voxel_size_um=2.5), rock)
    (note,) = notes(capsys)
    assert "stack_1.tif: joined with 1 more to 12 slices" in note


def test_a_gap_in_the_numbers_is_told(cases: Path, rock: np.ndarray, capsys: Capture) -> None:
    volume = open_volume(cases / "17_gap_in_numbering", voxel_size_um=2.5)
    assert_is(volume, np.delete(rock, [5, 6], axis=0))
    (note,) = notes(capsys)
    assert "no files are numbered 5 to 6" in note


@pytest.mark.parametrize("name", ["comma.mhd", "es_text.h5", "ijcomma.tif"])
def test_a_size_with_commas_or_as_text_is_read(cases: Path, rock: np.ndarray, name: str) -> None:
    volume = open_volume(cases / "18_metadata_called_damage" / name)
    assert volume.voxel_size_um == (2.5, 2.5, 2.5)
    assert_is(volume, rock)


def test_an_empty_size_counts_as_none(cases: Path, rock: np.ndarray) -> None:
    path = cases / "18_metadata_called_damage" / "ome_empty.ome.tif"
    with pytest.raises(InputError, match="neither the file nor the config tells the voxel size"):
        open_volume(path)
    assert_is(open_volume(path, voxel_size_um=2.5), rock)


# --- formats ---


def test_blocks_of_anu(cases: Path, rock: np.ndarray, tmp_path: Path) -> None:
    folder = cases / "03_anu_blocks_tomo_nc"
    for path in (folder, folder / "*.nc"):
        assert_reads(rock, path)
        assert voxel_size(path) == pytest.approx((SIZE,) * 3)
    first, second = sorted(folder.glob("*.nc"))
    refuse(first, "only slices 0 to 5 of 12, one of 2 blocks; give the folder")
    shutil.copy(second, tmp_path)
    refuse(tmp_path, "6 to 11 of 12, one of 2 blocks, without block00000000.nc; copy the missing")


@pytest.mark.parametrize("name", ["icl.mhd", "iclgz.mhd"])
def test_metaimage_of_imperial_college(cases: Path, rock: np.ndarray, name: str) -> None:
    assert_reads(rock, cases / "04_imperial_mhd" / name, voxel_size_um=SIZE)


@pytest.mark.parametrize("name", ["dot.mhd", "dot.nhdr"])
def test_data_file_with_a_dot_and_a_slash(cases: Path, rock: np.ndarray, name: str) -> None:
    assert_reads(rock, cases / "06_dot_slash" / name)
    assert voxel_size(cases / "06_dot_slash" / name) == pytest.approx((SIZE,) * 3)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("b2r.ome.zarr", (SIZE,) * 3),
        ("short.zarr", (SIZE,) * 3),
        ("xyz.zarr", (2 * SIZE, SIZE, SIZE)),
    ],
)
def test_zarr(cases: Path, rock: np.ndarray, name: str, size: tuple) -> None:
    assert_reads(rock, cases / "09_zarr" / name)
    assert voxel_size(cases / "09_zarr" / name) == size


def test_zarr_before_units(cases: Path, rock: np.ndarray) -> None:
    path = cases / "09_zarr" / "v03.zarr"
    assert_reads(rock, path, voxel_size_um=SIZE)
    with open_volume(path, voxel_size_um=2 * SIZE, dataset="1") as coarse:
        assert coarse.shape == (6, 20, 24)


def test_a_coarse_level_of_bioformats2raw_has_its_own_size(cases: Path) -> None:
    path = cases / "09_zarr" / "b2r.ome.zarr"
    assert voxel_size(path, dataset="0/1") == (SIZE, 2 * SIZE, 2 * SIZE)


def test_skyscan(cases: Path, rock: np.ndarray, capsys: Capture) -> None:
    for name in ("bmp", "tif_with_spr", "tif_with_spr/*.tif"):
        folder = cases / "10_skyscan" / name
        assert_reads(rock, folder, scale=1)
        assert voxel_size(folder) == (SIZE,) * 3
    told = capsys.readouterr().out
    assert "plug_rec_spr.tif: a preview beside the slices is left out" in told
    refuse(cases / "10_skyscan" / "bmp", "says 2.5 µm a voxel along z", voxel_size_um=3)


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
def test_hdf5(cases: Path, rock: np.ndarray, name: str, options: dict) -> None:
    assert_reads(rock, cases / "11_hdf5" / name, **options)


@pytest.mark.parametrize("name", ["list.nhdr", "pattern.nhdr"])
def test_nrrd_of_several_files(cases: Path, rock: np.ndarray, name: str) -> None:
    path = cases / "13_nhdr_list_and_pattern" / name
    assert_reads(rock, path)
    assert voxel_size(path) == (SIZE,) * 3
    assert len(open_volume(path).files) == 13
