"""Files like those of public reports, each with what is right; see the README.md beside them."""

from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.errors import InputError
from sandstone.volumes.volume import Volume, open_volume

Capture = pytest.CaptureFixture[str]
WHOLE = (12, 40, 48)


@pytest.fixture
def cases(shared_cases: Path) -> Path:
    return shared_cases / "volumes"


@pytest.fixture
def rock(shared_data: Path) -> np.ndarray:
    """What most files hold, grey levels 0 to 255."""
    return tifffile.imread(shared_data / "bentheimer_pair_hr2um.tif")[10:22, 20:60, 100:148]


def assert_is(volume: Volume, expected: np.ndarray, *, times: int = 200) -> None:
    """Levels of 16 bits are those of 8 bits times 200, in some files with finer steps on top."""
    assert volume.shape == expected.shape
    np.testing.assert_array_equal(volume.read(0, volume.shape[0]) // times, expected)


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
