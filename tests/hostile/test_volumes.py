"""Volume files that lie about their size, lead elsewhere or try to run: refused in one sentence."""

import os
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.volumes.volume import RawLayout, open_volume

from .conftest import Limited
from .reading import VOXELS, Runs, read_all, refuse

# --- declared sizes -----------------------------------------------------------------------


def sparse(path: Path, head: bytes, length: int) -> Path:
    """A file of `length` bytes of which only the head takes room on the disk."""
    with path.open("wb") as stream:
        stream.write(head)
        stream.truncate(length)
    return path


def npy(shape: tuple[int, ...], descr: str = "<u2") -> bytes:
    header = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header


def mha(size: str, *more: str, data: str = "LOCAL") -> bytes:
    lines = ["NDims = 3", f"DimSize = {size}", "ElementType = MET_USHORT", *more]
    return "\n".join([*lines, f"ElementDataFile = {data}\n"]).encode()


def nrrd(size: str, *more: str, encoding: str = "raw") -> bytes:
    lines = ["NRRD0004", "type: uint16", "dimension: 3", f"sizes: {size}", "endian: little"]
    return "\n".join([*lines, f"encoding: {encoding}", *more, "\n"]).encode()


def tiff(*tags: tuple[int, int, int, int], following: int = 0, more: bytes = b"") -> bytes:
    """A little-endian TIFF of one page with the tags (code, type, count, value)."""
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    return (
        b"II*\0\x08\0\0\0"
        + struct.pack("<H", len(tags))
        + entries
        + struct.pack("<I", following)
        + more
    )


