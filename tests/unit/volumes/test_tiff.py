from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers.volume_checks import (
    GIGABYTES,
    VOXELS,
    assert_holds,
    cut,
    is_silent,
    refuse,
    voxel_size,
)

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


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"resolution": (5000, 2500), "resolutionunit": "CENTIMETER"}, (4, 4, 2)),
        ({"resolution": (12700, 12700), "resolutionunit": "INCH"}, (2, 2, 2)),
        *(
            (
                {
                    "imagej": True,
                    "resolution": (0.5 * per, 0.5 * per),
                    "metadata": {"axes": "ZYX", "spacing": 3 / per, "unit": unit},
                },
                (3, 2, 2),
            )
            for unit, per in [("micron", 1), ("um", 1), ("\\u00B5m", 1), ("mm", 1000), ("nm", 1e-3)]
        ),
        (
            {
                "ome": True,
                "metadata": {
                    "axes": "ZYX",
                    "PhysicalSizeX": 2e-3,
                    "PhysicalSizeXUnit": "mm",
                    "PhysicalSizeY": 2,
                    "PhysicalSizeYUnit": "µm",
                    "PhysicalSizeZ": 3,
                },
            },
            (3, 2, 2),
        ),
    ],
)
def test_tiff_tells_its_voxel_size(tmp_path: Path, options: dict, size: tuple) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert voxel_size(tmp_path / "rock.tif") == pytest.approx(size, rel=1e-4)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"resolution": (72, 72), "resolutionunit": "INCH"},
        {"resolution": (300, 300), "resolutionunit": "INCH"},
        {"resolution": (0.5, 0.5)},
        {"resolution": (9909043 / 262144,) * 2, "resolutionunit": "CENTIMETER"},
        {"resolution": (38, 38), "resolutionunit": "CENTIMETER"},
        {"resolution": (2400 / 25.4,) * 2, "resolutionunit": "MILLIMETER"},
        {
            "imagej": True,
            "resolution": (72, 72),
            "metadata": {"axes": "ZYX", "unit": "inch", "spacing": 1.0},
        },
        {"imagej": True, "metadata": {"axes": "ZYX", "spacing": 1.0}},
        {"imagej": True, "resolution": (1, 1), "metadata": {"axes": "ZYX", "unit": "pixel"}},
        {"ome": True, "metadata": {"axes": "ZYX"}},
    ],
)
def test_tiff_defaults_count_as_silence(tmp_path: Path, options: dict) -> None:
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **options)
    assert is_silent(tmp_path / "rock.tif")


@pytest.mark.parametrize(
    ("axis", "sentence"), [(0, "3 µm a voxel along z"), (1, "along y"), (2, "along x")]
)
def test_tiff_may_contradict_the_config(tmp_path: Path, axis: int, sentence: str) -> None:
    tifffile.imwrite(
        tmp_path / "rock.tif",
        VOXELS,
        imagej=True,
        resolution=(0.5, 0.5),
        metadata={"axes": "ZYX", "spacing": 3, "unit": "um"},
    )
    config = [3.0, 2.0, 2.0]
    assert voxel_size(tmp_path / "rock.tif", voxel_size_um=config) == (3, 2, 2)
    config[axis] *= 1.1
    refuse(tmp_path / "rock.tif", sentence, voxel_size_um=config)


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


