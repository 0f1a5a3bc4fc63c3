import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.volume_checks import VOXELS, assert_holds, cut, is_silent, refuse, voxel_size
from PIL import Image

from sandstone.errors import InputError
from sandstone.volumes.volume import open_volume

GREY = (VOXELS >> 8).astype(np.uint8)


def write_slices(folder: Path, voxels: np.ndarray = GREY, suffix: str = ".png") -> Path:
    folder.mkdir(exist_ok=True)
    for z, image in enumerate(voxels):
        Image.fromarray(image).save(folder / f"rock_rec{z + 8}{suffix}")
    return folder


@pytest.mark.parametrize(
    ("voxels", "suffix"), [(GREY, ".png"), (VOXELS, ".png"), (GREY, ".bmp"), (GREY, ".BMP")]
)
def test_a_stack(tmp_path: Path, voxels: np.ndarray, suffix: str) -> None:
    """Natural order: 8, 9, 10."""
    folder = write_slices(tmp_path / "rock", voxels, suffix)
    assert_holds(folder, voxels)
    assert_holds(folder / f"*{suffix}", voxels)


def test_one_image_is_a_volume_of_one_slice(tmp_path: Path) -> None:
    Image.fromarray(VOXELS[0]).save(tmp_path / "rock.png")
    with open_volume(tmp_path / "rock.png", voxel_size_um=1) as rock:
        np.testing.assert_array_equal(rock.read(0, 1), VOXELS[:1])


def test_a_screen_resolution_is_no_voxel_size(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "rock.png", dpi=(10160, 10160))
    assert is_silent(tmp_path / "rock.png")


def test_jpeg_is_read_with_a_note(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flat = np.full((3, 16, 16), 77, np.uint8)
    folder = write_slices(tmp_path / "rock", flat, ".jpg")
    with open_volume(folder, voxel_size_um=1) as rock:
        np.testing.assert_array_equal(rock.read(0, 3), flat)
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    assert "rock_rec8.jpg: JPEG has lost detail" in told


def test_a_table_of_greys_gives_its_greys(tmp_path: Path) -> None:
    image = Image.fromarray(GREY[0]).convert("P")
    image.putpalette([value for index in range(256) for value in [255 - index] * 3])
    image.save(tmp_path / "rock.png")
    with open_volume(tmp_path / "rock.png", voxel_size_um=1) as rock:
        shown = np.asarray(Image.open(tmp_path / "rock.png").convert("RGB"))[..., 0]
        np.testing.assert_array_equal(rock.read(0, 1)[0], shown)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "1"])
def test_other_images_than_grey_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (6, 7)).save(tmp_path / "rock.png")
    refuse(tmp_path / "rock.png", f"an image in {mode}, not in grey")


def test_a_table_of_colours_is_refused(tmp_path: Path) -> None:
    image = Image.fromarray(GREY[0]).convert("P")
    image.putpalette([value for index in range(256) for value in (index, 0, 0)])
    image.save(tmp_path / "rock.bmp")
    refuse(tmp_path / "rock.bmp", "an image in P, not in grey")


def test_a_slice_of_another_shape_or_type_is_refused(tmp_path: Path) -> None:
    folder = write_slices(tmp_path / "rock")
    Image.fromarray(VOXELS[2]).save(folder / "rock_rec10.png")
    refuse(folder, "rock_rec10.png: a slice of uint16 .* rock_rec8.png is uint8")
    Image.fromarray(GREY[2][:3]).save(folder / "rock_rec10.png")
    refuse(folder, r"rock_rec10.png: a slice of uint8 and shape \(3, 6\)")


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_a_truncated_image_names_itself(tmp_path: Path, suffix: str) -> None:
    folder = write_slices(tmp_path / "rock", suffix=suffix)
    cut(folder / f"rock_rec9{suffix}", 0.5)
    with pytest.raises(InputError, match=f"rock_rec9{suffix}: "):
        open_volume(folder, voxel_size_um=1).read(0, 5)


def test_other_formats_under_these_names_are_refused(tmp_path: Path) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "rock.gif")
    (tmp_path / "rock.gif").rename(tmp_path / "rock.png")
    refuse(tmp_path / "rock.png", "rock.png: ")


@pytest.mark.parametrize("edge", [60_000, 2**31 - 1])
def test_a_header_that_lies_is_refused(tmp_path: Path, edge: int) -> None:
    Image.fromarray(GREY[0]).save(tmp_path / "rock.png")
    content = bytearray((tmp_path / "rock.png").read_bytes())
    content[16:24] = struct.pack(">II", edge, edge)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "rock.png").write_bytes(content)
    refuse(tmp_path / "rock.png", "rock.png: ")


# --- SkyScan ---

LOG = "[Acquisition]\nImage Pixel Size (um)=1.25\n[Reconstruction]\nPixel Size (um)=2.50000\n"


@pytest.mark.parametrize(
    ("text", "size"),
    [(LOG, 2.5), (LOG.replace("\n", "\r\n"), 2.5), ("Image Pixel Size (um) = 1.25\n", 1.25)],
)
def test_the_log_tells_the_voxel_size(tmp_path: Path, text: str, size: float) -> None:
    folder = write_slices(tmp_path / "rock")
    (folder / "rock_rec.log").write_bytes(text.encode())
    assert voxel_size(folder) == (size,) * 3
    assert open_volume(folder).files[-1] == folder / "rock_rec.log"


@pytest.mark.parametrize("text", ["", "Pixel Size (um)=\n", "Pixel Size (um)=e\n"])
def test_a_log_without_a_size_is_silent(tmp_path: Path, text: str) -> None:
    folder = write_slices(tmp_path / "rock")
    (folder / "rock_rec.log").write_text(text, encoding="utf-8")
    assert is_silent(folder)


def test_a_log_of_another_name_is_silent(tmp_path: Path) -> None:
    folder = write_slices(tmp_path / "rock")
    (folder / "another.log").write_text(LOG, encoding="utf-8")
    assert is_silent(folder)