def page(
    width: int, height: int, *more: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    tags = {
        256: (256, 4, 1, width),
        257: (257, 4, 1, height),
        258: (258, 3, 1, 16),
        259: (259, 3, 1, 1),
        262: (262, 3, 1, 1),
        273: (273, 4, 1, 8),
        277: (277, 3, 1, 1),
        278: (278, 4, 1, height),
        279: (279, 4, 1, 128),
    }
    return list({**tags, **{tag[0]: tag for tag in more}}.values())


BIG = 2**31 - 1
TILES = ((324, 4, 1, 8), (325, 4, 1, 128))
ENDLESS = "1048576 1048576 1073741824"
CODE = b"__import__('os').system('touch hacked')"
TIFFS = {
    "exabytes": tiff(*page(2**32 - 1, 2**32 - 1)),
    "exabytes compressed": tiff(*page(2**32 - 1, 2**32 - 1, (259, 3, 1, 8))),
    "gigabytes in LZW": tiff(*page(40_000, 40_000, (259, 3, 1, 5))),
    "many samples": tiff(*page(8, 8, (277, 3, 1, 65535))),
    "wide voxels": tiff(*page(8, 8, (258, 3, 1, 65535))),
    "no voxels": tiff(*page(0, 8)),
    "rows a strip 0": tiff(*page(8, 8, (278, 4, 1, 0))),
    "strip of no bytes": tiff(*page(8, 8, (279, 4, 1, 0))),
    "compressed strip of no bytes": tiff(*page(8, 8, (259, 3, 1, 8), (279, 4, 1, 0))),
    "strip of too many bytes": tiff(*page(8, 8, (259, 3, 1, 8), (279, 4, 1, BIG))),
    "voxels beyond the end": tiff(*page(8, 8, (273, 4, 1, BIG))),
    "endless table of strips": tiff(*page(8, 8, (273, 4, BIG, 8), (279, 4, BIG, 8))),
    "tiles of no size": tiff(*page(8, 8, (322, 4, 1, 0), (323, 4, 1, 0), *TILES)),
    "huge tiles": tiff(*page(8, 8, (322, 4, 1, BIG), (323, 4, 1, BIG), *TILES)),
    "unknown compression": tiff(*page(8, 8, (259, 3, 1, 60000))),
    "hundreds of compressions": tiff(*page(8, 8, (259, 3, 500, 8)), more=bytes(1000)),
    "old JPEG": tiff(*page(8, 8, (259, 3, 1, 6))),
    "a loop of pages": tiff(*page(8, 8), following=8),
    "a page beyond the end": tiff(*page(8, 8), following=BIG),
    "a page inside the header": tiff(*page(8, 8), following=2),
    "endless description": tiff(*page(8, 8, (270, 2, BIG, 8))),
    "pages below themselves": tiff(*page(8, 8, (330, 4, 1, 8))),
    "many pages below": tiff(*page(8, 8, (330, 4, BIG, 8))),
    "resolution nowhere": tiff(*page(8, 8, (282, 5, BIG, BIG), (283, 5, BIG, BIG))),
    "no tags": tiff(),
    "depth in a page": tiff(*page(8, 8, (32997, 4, 1, BIG))),
    "first page nowhere": b"II*\0\xff\xff\xff\x7f",
    "first page in itself": b"II*\0\0\0\0\0",
    "big, first page nowhere": b"II+\0\x08\0\0\0" + b"\xff" * 8,
    "big with a loop": b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<QQ", 0, 16),
    "offsets of 3 bytes": b"II+\0\x03\0\0\0" + struct.pack("<Q", 16) + b"\0" * 40,
    "2^63 tags": b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + struct.pack("<Q", 2**63) + b"\0" * 40,
    "the other byte order": b"MM\0*\0\0\0\x08\xff\xff" + b"\0" * 60,
}  # fmt: skip


HARMLESS_LIES = {"huge tiles", "resolution nowhere"}  # the voxels are there all the same


@pytest.mark.parametrize("name", TIFFS)
def test_tiff_that_lies_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rock.tif"
    path.write_bytes(TIFFS[name])
    if name in HARMLESS_LIES:
        with open_volume(path, voxel_size_um=1) as volume:
            assert volume.read(0, 1).shape == (1, 8, 8)
        return
    refuse(path, "rock.tif: ")
    good = path.with_name("0.tif")
    tifffile.imwrite(good, VOXELS[0])
    refuse([good, path], ".tif: ")


def test_tiffs_that_lie_take_little_memory(tmp_path: Path, in_little_memory: Limited) -> None:
    files = [tmp_path / f"{name}.tif" for name in TIFFS]
    for file in files:
        file.write_bytes(TIFFS[file.stem])
    assert len(read_all(files, in_little_memory)) == len(files)


HEADERED = {
    "exabytes.npy": npy((2**30, 2**20, 2**20)),
    "terabytes.npy": npy((1, 10**6, 10**6)),
    "negative.npy": npy((-1, 8, 8)),
    "overflow.npy": npy((2**32, 2**32, 2**32)),
    "no_numbers.npy": npy((2, 8, 8), "|O") + pickle.dumps(Runs()),
    "records.npy": npy((2, 8, 8), "<V6"),
    "deep.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000,
    "expression.npy": b"\x93NUMPY\x01\x00" + struct.pack("<H", 60) + CODE.ljust(60),
    "endless_header.npy": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{",
    "version_3.npy": b"\x93NUMPY\x03\x00" + struct.pack("<I", 10) + b"{}        ",
    "exabytes.mha": mha(ENDLESS),
    "compressed.mha": mha(ENDLESS, "CompressedData = True") + zlib.compress(b"a"),
    "negative.mha": mha("-8 -8 2"),
    "words.mha": mha("many many more"),
    "skip.mha": mha("8 8 2", "HeaderSize = 99999999999999999999"),
    "channels.mha": mha("8 8 2", "ElementNumberOfChannels = 1e999"),
    "endless_line.mha": b"DimSize = " + b"9" * 100_000,
    "digits.mha": mha("9" * 5000 + " 8 2"),
    "exabytes.nrrd": nrrd(ENDLESS),
    "compressed.nrrd": nrrd(ENDLESS, encoding="gzip") + zlib.compress(b"a"),
    "negative.nrrd": nrrd("-8 -8 2"),
    "dimensions.nrrd": nrrd("8 8 2").replace(b"dimension: 3", b"dimension: 999999999"),
    "skip.nrrd": nrrd("8 8 2", "byte skip: 99999999999999999999"),
    "skip_lines.nrrd": nrrd("8 8 2", "line skip: 2147483647"),
    "digits.nrrd": nrrd("9" * 5000 + " 8 2"),
    "directions.nrrd": nrrd("8 8 2", "space directions: (1e999,nan) none (__import__('os'))"),
    "bzip.nrrd": nrrd("8 8 2", encoding="bzip2"),
    "text.nrrd": nrrd("8 8 2", encoding="ascii"),
}  # fmt: skip


@pytest.mark.parametrize("name", HEADERED)
def test_header_that_lies_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.write_bytes(HEADERED[name])
    refuse(path, f"{name}: ")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("shape", "offset"),
    [((1, 10**9, 10**9), 0), ((10**9, 10**9, 10**9), 0), ((2, 8, 8), 10**18), ((0, 8, 8), 0)],
)
def test_raw_layout_that_lies_is_refused(
    shape: tuple[int, int, int], offset: int, tmp_path: Path
) -> None:
    (tmp_path / "rock.raw").write_bytes(VOXELS.tobytes())
    refuse(tmp_path / "rock.raw", "rock.raw: ", raw=RawLayout(shape, "uint16", offset=offset))


def test_sparse_files_take_little_memory(tmp_path: Path, in_little_memory: Limited) -> None:
    """Files as long as they say: slices of a terabyte, headers without an end."""
    terabyte = 2 * 10**12
    files = [
        sparse(tmp_path / "slice.npy", npy((1, 10**6, 10**6)).ljust(128), terabyte + 128),
        sparse(tmp_path / "slice.mha", mha("1000000 1000000 1"), terabyte + 200),
        sparse(tmp_path / "slice.nrrd", nrrd("1000000 1000000 1"), terabyte + 200),
        sparse(tmp_path / "header.npy", HEADERED["endless_header.npy"], 2**33),
        sparse(tmp_path / "header.mha", b"DimSize = 8", 2**33),
        sparse(tmp_path / "header.nrrd", b"NRRD0004\ntype: uint16\ncontent: ", 2**33),
        sparse(tmp_path / "magic.nrrd", b"NRRD0004", 2**33),
        sparse(tmp_path / "slice.tif", tiff(*page(10**5, 10**5, (279, 4, 1, BIG))), 2**35),
        sparse(tmp_path / "zeros.h5", b"\x89HDF\r\n\x1a\n", 2**33),
        sparse(
            tmp_path / "zeros.nc", b"CDF\x01" + b"\0" * 4 + b"\0\0\0\x0a\x7f\xff\xff\xff", 2**33
        ),
    ]
    assert all(sentence.startswith("refused: ") for sentence in read_all(files, in_little_memory))


def test_a_page_that_many_pages_share_takes_little_memory(
    tmp_path: Path, in_little_memory: Limited
) -> None:
    """A description of 4 MB that 2000 pages name: 8 GB, were each to keep its own."""
    count, text = 2000, 4 << 20
    tags = page(8, 8, (270, 2, text, 8 + 256))
    length = 2 + 12 * len(tags) + 4
    start = 8 + 256 + text
    content = bytearray(b"II*\0" + struct.pack("<I", start) + bytes(256) + b"x" * text)
    for number in range(count):
        following = start + (number + 1) * length if number + 1 < count else 0
        entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
        content += struct.pack("<H", len(tags)) + entries + struct.pack("<I", following)
    (tmp_path / "rock.tif").write_bytes(content)
    assert len(read_all([tmp_path / "rock.tif"], in_little_memory)) == 1


LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(10))
    + "]><OME><Image><Pixels>&k;</Pixels></Image></OME>"
)
OUTSIDE = (
    '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY secret SYSTEM "file:///etc/passwd">]>'
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0"><Pixels '
    'SizeX="8" SizeY="8" SizeZ="2" SizeC="1" SizeT="1" DimensionOrder="XYZCT" Type="uint16" ID="P">'
    "&secret;</Pixels></Image></OME>"
)
OTHER_FILE = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
    '<Image ID="Image:0"><Pixels ID="P" DimensionOrder="XYZCT" Type="uint16" SizeX="8" SizeY="8" '
    'SizeZ="4" SizeC="1" SizeT="1"><TiffData FirstZ="2" IFD="0" PlaneCount="2"><UUID '
    'FileName="../secret.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
)


