from pathlib import Path

import numpy as np
import pytest
from helpers import dicom_slice
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from sandstone.volumes.volume import open_volume

SIZE = (4, 3, 2.5)
STEP = 0.004  # mm
Capture = pytest.CaptureFixture[str]


def place(z: int) -> list[float]:
    return [0.0, 0.0, round(7 + STEP * z, 6)]


def write_series(folder: Path, voxels: np.ndarray = VOXELS, suffix: str = "dcm", **values) -> Path:
    """Write slices whose names run against their places, as some programs write them."""
    folder.mkdir(exist_ok=True)
    for z, pixels in enumerate(voxels):
        path = folder / f"IM{len(voxels) - z:04d}.{suffix}"
        own = {"ImagePositionPatient": place(z), "InstanceNumber": len(voxels) - z}
        dicom_slice.write(path, pixels, **(own | values))
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "scan"


@pytest.mark.parametrize("suffix", ["dcm", "dicom", "IMA"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4"])
def test_slices_come_in_the_order_of_their_places(folder: Path, suffix: str, dtype: str) -> None:
    voxels = VOXELS.astype(dtype)
    write_series(folder, voxels, suffix)
    assert_holds(folder, voxels, voxel_size_um=SIZE)
    assert voxel_size(folder) == SIZE
    assert open_volume(folder).files[0].stem == "IM0005"


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_each_plain_transfer_syntax(folder: Path, syntax: str) -> None:
    assert_holds(write_series(folder, syntax=syntax), voxel_size_um=SIZE)


def test_slices_of_more_bytes_than_a_header(folder: Path) -> None:
    voxels = np.arange(3 * 60 * 50, dtype=np.uint16).reshape(3, 60, 50)
    assert_holds(write_series(folder, voxels), voxels, voxel_size_um=SIZE)


@pytest.mark.parametrize("position", [None, [0, 0, 1]])
def test_slices_without_places_come_in_the_order_of_their_numbers(
    folder: Path, position: list | None
) -> None:
    write_series(folder, ImagePositionPatient=position, SpacingBetweenSlices=STEP)
    assert_holds(folder, VOXELS[::-1], voxel_size_um=SIZE)
    assert voxel_size(folder) == SIZE


def test_slices_without_places_and_numbers_come_as_they_are_given(folder: Path) -> None:
    write_series(folder, ImagePositionPatient=None, InstanceNumber=None, SliceThickness=STEP)
    assert_holds(folder, VOXELS[::-1], voxel_size_um=SIZE)
    assert voxel_size(folder) == SIZE


def test_places_lie_along_the_normal_of_the_slices(folder: Path) -> None:
    folder.mkdir()
    for z, pixels in enumerate(VOXELS):  # slices across the y axis of the patient
        across = {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}
        position = [5.0, round(STEP * z, 6), 5.0]
        path = folder / f"{9 - z}.dcm"
        dicom_slice.write(path, pixels, ImagePositionPatient=position, **across)
    assert_holds(folder, voxel_size_um=SIZE)


def test_a_size_that_nothing_tells_is_silent(folder: Path) -> None:
    assert is_silent(write_series(folder, PixelSpacing=None))


def test_levels_are_those_that_the_scale_makes(folder: Path, capsys: Capture) -> None:
    write_series(folder, RescaleSlope=0.5, RescaleIntercept=-1000)
    assert_holds(folder, VOXELS.astype(np.float32) / 2 - 1000, voxel_size_um=SIZE)
    assert "levels are stored numbers times RescaleSlope plus" in capsys.readouterr().out


def test_each_slice_has_its_own_scale(folder: Path) -> None:
    write_series(folder, RescaleSlope=1, RescaleIntercept=0)
    dicom_slice.write(
        folder / "IM0005.dcm", VOXELS[0], ImagePositionPatient=place(0), RescaleSlope=2
    )
    expected = VOXELS.astype(np.float32)
    expected[0] *= 2
    assert_holds(folder, expected, voxel_size_um=SIZE)


def test_a_scale_of_one_leaves_the_numbers(folder: Path, capsys: Capture) -> None:
    assert_holds(write_series(folder, RescaleSlope=1, RescaleIntercept=0), voxel_size_um=SIZE)
    assert capsys.readouterr().out == ""


def test_a_gap_between_slices_is_told(folder: Path, capsys: Capture) -> None:
    write_series(folder)
    (folder / "IM0003.dcm").unlink()
    assert_holds(folder, np.delete(VOXELS, 2, axis=0), voxel_size_um=SIZE)
    assert "slices lie 0.004 to 0.008 mm apart; are slices missing?" in capsys.readouterr().out


def test_two_slices_at_one_place_are_refused(folder: Path) -> None:
    write_series(folder)
    dicom_slice.write(folder / "more.dcm", VOXELS[0], ImagePositionPatient=place(0))
    refuse(folder, "more.dcm: lies where IM0005.dcm does; put only the slices of one volume")


def test_slices_of_another_series_are_refused(folder: Path) -> None:
    write_series(folder)
    dicom_slice.write(folder / "more.dcm", VOXELS[0], SeriesInstanceUID="1.2.9")
    refuse(folder, "more.dcm: of another series than IM0001.dcm")


def test_slices_of_another_shape_are_refused(folder: Path) -> None:
    write_series(folder)
    dicom_slice.write(folder / "more.dcm", VOXELS[0, 1:])
    refuse(folder, r"more.dcm: a slice of uint16 and shape \(6, 6\), but IM0001.dcm is uint16")


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, DeflatedExplicitVRLittleEndian])
def test_compressed_pixels_are_refused(folder: Path, syntax: str) -> None:
    write_series(folder)
    for file in folder.iterdir():
        plain, other = str(ExplicitVRLittleEndian).encode() + b"\0", str(syntax).encode()
        content = file.read_bytes()
        at = content.index(plain)
        element = b"UI" + (len(other) + len(other) % 2).to_bytes(2, "little")
        after = content[at + len(plain) :]
        other = other + b"\0" * (len(other) % 2)
        file.write_bytes(content[: at - 4] + element + other + after)
    refuse(folder, r"its pixels are compressed \(.*\); save the series without")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"PhotometricInterpretation": "RGB", "SamplesPerPixel": 3}, "pixels in RGB"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "pixels in PALETTE COLOR"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "save them in grey, as MONOCHROME2"),
        ({"NumberOfFrames": 2}, "holds 2 slices; save the series with one slice a file"),
        ({"Rows": None}, "no slice of a scan, Rows is missing"),
        ({"BitsAllocated": 12}, "pixels take 12 bits; save them with 8, 16 or 32"),
        ({"Rows": 8}, "shape and dtype need 96 bytes, but it holds 84"),
    ],
)
def test_what_is_no_grey_slice_is_refused(folder: Path, values: dict, sentence: str) -> None:
    refuse(write_series(folder, **values), sentence)


def test_a_file_without_pixels_is_refused(folder: Path) -> None:
    write_series(folder)
    for file in folder.iterdir():
        content = file.read_bytes()
        file.write_bytes(content[: content.index(b"\xe0\x7f\x10\x00")])
    refuse(folder, "holds no pixels; give the slices of a scan")


def test_a_slice_cut_short_is_refused_when_the_series_is_opened(folder: Path) -> None:
    write_series(folder, np.zeros((3, 60, 50), np.uint16))
    cut(folder / "IM0002.dcm", 0.7)
    refuse(folder, "IM0002.dcm: shape and dtype need .* copy the whole file again")


def test_one_file_is_a_volume_of_one_slice(folder: Path) -> None:
    write_series(folder)
    with open_volume(folder / "IM0005.dcm", voxel_size_um=SIZE) as rock:
        np.testing.assert_array_equal(rock.read(0, 1), VOXELS[:1])


def test_something_else_of_that_name_is_refused(folder: Path) -> None:
    write_series(folder)
    (folder / "IM0002.dcm").write_bytes(bytes(1000))
    refuse(folder, "IM0002.dcm: cannot be read")
