import gzip
import zlib
from pathlib import Path

import nrrd
import numpy as np
import pytest
from helpers.volume_checks import (
    VOXELS,
    assert_holds,
    is_silent,
    refuse,
    voxel_size,
)

from sandstone.errors import InputError
from sandstone.volumes.volume import RawLayout, open_volume

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


def test_metaimage_as_imperial_college_writes_it(tmp_path: Path) -> None:
    """A blank line in the header, a program's lines behind it, and no unit of ElementSize."""
    path = tmp_path / "rock.mhd"
    write_metaimage(path, ElementSize="2.5 2.5 2.5")
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.insert(2, "")
    path.write_text("\n".join([*lines, "", "//! crop image", "a = 5"]), encoding="utf-8")
    assert_holds(path)
    assert is_silent(path)
    write_metaimage(path, ElementSize="2.5 2 1.5", DistanceUnits="um")
    assert voxel_size(path) == (1.5, 2, 2.5)


def test_a_data_file_that_gzip_has_packed_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    write_metaimage(tmp_path / "rock.mhd", gzip.compress(VOXELS.tobytes()))
    assert_holds(tmp_path / "rock.mhd")
    voxels = VOXELS.copy()
    voxels.reshape(-1)[:2] = np.frombuffer(b"\x1f\x8b\x08\x00", "<u2")
    write_metaimage(tmp_path / "rock.mhd", voxels.tobytes())
    assert_holds(tmp_path / "rock.mhd", voxels)


def test_a_data_file_beside_the_header_may_be_named_by_its_folder(tmp_path: Path) -> None:
    write_metaimage(tmp_path / "rock.mhd", data_file="./rock.bin")
    assert_holds(tmp_path / "rock.mhd")
    write_nrrd(tmp_path / "rock.nhdr", "data file: ./rock.bin", data=b"")
    assert_holds(tmp_path / "rock.nhdr")


def write_parts(folder: Path, count: int, before: bytes = b"") -> None:
    for number, part in enumerate(np.split(VOXELS, count)):
        (folder / f"z{number:02d}.raw").write_bytes(before + part.tobytes())


@pytest.mark.parametrize("named", ["LIST\nz00.raw\nz01.raw\nz02.raw\nz03.raw\nz04.raw", None])
@pytest.mark.parametrize("skip", [0, 4, -1])
def test_voxels_in_several_files(tmp_path: Path, named: str | None, skip: int) -> None:
    write_parts(tmp_path, 5, b"" if skip == 0 else b"skip")
    named = named or "z%02d.raw 0 4 1"
    write_metaimage(tmp_path / "rock.mhd", data_file=named, HeaderSize=str(skip))
    write_nrrd(tmp_path / "rock.nhdr", f"byte skip: {skip}", f"data file: {named}", data=b"")
    for header in ("rock.mhd", "rock.nhdr"):
        assert_holds(tmp_path / header)
        with open_volume(tmp_path / header, voxel_size_um=1) as rock:
            files = [header, *(f"z{z:02d}.raw" for z in range(5))]
            assert [file.name for file in rock.files] == files