@pytest.mark.parametrize("xml", [LAUGHS, OUTSIDE, OTHER_FILE, "<OME", "<OME>" * 3000])
def test_hostile_ome_xml_is_harmless(xml: str, tmp_path: Path, in_little_memory: Limited) -> None:
    tifffile.imwrite(tmp_path / "secret.tif", VOXELS + 7)
    (tmp_path / "inside").mkdir()
    path = tmp_path / "inside" / "rock.ome.tif"
    tifffile.imwrite(path, VOXELS, description=xml, metadata=None, photometric="minisblack")
    (sentence,) = read_all([path], in_little_memory)
    assert sentence.startswith(("refused: ", "read "))
    if sentence.startswith("read "):
        with open_volume(path, voxel_size_um=1) as volume:
            np.testing.assert_array_equal(volume.read(0, 2), VOXELS)


# --- files that lead elsewhere --------------------------------------------------------------


def elsewhere(tmp_path: Path, secret: Path) -> list[str]:
    """Names that lead from the folder `inside` to the secret; the last through a link."""
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.raw").symlink_to(secret)
    (tmp_path / "inside" / "folder").symlink_to(tmp_path)
    return [
        str(secret),
        "../secret.raw",
        "./../secret.raw",
        "folder/secret.raw",
        "link.raw",
        "~/secret.raw",
        "..",
        ".",
        "",
        "file:../secret.raw",
        "LIST",
        "%d.raw 1 2 1",
        "secret.raw ../secret.raw",
        "a\0b",
        "x" * 300,
        "/dev/zero",
    ]