def test_slices_tell_the_voxel_size_of_their_plane(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1.tif", "2.tif"):
        tifffile.imwrite(
            tmp_path / name, VOXELS[0], resolution=(5000, 5000), resolutionunit="CENTIMETER"
        )
    assert voxel_size(tmp_path) == (2, 2, 2)
    assert voxel_size(tmp_path, voxel_size_um=[50, 2, 2]) == (50, 2, 2)
    assert capsys.readouterr().out == ""
    assert voxel_size(tmp_path, voxel_size_um=50) == (50, 50, 50)
    (note,) = capsys.readouterr().out.splitlines()
    assert note.endswith(
        "1.tif: the file says 2 µm a voxel along y, voxel_size_um says 50; mere tags of resolution "
        "say the former, so the latter is taken"
    )


def test_tags_of_resolution_give_way_to_the_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tags = {"resolution": (96, 96), "resolutionunit": "INCH"}
    tifffile.imwrite(tmp_path / "rock.tif", VOXELS, photometric="minisblack", **tags)
    assert voxel_size(tmp_path / "rock.tif", voxel_size_um=2.5) == (2.5, 2.5, 2.5)
    (note,) = capsys.readouterr().out.splitlines()
    assert note.endswith("voxel_size_um says 2.5; mere tags of resolution say the former, so the "
                         "latter is taken")  # fmt: skip


@pytest.mark.parametrize(
    ("tag", "kind", "value"),
    [
        *(("XResolution", "H", 58), ("XResolution", "s", "58"), ("YResolution", "2I", (5, 0))),
        *(("ResolutionUnit", "H", 77), ("ResolutionUnit", "s", "cm")),
    ],
)
def test_resolution_tags_that_are_wrong_count_as_none(
    tmp_path: Path, tag: str, kind: str, value: object
) -> None:
    path = tmp_path / "rock.tif"
    tags = {"resolution": (5000, 5000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(path, VOXELS, photometric="minisblack", metadata=None, **tags)
    assert voxel_size(path) == (2, 2, 2)
    with tifffile.TiffFile(path, mode="r+") as tiff:
        tiff.pages[0].tags[tag].overwrite(value, dtype=kind)
    assert is_silent(path)
    assert_holds(path)


@pytest.mark.parametrize(("spacing", "size"), [("2,5", 2.5), ("2,500", None), ("", None)])
def test_a_spacing_with_a_decimal_comma_is_read(
    tmp_path: Path, spacing: str, size: float | None
) -> None:
    description = f"ImageJ=1.54f\nimages=5\nslices=5\nunit=micron\nspacing={spacing}\n"
    tifffile.imwrite(
        tmp_path / "rock.tif",
        VOXELS,
        metadata=None,
        description=description,
        resolution=(0.4, 0.4),
    )
    assert voxel_size(tmp_path / "rock.tif") == pytest.approx((size or 2.5, 2.5, 2.5))


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


# --- stacks in several files ---


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"imagej": True, "metadata": {"axes": "ZYX"}}]
)
def test_the_parts_of_a_stack_are_joined(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: dict
) -> None:
    for name, part in (("scan_2.tif", VOXELS[:3]), ("scan_10.tif", VOXELS[3:])):
        tifffile.imwrite(tmp_path / name, part, photometric="minisblack", **options)
    assert_holds(tmp_path)
    assert "joined with 1 more to 5 slices" in capsys.readouterr().out


def test_the_last_part_of_a_stack_may_be_one_slice(tmp_path: Path) -> None:
    for name, part in (("1.tif", VOXELS[:2]), ("2.tif", VOXELS[2:4]), ("3.tif", VOXELS[4])):
        tifffile.imwrite(tmp_path / name, part, photometric="minisblack")
    assert_holds(tmp_path)


def test_slices_beside_their_own_stack_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "0.tif", VOXELS, photometric="minisblack")
    for z, page in enumerate(VOXELS, 1):
        tifffile.imwrite(tmp_path / f"{z}.tif", page)
    refuse(tmp_path, r"1\.tif: slices in it: 1, in 0\.tif: 5; put either single slices or")


PLANE = (
    '<TiffData FirstZ="{z}" IFD="{page}" PlaneCount="1"><UUID FileName="{file}">u</UUID></TiffData>'
)


