from pathlib import Path

import pytest
import tifffile
from helpers.volume_checks import VOXELS, assert_holds, is_silent, refuse, voxel_size


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