@pytest.mark.parametrize("case", range(16))
def test_header_cannot_lead_out_of_its_folder(case: int, tmp_path: Path, secret: Path) -> None:
    name = elsewhere(tmp_path, secret)[case]
    header = tmp_path / "inside" / "rock.mhd"
    header.write_bytes(mha("8 8 2", data=name))
    refuse(header, "rock.mhd: ")
    header = tmp_path / "inside" / "rock.nhdr"
    header.write_bytes(nrrd("8 8 2", f"data file: {name}"))
    refuse(header, "rock.nhdr: ")


@pytest.mark.parametrize(
    "suffix", [".tif", ".raw", ".npy", ".mha", ".mhd", ".nrrd", ".nhdr", ".h5", ".nc"]
)
def test_pipes_devices_and_folders_are_refused(suffix: str, tmp_path: Path) -> None:
    options = {"raw": RawLayout((2, 8, 8), "uint16")} if suffix == ".raw" else {}
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"zero{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"loop{suffix}").symlink_to(f"loop{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    (tmp_path / f"broken{suffix}").symlink_to("nowhere")
    for name in ("pipe", "zero", "loop", "folder", "broken"):
        refuse(tmp_path / f"{name}{suffix}", name, **options)


def test_pipes_are_refused_within_a_stack_and_beside_a_header(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "0.tif", VOXELS[0])
    os.mkfifo(tmp_path / "1.tif")
    refuse(tmp_path, "1.tif")
    refuse([tmp_path / "0.tif", tmp_path / "1.tif"], "1.tif")
    os.mkfifo(tmp_path / "data.raw")
    (tmp_path / "rock.mhd").write_bytes(mha("8 8 2", data="data.raw"))
    refuse(tmp_path / "rock.mhd", "data.raw")
