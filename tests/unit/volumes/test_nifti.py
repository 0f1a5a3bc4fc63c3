import gzip
from pathlib import Path

import nibabel
import numpy as np
import pytest
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume

SIZE = (4, 3, 2.5)
Capture = pytest.CaptureFixture[str]


def write(
    path: Path,
    voxels: np.ndarray = VOXELS,
    *,
    kind: type = nibabel.Nifti1Image,
    unit: str = "mm",
    zooms: tuple[float, ...] = (0.0025, 0.003, 0.004),
    affine: np.ndarray | None = None,
    **fields: object,
) -> None:
    """Write z, y, x as nibabel does: x runs fastest, the scale is 1."""
    image = kind(voxels.T, affine)
    image.header.set_data_dtype(voxels.dtype)
    image.header.set_zooms([*zooms, *[1.0] * voxels.ndim][: voxels.ndim])
    image.header.set_xyzt_units(unit)
    nibabel.save(image, path)
    if fields:
        set_fields(path, **fields)


def set_fields(path: Path, **fields: object) -> None:
    """Write fields of the header over what nibabel made of them."""
    content = bytearray(path.read_bytes())
    header = nibabel.Nifti1Header(bytes(content[:348]), check=False)
    for name, value in fields.items():
        header[name] = value
    content[:348] = header.binaryblock
    path.write_bytes(content)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rock.nii"


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("name", ["rock.nii", "rock.nii.gz"])
@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "f4"])
def test_both_versions_plain_and_packed(tmp_path: Path, kind: type, name: str, dtype: str) -> None:
    voxels = VOXELS.astype(dtype)
    write(tmp_path / name, voxels, kind=kind)
    assert_holds(tmp_path / name, voxels, voxel_size_um=SIZE)
    with open_volume(tmp_path / name) as rock:
        assert rock.in_memory == name.endswith(".gz")


def test_a_file_that_gzip_has_packed_under_a_plain_name(path: Path) -> None:
    write(path)
    path.write_bytes(gzip.compress(path.read_bytes()))
    assert_holds(path, voxel_size_um=SIZE)


def test_big_endian(path: Path) -> None:
    header = nibabel.Nifti1Header(endianness=">")
    header.set_data_shape(VOXELS.T.shape)
    header.set_data_dtype(np.uint16)
    header["magic"], header["vox_offset"] = b"n+1", 400  # extensions lie between
    path.write_bytes(header.binaryblock.ljust(400, b"\0") + VOXELS.astype(">u2").tobytes())
    assert_holds(path)


@pytest.mark.parametrize(
    ("unit", "zooms"),
    [("mm", (0.0025, 0.003, 0.004)), ("micron", (2.5, 3, 4)), ("meter", (2.5e-6, 3e-6, 4e-6))],
)
def test_the_voxel_size_has_the_digits_that_were_written(
    path: Path, unit: str, zooms: tuple[float, ...]
) -> None:
    write(path, unit=unit, zooms=zooms)
    assert voxel_size(path) == pytest.approx(SIZE, rel=1e-12)


def test_a_size_without_a_unit_is_silent(path: Path) -> None:
    write(path, unit="unknown")
    assert is_silent(path)


def test_a_size_of_an_unknown_unit_is_silent(path: Path, capsys: Capture) -> None:
    write(path, xyzt_units=5)
    assert is_silent(path)
    assert "the voxel size in the metadata cannot be read" in capsys.readouterr().out


def test_levels_are_those_that_the_scale_makes(path: Path, capsys: Capture) -> None:
    write(path, scl_slope=0.5, scl_inter=-1000)
    assert_holds(
        path, VOXELS.astype(np.float32) * np.float32(0.5) - np.float32(1000), voxel_size_um=SIZE
    )
    assert "levels are 0.5 times the stored numbers plus -1000" in capsys.readouterr().out


def test_scaled_levels_of_a_packed_file(tmp_path: Path, path: Path) -> None:
    write(path, scl_slope=2)
    packed = tmp_path / "rock.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert_holds(packed, VOXELS.astype(np.float32) * 2, voxel_size_um=SIZE)


