from pathlib import Path

import pytest

from sandstone.errors import InputError
from sandstone.volumes.folder import (
    beside,
    left_out,
    named_data,
    odd_numbers,
    slices_in,
    suffix_of,
)


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).touch()
    return folder


def names_of(folder: Path) -> list[str]:
    return [file.name for file in slices_in(folder)]


@pytest.mark.parametrize(
    ("there", "slices", "told"),
    [
        (["2.tif", "10.tif", ".1.tif", "log.txt"], ["2.tif", "10.tif"], []),
        (["2.bmp", "10.BMP"], ["2.bmp", "10.BMP"], []),
        (["1.nc", "2.nc"], ["1.nc", "2.nc"], []),
        (["1.tif", "2.tif", "a_spr.tif"], ["1.tif", "2.tif"], ["a_spr.tif: a preview"]),
        (["1.tif", "2.tif", "photo.jpg"], ["1.tif", "2.tif"], ["left out are 1 JPEG"]),
        (["1.bmp", "2.bmp", "photo.jpg"], ["1.bmp", "2.bmp"], ["left out are 1 JPEG"]),
        (["1.tif", "photo.jpg"], ["1.tif"], ["left out are 1 JPEG"]),
        (["a_spr.tif"], ["a_spr.tif"], []),
    ],
)
def test_slices_of_a_folder(
    tmp_path: Path, there: list[str], slices: list[str], told: list[str]
) -> None:
    fill(tmp_path, *there)
    assert names_of(tmp_path) == slices
    sentences = left_out(slices_in(tmp_path)) if slices != ["a_spr.tif"] else []
    assert len(sentences) == len(told)
    assert all(part in sentence for part, sentence in zip(told, sentences, strict=True))


def test_a_tiff_among_more_other_images_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, "mask.tif", "1.png", "2.png")
    with pytest.raises(InputError, match=r"2 PNG files and 1 TIFF, such as mask\.tif; give the"):
        slices_in(tmp_path)


def test_nothing_is_left_out_of_another_choice(tmp_path: Path) -> None:
    fill(tmp_path, "1.tif", "2.tif", "3.tif", "a_spr.tif", "photo.jpg")
    assert left_out(slices_in(tmp_path)[:2]) == []


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.RAW.gz", ".raw.gz"), ("a.vol.info", ".vol.info"), ("a.ome.TIF", ".tif"), ("a.gz", ".gz")],
)
def test_suffix(name: str, suffix: str) -> None:
    assert suffix_of(name) == suffix


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("my rock.raw", ["my rock.raw"]),
        ("s%03d.raw 8 10 1", ["s008.raw", "s009.raw", "s010.raw"]),
        ("s%d.raw 10 8 -1", ["s10.raw", "s9.raw", "s8.raw"]),
        ("50%d.raw", ["50%d.raw"]),
        ("LIST", ["a.raw", "b.raw"]),
    ],
)
def test_names_of_data_files(text: str, names: list[str]) -> None:
    assert named_data(text, ["a.raw", "", " b.raw "], Path("rock.nhdr")) == names


@pytest.mark.parametrize("text", ["%d.raw 1 5 0", "%d.raw 5 1 1", "%d.raw 1 b 1", "%d.raw 1"])
def test_a_pattern_that_names_no_files(text: str) -> None:
    with pytest.raises(InputError, match=r"rock\.nhdr: .* names no files"):
        named_data(text, [], Path("rock.nhdr"))


@pytest.mark.parametrize(
    ("header", "text", "data"),
    [
        ("a.mhd", "NDims = 3\nElementDataFile = ./a.raw\n", ["a.raw"]),
        ("a.nhdr", "NRRD0004\ndata file: b%d.raw 1 2 1\n", ["b1.raw", "b2.raw"]),
        ("a.nhdr", "NRRD0004\ndata file: LIST\nb1.raw\nb2.raw\n", ["b1.raw", "b2.raw"]),
        ("a.vgi", "[file1]\nName = a.vol\n", ["a.vol"]),
        ("a.vol.info", "NUM_X = 3\n", ["a.vol"]),
        ("a.vol", "", ["a.vol.info"]),
        ("a.raw", "", []),
        ("a.mhd", "ElementDataFile = b%d.raw 1 2 0\n", []),
    ],
)
def test_files_that_belong_together(
    tmp_path: Path, header: str, text: str, data: list[str]
) -> None:
    fill(tmp_path, "a.raw", "b1.raw", "b2.raw", "a.vol")
    if header == "a.vol":
        fill(tmp_path, "a.vol.info")
    (tmp_path / header).write_text(text, encoding="utf-8")
    assert beside(tmp_path / header) == [tmp_path / name for name in data]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["s0.tif", "s1.tif", "s2.tif", "s3.tif"], None),
        (["s0000.tif", "s0001.tif", "s0004.tif", "s0005.tif"], "no files are numbered 2 to 3,"),
        (["s1.tif", "s2.tif", "s4.tif", "s5.tif", "s7.tif"], "no files are numbered 3, 6,"),
        ([f"s{n}.tif" for n in (0, 10, 20, 50, 60, 70)], "no files are numbered 30 to 40,"),
        ([f"s{n}.tif" for n in (9, 7, 5, 3, 1)], None),
        ([f"scan7_s{n}.tif" for n in (1, 2, 3, 5)], "no files are numbered 4,"),
        (["s1.tif", "s9.tif", "s30.tif", "s70.tif"], None),
        (["s1_10.tif", "s2_30.tif", "s4_40.tif"], None),
        (["air.tif", "rock1.tif", "rock3.tif"], None),
        (["s1.tif", "s3.tif"], None),
        ([f"s{10**60 * n}.tif" for n in (1, 2, 4, 5, 6)], "no files are numbered 3000"),
        ([f"s{n}.tif" for n in range(40) if n % 3], "..., between others"),
        (["s1.tif", "s2.tif", "s2 (1).tif", "s3.tif"], "s2 (1).tif have one number; is a slice"),
        (["s1.tif", "s2.tif", "s2 - Copy.tif", "s3.tif"], "s2 - Copy.tif have one number"),
        (["s1.tif", "s02.tif", "s2.tif", "s3.tif"], "s02.tif and s2.tif have one number"),
        (["s1.tif", "s2.tif", "s2.tiff", "s3.tif"], "s2.tif and s2.tiff have one number"),
        (["s (1).tif", "s (2).tif", "s (3).tif"], None),
    ],
)
def test_numbers_that_are_left_out_or_twice_are_told(names: list[str], told: str | None) -> None:
    sentences = odd_numbers([Path("scan") / name for name in names])
    if told is None:
        assert sentences == []
    else:
        (sentence,) = sentences
        assert told in sentence
        assert "scan" in sentence