def write_ome_set(
    folder: Path, planes: list[tuple[str, int]], *, depth: int = 5, of: str | None = None
) -> list[Path]:
    """Write VOXELS[z] as the page of the file that planes[z] names."""
    listed = "".join(PLANE.format(z=z, page=p, file=f) for z, (f, p) in enumerate(planes))
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="P" DimensionOrder="XYZCT" Type="uint16" SizeX="6" '
        f'SizeY="7" SizeZ="{depth}" SizeC="1" SizeT="1" PhysicalSizeX="2" PhysicalSizeY="2" '
        f'PhysicalSizeZ="3">{listed}</Pixels></Image></OME>'
    )
    files = list(dict.fromkeys(name for name, _ in planes))
    for name in files:
        pages = sorted((page, z) for z, (file, page) in enumerate(planes) if file == name)
        text = xml if of is None else f'<OME><BinaryOnly MetadataFile="{of}" UUID="u"/></OME>'
        with tifffile.TiffWriter(folder / name) as tiff:
            for number, (_, z) in enumerate(pages):
                tiff.write(
                    VOXELS[z],
                    contiguous=False,
                    metadata=None,
                    description=text if number == 0 else None,
                )
    if of is not None:
        (folder / of).write_text(xml)
    return [folder / name for name in files]


SPREAD = [("b.ome.tif", 0), ("b.ome.tif", 1), ("a.ome.tif", 0), ("a.ome.tif", 1), ("a.ome.tif", 2)]


@pytest.mark.parametrize("companion", [None, "rock.companion.ome"])
def test_any_file_of_an_ome_set_opens_all(tmp_path: Path, companion: str | None) -> None:
    files = write_ome_set(tmp_path, SPREAD, of=companion)
    for path in (*files, tmp_path / "*.tif"):
        assert_holds(path, voxel_size_um=None)
        assert voxel_size(path) == (3, 2, 2)
        with open_volume(path) as rock:
            assert list(rock.files) == files


def test_an_ome_set_with_a_file_too_few_is_refused(tmp_path: Path) -> None:
    first, second = write_ome_set(tmp_path, SPREAD)
    tifffile.imwrite(tmp_path / "other.tif", VOXELS)
    with pytest.raises(InputError, match=r"other\.tif: no part of the OME-TIFF set of"):
        open_volume([first, second, tmp_path / "other.tif"], voxel_size_um=1)
    second.unlink()
    refuse(
        first, r"b\.ome\.tif: part of an OME-TIFF set of 2 files, of which a\.ome\.tif is missing"
    )


def test_an_ome_companion_that_is_missing_is_named(tmp_path: Path) -> None:
    (first, _) = write_ome_set(tmp_path, SPREAD, of="rock.companion.ome")
    (tmp_path / "rock.companion.ome").unlink()
    refuse(first, r"that rock\.companion\.ome describes, which is missing")


@pytest.mark.parametrize(
    ("planes", "depth", "sentence"),
    [
        ([("a.tif", 0), ("b.tif", 0), ("a.tif", 1), ("b.tif", 1), ("a.tif", 2)], 5, "take turns"),
        ([("a.tif", 1), ("a.tif", 0), ("b.tif", 0), ("b.tif", 1), ("b.tif", 2)], 5, "take turns"),
        (SPREAD, 7, "has 7 planes, its 2 files hold 5"),
    ],
)
def test_an_ome_set_out_of_order_is_refused(
    tmp_path: Path, planes: list[tuple[str, int]], depth: int, sentence: str
) -> None:
    (first, _) = write_ome_set(tmp_path, planes, depth=depth)
    refuse(first, sentence)


def test_an_ome_set_leads_into_no_other_folder(tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    tifffile.imwrite(tmp_path / "b.ome.tif", VOXELS)
    planes = [("a.ome.tif", z) for z in range(4)]
    (first,) = write_ome_set(tmp_path / "inside", planes)
    text = tifffile.tiffcomment(first).replace(
        'FileName="a.ome.tif">u', 'FileName="../b.ome.tif">u', 1
    )
    tifffile.tiffcomment(first, text.encode())
    refuse(first, "lies in another folder")