def test_several_slices_in_each_file(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(VOXELS[:2].tobytes())
    (tmp_path / "b.raw").write_bytes(VOXELS[2:4].tobytes())
    path = tmp_path / "rock.nhdr"
    write_nrrd(path, "sizes: 6 7 4", "data file: LIST 3\na.raw\nb.raw", data=b"")
    assert_holds(path, VOXELS[:4])
    write_nrrd(path, "sizes: 6 7 5", "data file: LIST\na.raw\nb.raw", data=b"")
    refuse(path, "5 slices cannot lie in 2 files alike")
    write_nrrd(path, "sizes: 6 7 4", "data file: LIST\na.raw\n../b.raw", data=b"")
    refuse(path, "outside the header's folder")
    write_nrrd(path, "sizes: 6 7 6", "data file: LIST\na.raw\nb.raw", data=b"")
    refuse(path, "a.raw: .* need 252 bytes, but it holds 168")


@pytest.mark.parametrize("said", [True, False])
def test_several_files_may_each_be_packed(tmp_path: Path, *, said: bool) -> None:
    for name, part in (("a.raw", VOXELS[:2]), ("b.raw", VOXELS[2:4])):
        (tmp_path / name).write_bytes(gzip.compress(part.tobytes()))
    named = "LIST\na.raw\nb.raw"
    write_metaimage(
        tmp_path / "rock.mhd", data_file=named, DimSize="6 7 4", CompressedData=str(said)
    )
    encoding = "encoding: gzip" if said else "encoding: raw"
    write_nrrd(tmp_path / "rock.nhdr", "sizes: 6 7 4", encoding, f"data file: {named}", data=b"")
    for header in ("rock.mhd", "rock.nhdr"):
        assert_holds(tmp_path / header, VOXELS[:4])


def test_a_packed_file_of_several_that_holds_too_little_is_named(tmp_path: Path) -> None:
    for name, depth in (("a.raw", 2), ("b.raw", 1)):
        (tmp_path / name).write_bytes(gzip.compress(VOXELS[:depth].tobytes()))
    path = tmp_path / "rock.mhd"
    write_metaimage(path, data_file="LIST\na.raw\nb.raw", DimSize="6 7 4", CompressedData="True")
    with (
        open_volume(path, voxel_size_um=1) as rock,
        pytest.raises(InputError, match=r"b\.raw: .* need 168 bytes, but it holds 84"),
    ):
        rock.read(0, 4)


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


# --- .vol ---

VGI = """{volume1}
[representation]
size = 6 7 5
datatype = unsigned integer
bitsperelement = 16
[file1]
RegionOfInterestStart = 0 0 0
RegionOfInterestEnd = 5 6 4
FileFormat = raw
Size = 6 7 5
Name = rock.vol
Datatype = unsigned integer
datarange = 0 65535
BitsPerElement = 16
{volumeprimitive12}
[geometry]
resolution = 0.001 0.002 0.003
unit = mm
"""
INFO = """! PyHST_SLAVE VOLUME INFO FILE
NUM_X =  6
NUM_Y =  7
NUM_Z =  5
voxelSize =  2.500000
BYTEORDER = LOWBYTEFIRST
"""


def write_pair(folder: Path, suffix: str, text: str, voxels: np.ndarray = VOXELS) -> Path:
    (folder / "rock.vol").write_bytes(voxels.tobytes())
    (folder / f"rock{suffix}").write_text(text, encoding="utf-8")
    return folder / f"rock{suffix}"


@pytest.mark.parametrize(
    ("suffix", "text", "size"), [(".vgi", VGI, (3, 2, 1)), (".vol.info", INFO, (2.5,) * 3)]
)
def test_vol_with_a_header_beside_it(
    tmp_path: Path, suffix: str, text: str, size: tuple[float, ...]
) -> None:
    header = write_pair(tmp_path, suffix, text)
    for path in (header, tmp_path / "rock.vol"):
        assert_holds(path, voxel_size_um=size)
        assert voxel_size(path) == pytest.approx(size)
        assert open_volume(path).files == (header, tmp_path / "rock.vol")
    layout = RawLayout(VOXELS.shape, "uint16")
    refuse(tmp_path / "rock.vol", "beside it tells its layout; remove raw", raw=layout)


def test_vol_without_a_header_needs_a_layout(tmp_path: Path) -> None:
    (tmp_path / "rock.vol").write_bytes(VOXELS.tobytes())
    refuse(tmp_path / "rock.vol", "no header .* lies beside it; copy it there, or give the layout")
    assert_holds(tmp_path / "rock.vol", raw=RawLayout(VOXELS.shape, "uint16"))


@pytest.mark.parametrize(
    ("kind", "bits", "dtype"),
    [("float", 32, "<f4"), ("signed integer", 16, "<i2"), ("Unsigned Integer", 8, "u1")],
)
def test_types_of_volume_graphics(tmp_path: Path, kind: str, bits: int, dtype: str) -> None:
    text = VGI.replace("unsigned integer", kind).replace("= 16", f"= {bits}")
    voxels = (VOXELS >> 9).astype(dtype)
    assert_holds(write_pair(tmp_path, ".vgi", text, voxels), voxels, voxel_size_um=(3, 2, 1))


def test_a_renamed_pair_of_volume_graphics(tmp_path: Path) -> None:
    """Nikon's header goes on naming the file that the scanner wrote, on its own disk."""
    text = VGI.replace("rock.vol", "D:\\scans\\plug.vol")
    assert_holds(write_pair(tmp_path, ".vgi", text), voxel_size_um=(3, 2, 1))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (VGI.replace("[file1]", "[part]"), "names 0 data files"),
        (VGI + VGI, "names 2 data files"),
        (VGI.replace("Size =", "Length ="), "no Volume Graphics header, size is missing"),
        (VGI.replace("BitsPerElement = 16", "BitsPerElement = 12"), "of 12 bits is not plain"),
        (VGI.replace("FileFormat = raw", "FileFormat = hdf5"), "is not plain voxels"),
        (VGI.replace("6 7 5", "6 7 6"), "need 504 bytes, but it holds 420"),
    ],
)
def test_a_wrong_header_of_volume_graphics(tmp_path: Path, text: str, sentence: str) -> None:
    refuse(write_pair(tmp_path, ".vgi", text), sentence, voxel_size_um=(3, 2, 1))


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "u1"])
def test_types_of_the_esrf_go_by_the_length(tmp_path: Path, dtype: str) -> None:
    order = "HIGHBYTEFIRST" if dtype.startswith(">") else "LOWBYTEFIRST"
    voxels = (VOXELS >> 8).astype(dtype)
    text = INFO.replace("LOWBYTEFIRST", order)
    assert_holds(write_pair(tmp_path, ".vol.info", text, voxels), voxels, voxel_size_um=2.5)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (INFO.replace("NUM_Y", "NUM"), "no header of PyHST, NUM_Y is missing"),
        (INFO.replace("=  5", "=  6"), "which its 420 bytes do not hold as 8, 16 or 32 bits"),
    ],
)
def test_a_wrong_header_of_the_esrf(tmp_path: Path, text: str, sentence: str) -> None:
    refuse(write_pair(tmp_path, ".vol.info", text), sentence, voxel_size_um=2.5)
