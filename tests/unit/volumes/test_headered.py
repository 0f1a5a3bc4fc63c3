import gzip
import zlib
from pathlib import Path

import nrrd
import pytest
from helpers.volume_checks import (
    VOXELS,
    assert_holds,
    is_silent,
    refuse,
    voxel_size,
)

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume

# --- MetaImage ---


def write_metaimage(
    path: Path, data: bytes = VOXELS.tobytes(), data_file: str = "rock.bin", **lines: str
) -> None:
    fields = {"ObjectType": "Image", "NDims": "3", "DimSize": "6 7 5", "ElementType": "MET_USHORT"}
    fields |= lines | {"ElementDataFile": data_file}
    header = "".join(f"{key} = {value}\n" for key, value in fields.items()).encode()
    if data_file == "LOCAL":
        path.write_bytes(header + data)
    else:
        path.write_bytes(header)
        (path.parent / "rock.bin").write_bytes(data)


def test_metaimage_with_a_data_file(tmp_path: Path) -> None:
    path = tmp_path / "rock.mhd"
    write_metaimage(path)
    assert_holds(path)
    assert open_volume(path, voxel_size_um=1).files == (path, tmp_path / "rock.bin")


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (VOXELS.tobytes(), {}),
        (VOXELS.astype(">u2").tobytes(), {"BinaryDataByteOrderMSB": "True"}),
        (b"skip" + VOXELS.tobytes(), {"HeaderSize": "-1"}),
        (b"skip" + VOXELS.tobytes(), {"HeaderSize": "4"}),
        (zlib.compress(VOXELS.tobytes()), {"CompressedData": "True"}),
    ],
)
def test_metaimage_in_one_file(tmp_path: Path, data: bytes, lines: dict) -> None:
    write_metaimage(tmp_path / "rock.mha", data, "LOCAL", **lines)
    assert_holds(tmp_path / "rock.mha")


def test_metaimage_tells_its_voxel_size(tmp_path: Path) -> None:
    path = tmp_path / "rock.mhd"
    write_metaimage(path, ElementSpacing="0.001 0.002 0.003")
    assert voxel_size(path) == pytest.approx((3, 2, 1))
    write_metaimage(path, ElementSpacing="1 2 3", DistanceUnits="um")
    assert voxel_size(path) == (3, 2, 1)
    write_metaimage(path, ElementSpacing="1 1 1")
    assert is_silent(path)


def test_metaimage_flags_go_by_their_first_character(tmp_path: Path) -> None:
    for flag in ("True", "T", "1"):
        big = VOXELS.astype(">u2").tobytes()
        write_metaimage(tmp_path / "rock.mhd", big, BinaryDataByteOrderMSB=flag)
        assert_holds(tmp_path / "rock.mhd")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ({"DimSize": "6 7 6"}, "rock.bin: .* need 504 bytes, but it holds 420"),
        ({"DimSize": "1000000 1000000 1000000"}, "but it holds 420"),
        ({"data_file": "../rock.bin"}, "outside the header's folder"),
        ({"data_file": "/etc/hostname"}, "outside the header's folder"),
        ({"data_file": "absent.bin"}, "absent.bin is missing"),
        ({"data_file": "LIST"}, "5 slices cannot lie in 0 files"),
        ({"data_file": "rock%d.bin 1 5 0"}, "names no files; write FORMAT FIRST LAST STEP"),
        ({"data_file": "rock%d.bin 1 9999999999 1"}, "names no files"),
        ({"BinaryData": "False"}, "save the voxels as binary"),
        ({"ElementNumberOfChannels": "3"}, "convert it to grey"),
        ({"ElementType": "MET_STRING"}, "MET_STRING is not supported"),
        ({"DimSize": "six"}, "cannot be read"),
        ({"CompressedData": "True"}, "cannot be read"),
        ({"CompressedData": "True", "DimSize": "10000 10000 10000"}, "declares 2000000000000 byte"),
    ],
)
def test_metaimage_that_is_wrong(tmp_path: Path, lines: dict, sentence: str) -> None:
    write_metaimage(tmp_path / "rock.mhd", **lines)
    with pytest.raises(InputError, match=sentence):
        open_volume(tmp_path / "rock.mhd", voxel_size_um=1).read(0, 1)


def test_a_data_file_linked_from_elsewhere_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    folder.mkdir()
    write_metaimage(folder / "rock.mhd")
    (folder / "rock.bin").rename(tmp_path / "secret.bin")
    (folder / "rock.bin").symlink_to(tmp_path / "secret.bin")
    refuse(folder / "rock.mhd", "outside the header's folder")