@pytest.mark.parametrize("scale", [(0, 7), (1, 0), (np.nan, 0)])
def test_no_scale_leaves_the_numbers(path: Path, capsys: Capture, scale: tuple) -> None:
    write(path, scl_slope=scale[0], scl_inter=scale[1])
    assert_holds(path, voxel_size_um=SIZE)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("code", ["sform_code", "qform_code"])
def test_an_orientation_moves_no_voxel_and_is_told(path: Path, capsys: Capture, code: str) -> None:
    write(path, affine=np.diag([-0.0025, -0.003, 0.004, 1]))
    set_fields(path, **({"sform_code": 0, "qform_code": 0} | {code: 1}))
    assert_holds(path, voxel_size_um=SIZE)
    assert "run towards L, P, S of a patient; the voxels stay" in capsys.readouterr().out


@pytest.mark.parametrize("affine", [None, np.diag([0.0025, 0.003, 0.004, 1]), np.zeros((4, 4))])
def test_no_other_orientation_is_told_of(
    path: Path, capsys: Capture, affine: np.ndarray | None
) -> None:
    write(path)
    if affine is not None:
        rows = dict(zip(("srow_x", "srow_y", "srow_z"), affine, strict=False))
        set_fields(path, sform_code=2, **rows)
    else:
        set_fields(path, sform_code=0, qform_code=0)
    capsys.readouterr()
    assert_holds(path, voxel_size_um=SIZE)
    assert capsys.readouterr().out == ""


def test_an_orientation_that_is_none_stops_nothing(path: Path) -> None:
    write(path, sform_code=0, qform_code=1, pixdim=[1, -0.0025, 0.003, 0.004, 0, 0, 0, 0])
    assert_holds(path, voxel_size_um=SIZE)


def test_one_step_of_time_is_a_volume(path: Path) -> None:
    write(path, VOXELS[np.newaxis])
    assert_holds(path, voxel_size_um=SIZE)


def test_several_steps_of_time_are_refused(path: Path) -> None:
    write(path, np.stack([VOXELS, VOXELS]))
    refuse(path, r"shape \(2, 5, 7, 6\) is not z, y, x; save one grey volume")


def test_one_slice_is_a_volume(path: Path) -> None:
    write(path, VOXELS[0])
    with open_volume(path) as rock:
        np.testing.assert_array_equal(rock.read(0, 1), VOXELS[:1])


def test_colours_are_refused(path: Path) -> None:
    write(path, datatype=128, bitpix=24)
    refuse(path, "its voxels are colours; convert it to grey")


def test_complex_numbers_are_refused(path: Path) -> None:
    write(path, np.zeros((5, 7, 6), np.complex64))
    refuse(path, "voxels of type complex64 are not grey levels")


def test_a_file_cut_short_is_refused_when_it_is_opened(path: Path) -> None:
    write(path)
    cut(path, 0.9)
    refuse(path, "shape and dtype need 772 bytes, but it holds .* copy the whole file again")


def test_a_packed_file_cut_short_is_refused_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rock.nii.gz"
    write(path)
    cut(path, 0.9)
    with open_volume(path) as rock, pytest.raises(InputError, match="copy the whole file again"):
        rock.read(0, 1)


def test_a_packed_header_cannot_declare_more_than_the_file_holds(
    tmp_path: Path, path: Path
) -> None:
    write(path, dim=[3, 30000, 30000, 30000, 1, 1, 1, 1])
    packed = tmp_path / "rock.nii.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    refuse(packed, "its header declares .* bytes of voxels, but it holds only")


@pytest.mark.parametrize("magic", [b"ni1", b""])
def test_a_header_without_its_voxels_is_refused(path: Path, magic: bytes) -> None:
    write(path, magic=magic)
    refuse(path, "no NIfTI header with the voxels behind it; save it as one .nii")


CONTENTS = {
    "empty": b"",
    "short": bytes(100),
    "zeros": bytes(1000),
    "gzip": gzip.compress(bytes(1000)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_something_else_of_that_name_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    refuse(path, "no NIfTI header")
