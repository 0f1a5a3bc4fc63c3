from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.volume_checks import GIGABYTES, VOXELS, assert_holds, cut, refuse

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"metadata": None},
        {"contiguous": False, "metadata": None, "rowsperstrip": 2},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"compression": "zstd", "byteorder": ">"},
        {"tile": (16, 16)},
    ],
)
def test_tiff_layouts(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert_holds(tmp_path / "rock.tif")


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "f4", "f8", ">u2", ">f4"])
def test_tiff_dtypes(tmp_path: Path, dtype: str) -> None:
    voxels = (VOXELS % 100).astype(dtype)
    tifffile.imwrite(tmp_path / "rock.tiff", voxels, photometric="minisblack")
    assert_holds(tmp_path / "rock.tiff", voxels)


def test_a_single_image_is_one_slice(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS[0])
    with open_volume(tmp_path / "rock.tif", voxel_size_um=1) as rock:
        np.testing.assert_array_equal(rock.read(0, 1), VOXELS[:1])


@pytest.mark.parametrize("name", ["rock.tif", "rock.ome.tif"])
def test_slices_that_a_writer_filed_as_channels(tmp_path: Path, name: str) -> None:
    imagej = {} if ".ome" in name else {"imagej": True}
    tifffile.imwrite(tmp_path / name, VOXELS, **imagej)  # no axes: tifffile says CYX
    assert_holds(tmp_path / name)


@pytest.mark.parametrize("compression", ["zlib", "lzw", "zstd", "lzma"])
def test_a_blank_slice_is_no_damage(tmp_path: Path, compression: str) -> None:
    blank = np.zeros((1, 1500, 1500), np.uint16)
    tifffile.imwrite(
        tmp_path / "rock.tif", blank, compression=compression, rowsperstrip=1500, metadata=None
    )
    with open_volume(tmp_path / "rock.tif", voxel_size_um=1) as rock:
        assert not rock.read(0, 1).any()


def test_pages_written_one_by_one(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        for page in VOXELS:
            tiff.write(page, contiguous=False, metadata=None)
    assert_holds(tmp_path / "rock.tif")


def test_a_huge_tiff_opens_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, shape=GIGABYTES, dtype="u1", bigtiff=True, photometric="minisblack")
    with open_volume(path, voxel_size_um=1) as rock:
        assert rock.shape == GIGABYTES
        assert rock.read(399, 400).shape == (1, 10_000, 10_000)


@pytest.mark.parametrize("keep", [0.02, 0.3, 0.7, 0.9])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"imagej": True, "metadata": {"axes": "ZYX"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"compression": "zlib"},
        {"compression": "lzw", "metadata": None},
        {"metadata": None, "rowsperstrip": 2},
    ],
)
def test_truncated_tiff(tmp_path: Path, options: dict, keep: float) -> None:
    voxels = np.random.default_rng(2).integers(0, 60000, (6, 40, 50)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "rock.tif", voxels, photometric="minisblack", **options)
    cut(tmp_path / "rock.tif", keep)
    refuse(tmp_path / "rock.tif", "truncated|bytes")


def test_tiff_truncated_between_pages(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        for page in VOXELS:
            tiff.write(page, contiguous=False, metadata=None)
    with tifffile.TiffFile(tmp_path / "rock.tif") as tiff:
        end = tiff.pages[3].offset
    (tmp_path / "rock.tif").write_bytes((tmp_path / "rock.tif").read_bytes()[:end])
    refuse(tmp_path / "rock.tif", f"truncated after 3 pages and {end} bytes")


def test_a_damaged_page_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, VOXELS, compression="zlib", photometric="minisblack")
    with tifffile.TiffFile(path) as tiff:
        start = tiff.pages[2].dataoffsets[0]
    with path.open("r+b") as stream:
        stream.seek(start)
        stream.write(b"damage")
    with open_volume(path, voxel_size_um=1) as rock:
        rock.read(0, 2)
        with pytest.raises(InputError, match=r"rock\.tif: cannot be read"):
            rock.read(2, 3)


def test_a_missing_codec_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, compression="zstd", photometric="minisblack")
    monkeypatch.setattr(type(tifffile.TIFF.DECOMPRESSORS), "__contains__", lambda *_: False)
    refuse(tmp_path / "rock.tif", "ZSTD compression; install the package imagecodecs")


