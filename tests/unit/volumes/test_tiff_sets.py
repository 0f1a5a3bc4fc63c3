from pathlib import Path

import pytest
import tifffile
from helpers.volume_checks import VOXELS, assert_holds, refuse, voxel_size

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume


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
