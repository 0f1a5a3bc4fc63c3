import struct
from pathlib import Path

import numpy as np
import pytest
from helpers import compound_file
from helpers.compound_file import CODES, txm_streams
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rock.txm"


@pytest.mark.parametrize("kind", CODES)
def test_each_type_of_voxel(path: Path, kind: str) -> None:
    voxels = VOXELS.astype(kind)
    compound_file.write(path, txm_streams(voxels, edge=2.23))
    assert_holds(path, voxels, voxel_size_um=2.23)
    assert voxel_size(path) == (2.23, 2.23, 2.23)


def test_slices_beyond_the_first_hundred(path: Path) -> None:
    voxels = np.arange(201 * 3 * 4, dtype=np.uint16).reshape(201, 3, 4)
    compound_file.write(path, txm_streams(voxels))
    with open_volume(path) as rock:
        np.testing.assert_array_equal(rock.read(98, 201), voxels[98:])


def test_slices_of_many_sectors(path: Path) -> None:
    voxels = np.arange(3 * 60 * 50, dtype=np.uint16).reshape(3, 60, 50)
    compound_file.write(path, txm_streams(voxels))
    assert_holds(path, voxels, voxel_size_um=2.5)


def test_the_number_of_slices_may_be_that_of_images_taken(path: Path) -> None:
    found = txm_streams(VOXELS)
    found["ImageInfo/ImagesTaken"] = found.pop("ImageInfo/NoOfImages")
    compound_file.write(path, found)
    assert_holds(path, voxel_size_um=2.5)


@pytest.mark.parametrize("edge", [None, 0.0, -1.0, float("nan")])
def test_a_size_that_is_none_is_silent(path: Path, edge: float | None) -> None:
    compound_file.write(path, txm_streams(VOXELS, edge))
    assert is_silent(path)


@pytest.mark.parametrize(
    "name", ["ImageInfo/ImageWidth", "ImageInfo/NoOfImages", "ImageInfo/DataType"]
)
def test_what_describes_the_slices_must_be_there(path: Path, name: str) -> None:
    found = txm_streams(VOXELS)
    del found[name]
    compound_file.write(path, found)
    refuse(path, f"no reconstruction of Zeiss, {name} is missing")


def test_a_missing_slice_is_named(path: Path) -> None:
    found = txm_streams(VOXELS)
    del found["ImageData1/Image4"]
    compound_file.write(path, found)
    refuse(path, "ImageData1/Image4, one of 5 slices of 6 x 7 voxels, is missing")


def test_a_slice_of_another_size_is_named(path: Path) -> None:
    found = txm_streams(VOXELS)
    found["ImageData1/Image2"] += b"more"
    compound_file.write(path, found)
    refuse(path, "ImageData1/Image2, one of 5 slices")


def test_another_type_of_voxel_is_refused(path: Path) -> None:
    compound_file.write(path, txm_streams(VOXELS, DataType=11))
    refuse(path, "voxels of Zeiss's type 11 are not read; export them")


def test_a_file_that_is_cut_short_is_refused(path: Path) -> None:
    voxels = np.zeros((3, 60, 50), np.uint16)
    compound_file.write(path, txm_streams(voxels))
    cut(path, 0.5)
    refuse(path, r"cannot be read \(.*\); see whether it is whole|shape and dtype need")


def test_a_header_cannot_declare_more_than_the_file_holds(path: Path) -> None:
    compound_file.write(path, txm_streams(VOXELS, NoOfImages=2**32 - 1))
    refuse(path, "shape and dtype need .* copy the whole file again")


def test_slices_without_voxels_are_refused_however_many_they_are(path: Path) -> None:
    compound_file.write(path, txm_streams(VOXELS, ImageHeight=0, NoOfImages=2**32 - 1))
    refuse(path, "slices of 6 x 0 voxels hold none")


def test_no_slices_are_read_where_none_are_asked_for(path: Path) -> None:
    compound_file.write(path, txm_streams(VOXELS))
    with open_volume(path) as rock:
        assert rock.read(2, 2).shape == (0, 7, 6)


def test_a_slice_whose_sectors_are_lost_is_named(path: Path) -> None:
    voxels = np.arange(3 * 60 * 50, dtype=np.uint16).reshape(3, 60, 50)
    compound_file.write(path, txm_streams(voxels))
    content = bytearray(path.read_bytes())
    table = content.rindex(struct.pack("<3I", 13, 14, 15))  # the chain of the second slice
    content[table : table + 4] = struct.pack("<I", compound_file.END)
    path.write_bytes(content)
    with (
        open_volume(path) as rock,
        pytest.raises(InputError, match="ImageData1/Image2 is cut short"),
    ):
        rock.read(0, 3)


def test_something_else_of_that_name_is_refused(path: Path) -> None:
    path.write_bytes(bytes(5000))
    refuse(path, "cannot be read .*not an OLE2")


@pytest.mark.parametrize("name", ["rock.txrm", "rock.xrm"])
def test_projections_are_no_volume(path: Path, name: str) -> None:
    compound_file.write(path.with_name(name), txm_streams(VOXELS))
    refuse(path.with_name(name), "that of Zeiss's projections; reconstruct them")