@pytest.mark.parametrize(
    ("shape", "options", "sentence"),
    [
        ((7, 6, 3), {"photometric": "rgb"}, "convert it to grey"),
        ((3, 7, 6), {"photometric": "rgb", "planarconfig": "separate"}, "convert it to grey"),
        ((2, 7, 6), {"imagej": True, "metadata": {"axes": "CYX"}}, "convert it to grey"),
        ((2, 5, 7, 6), {"imagej": True, "metadata": {"axes": "TZYX"}}, "no single volume"),
        ((16, 32, 32), {"tile": (16, 16, 16), "volumetric": True}, "one slice a page"),
    ],
)
def test_tiff_that_is_no_grey_volume(
    tmp_path: Path, shape: tuple, options: dict, sentence: str
) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", np.zeros(shape, np.uint8), **options)
    refuse(tmp_path / "rock.tif", sentence)


@pytest.mark.parametrize("dtype", ["bool", "complex64"])
def test_tiff_of_other_numbers(tmp_path: Path, dtype: str) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", np.zeros((5, 7, 6), dtype), photometric="minisblack")
    refuse(tmp_path / "rock.tif", f"{dtype} are not grey levels")


def test_pages_of_different_shapes(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "rock.tif") as tiff:
        tiff.write(VOXELS[0], metadata=None)
        tiff.write(VOXELS[1, :4], metadata=None)
    refuse(tmp_path / "rock.tif", "holds 2 images that do not stack")


@pytest.mark.parametrize(
    ("odd", "sentence"),
    [
        (VOXELS[0, :4], r"2\.tif: a slice of uint16 and shape \(4, 6\)"),
        (VOXELS[0].astype(np.uint8), r"2\.tif: a slice of uint8"),
        (VOXELS[:2], r"2\.tif: slices in it: 2, in 1\.tif: 1; put either single slices or"),
    ],
)
def test_slices_that_do_not_stack(tmp_path: Path, odd: np.ndarray, sentence: str) -> None:
    tifffile.imwrite(tmp_path / "1.tif", VOXELS[0])
    tifffile.imwrite(tmp_path / "2.tif", odd, photometric="minisblack")
    refuse(tmp_path, sentence)


def test_a_truncated_slice_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "1.tif", VOXELS[0])
    tifffile.imwrite(tmp_path / "2.tif", VOXELS[1])
    cut(tmp_path / "2.tif", 0.9)
    refuse(tmp_path, r"2\.tif: .*bytes")


@pytest.mark.parametrize("dtype", ["u1", "u2", ">u2", "i2", "f4"])
@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_inverted_levels_are_turned_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: str, options: dict
) -> None:
    voxels = (VOXELS % 100).astype(dtype)
    stored = -voxels if dtype == "f4" else ~voxels
    tifffile.imwrite(tmp_path / "rock.tif", stored, photometric="miniswhite", **options)
    assert_holds(tmp_path / "rock.tif", voxels)
    assert "its lowest level is white" in capsys.readouterr().out


def ramp(bits: int) -> np.ndarray:
    return (np.arange(2**bits) << (16 - bits)).astype(np.uint16)


@pytest.mark.parametrize(
    ("bits", "table", "mapped"),
    [
        (8, ramp(8), False),
        (8, (np.arange(256) * 257).astype("u2"), False),
        (8, ramp(8)[::-1], True),
    ],
)
def test_a_palette_of_greys_is_looked_up(
    tmp_path: Path, bits: int, table: np.ndarray, mapped: bool
) -> None:
    voxels = (VOXELS % 256).astype(np.uint8)
    for page in voxels:
        tifffile.imwrite(
            tmp_path / "rock.tif",
            page,
            photometric="palette",
            colormap=np.stack([table] * 3),
            append=(tmp_path / "rock.tif").exists(),
            metadata=None,
        )
    assert_holds(tmp_path / "rock.tif", 255 - voxels if mapped else voxels)


def test_a_palette_of_colours_is_refused(tmp_path: Path) -> None:
    table = np.stack([ramp(8), ramp(8)[::-1], ramp(8)])
    page = (VOXELS[0] % 256).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rock.tif", page, photometric="palette", colormap=table)
    refuse(tmp_path / "rock.tif", "numbers of colours in a table; convert it to grey")