def test_truncated_compressed_metaimage(tmp_path: Path) -> None:
    data = zlib.compress(VOXELS.tobytes())
    write_metaimage(tmp_path / "rock.mhd", data[:-200], CompressedData="True")
    with (
        open_volume(tmp_path / "rock.mhd", voxel_size_um=1) as rock,
        pytest.raises(InputError, match="need 420 bytes, but it holds"),
    ):
        rock.read(0, 1)


# --- NRRD ---


@pytest.mark.parametrize("encoding", ["raw", "gzip"])
@pytest.mark.parametrize("name", ["rock.nrrd", "rock.nhdr"])
def test_nrrd(tmp_path: Path, encoding: str, name: str) -> None:
    header = {"encoding": encoding}
    nrrd.write(str(tmp_path / name), VOXELS, header, index_order="C")
    assert_holds(tmp_path / name)
    files = open_volume(tmp_path / name, voxel_size_um=1).files
    assert len(files) == (2 if name.endswith("nhdr") else 1)
    assert files[0] == tmp_path / name


def write_nrrd(path: Path, *lines: str, data: bytes = VOXELS.tobytes()) -> None:
    fields = {"type": "uint16", "dimension": "3", "sizes": "6 7 5", "encoding": "raw"}
    fields |= {"endian": "little"} | dict(line.split(": ", 1) for line in lines)
    text = "".join(f"{key}: {value}\n" for key, value in fields.items())
    path.write_bytes(b"NRRD0004\n" + text.encode() + b"\n" + data)


def test_nrrd_of_big_endian(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "rock.nrrd", "endian: big", data=VOXELS.astype(">u2").tobytes())
    assert_holds(tmp_path / "rock.nrrd")


def test_nrrd_skips_bytes(tmp_path: Path) -> None:
    for skip in (4, -1):
        write_nrrd(tmp_path / "rock.nrrd", f"byte skip: {skip}", data=b"skip" + VOXELS.tobytes())
        assert_holds(tmp_path / "rock.nrrd")


@pytest.mark.parametrize(
    ("lines", "size"),
    [
        (["spacings: 1 2 3", 'units: "um" "um" "um"'], (3, 2, 1)),
        (
            [
                "space dimension: 3",
                "space directions: (0.001,0,0) (0,0.002,0) (0,0,-0.003)",
                'space units: "mm" "mm" "mm"',
            ],
            (3, 2, 1),
        ),
    ],
)
def test_nrrd_tells_its_voxel_size(tmp_path: Path, lines: list[str], size: tuple) -> None:
    write_nrrd(tmp_path / "rock.nrrd", *lines)
    assert voxel_size(tmp_path / "rock.nrrd") == pytest.approx(size)


def test_nrrd_without_units_is_silent(tmp_path: Path) -> None:
    write_nrrd(tmp_path / "rock.nrrd", "spacings: 1 1 1")
    assert is_silent(tmp_path / "rock.nrrd")


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (["sizes: 6 7 6"], "but it holds"),
        (["sizes: 1000000 1000000 1000000"], "but it holds"),
        (["encoding: gzip", "sizes: 10000 10000 10000"], "declares 2000000000000 bytes"),
        (["encoding: gzip"], "cannot be read"),
        (["encoding: bzip2"], "save it as raw or gzip"),
        (["type: block", "block size: 2"], "type block is not supported"),
        (["dimension: 4", "sizes: 3 6 7 5"], "convert it to grey"),
        (["data file: ../rock.bin"], "outside the header's folder"),
        (["data file: rock%d.bin 1 5 1"], "is missing"),
        (["kinds: RGB-color domain domain"], "kind RGB-color; convert it to grey"),
        (["line skip: 2"], "line skip is not supported"),
    ],
)
def test_nrrd_that_is_wrong(tmp_path: Path, lines: list[str], sentence: str) -> None:
    write_nrrd(tmp_path / "rock.nrrd", *lines)
    with pytest.raises(InputError, match=sentence):
        open_volume(tmp_path / "rock.nrrd", voxel_size_um=1).read(0, 1)


def test_gzip_never_unpacks_into_more_than_declared(tmp_path: Path) -> None:
    bomb = gzip.compress(VOXELS.tobytes() + bytes(10**7))
    write_nrrd(tmp_path / "rock.nrrd", "encoding: gzip", data=bomb)
    assert_holds(tmp_path / "rock.nrrd")
