import json

import numpy as np
import pytest
import tifffile

from sandstone import tiff_stack
from sandstone.dataset import slices
from sandstone.errors import InputError
from sandstone.tiff_stack import IMAGEJ_LIMIT, write_stack

SIZE = (3.5, 2.2315, 2.0)


def volume(dtype=np.uint8, shape=(5, 24, 40)):
    top = np.iinfo(dtype).max
    return np.random.default_rng(0).integers(0, top, shape, dtype=dtype, endpoint=True)


def write(path, data, **options):
    options = {"shape": data.shape, "dtype": data.dtype, "voxel_size_um": SIZE, **options}
    write_stack(path, iter(data), **options)


@pytest.fixture
def sample(tmp_path):
    """Three files that belong together."""
    data = volume(np.uint16)
    paths = [tmp_path / name for name in ("rock.tif", "rock.mask.tif", "rock.json")]
    write(paths[0], data)
    write(paths[1], (data > 999).astype(np.uint8) * slices.ROCK, compression="zlib")
    metadata = dict.fromkeys(slices.REQUIRED_KEYS, "") | {"window": {}, "grey_max": 65535}
    metadata |= {"voxel_size_um": [1.0, 1.0, 1.0], "origin": [0, 0, 0]}
    metadata |= {"sample": "rock", "shape": list(data.shape), "dtype": "uint16"}
    paths[2].write_text(json.dumps(metadata))
    return paths


def rewrite(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(5, 24, 40), (1, 24, 40), (3, 9, 8)])
def test_stack_is_what_fiji_expects(tmp_path, dtype, shape):
    data = volume(dtype, shape)
    write(tmp_path / "rock.tif", data)
    with tifffile.TiffFile(tmp_path / "rock.tif") as tiff:
        assert tiff.is_imagej
        assert len(tiff.pages) == shape[0]
        assert tiff.imagej_metadata.get("slices", 1) == shape[0]
        assert tiff.imagej_metadata["spacing"] == SIZE[0]
        assert tiff.imagej_metadata["unit"] == "micron"
        tags = tiff.pages[0].tags
        for name, size in (("YResolution", SIZE[1]), ("XResolution", SIZE[2])):
            pixels, length = tags[name].value
            assert length / pixels == pytest.approx(size, rel=1e-6)
        np.testing.assert_array_equal(tiff.asarray().reshape(shape), data)
        assert tiff.asarray().dtype == dtype


def test_mask_is_compressed_without_loss(tmp_path):
    mask = np.zeros((6, 64, 64), np.uint8)
    mask[:, 10:50, 12:60] = slices.ROCK
    write(tmp_path / "rock.mask.tif", mask, compression="zlib")
    with tifffile.TiffFile(tmp_path / "rock.mask.tif") as tiff:
        assert tiff.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert len(tiff.pages) == 6
        np.testing.assert_array_equal(tiff.asarray(), mask)
    assert (tmp_path / "rock.mask.tif").stat().st_size < mask.nbytes / 4


@pytest.mark.parametrize("limit", [IMAGEJ_LIMIT, 100])
def test_same_slices_same_bytes(tmp_path, monkeypatch, limit):
    monkeypatch.setattr(tiff_stack, "IMAGEJ_LIMIT", limit)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "rock.tif", volume())
    first, second = ((tmp_path / name / "rock.tif").read_bytes() for name in ("a", "b"))
    assert first == second


def test_big_stack_is_a_bigtiff_with_voxel_size(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_stack, "IMAGEJ_LIMIT", volume().nbytes)
    write(tmp_path / "rock.tif", volume())
    with tifffile.TiffFile(tmp_path / "rock.tif") as tiff:
        assert tiff.is_bigtiff
        assert tiff.is_ome
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        assert [pixels[f"PhysicalSize{axis}"] for axis in "ZYX"] == list(SIZE)
        assert {pixels[f"PhysicalSize{axis}Unit"] for axis in "ZYX"} == {"µm"}
        np.testing.assert_array_equal(tiff.asarray(), volume())


def test_stack_just_below_the_limit_stays_imagej(tmp_path, monkeypatch):
    monkeypatch.setattr(tiff_stack, "IMAGEJ_LIMIT", volume().nbytes + 1)
    write(tmp_path / "rock.tif", volume())
    with tifffile.TiffFile(tmp_path / "rock.tif") as tiff:
        assert tiff.is_imagej
        assert not tiff.is_bigtiff


def test_slices_that_fail_halfway_leave_no_file(tmp_path):
    def pages():
        yield volume()[0]
        raise InputError("slice 1 holds NaN")

    with pytest.raises(InputError):
        write_stack(
            tmp_path / "rock.tif", pages(), shape=(5, 24, 40), dtype="uint8", voxel_size_um=SIZE
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("limit", [IMAGEJ_LIMIT, 100])
def test_slices_come_back_one_at_a_time(sample, monkeypatch, limit):
    data = volume(np.uint16)
    monkeypatch.setattr(tiff_stack, "IMAGEJ_LIMIT", limit)
    write(sample[0], data)
    with slices.open_slices(*sample) as rock:
        assert rock.shape == data.shape
        assert rock.dtype == np.uint16
        assert rock.metadata["sample"] == "rock"
        for z in (4, 0, 2):
            np.testing.assert_array_equal(rock.read(z), data[z])
            np.testing.assert_array_equal(rock.read_mask(z), data[z] > 999)
            assert rock.read_mask(z).dtype == bool
        for z in (-1, 5):
            with pytest.raises(IndexError):
                rock.read(z)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_absent_file_is_named(sample, which):
    sample[which].unlink()
    with pytest.raises(InputError, match=rf"{sample[which].name}(: no such file| does not exist)"):
        slices.open_slices(*sample)


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("share", [0, 0.001, 0.3, 0.6, 0.95])
def test_truncated_tiff_is_named(sample, which, share):
    content = sample[which].read_bytes()
    sample[which].write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=rf"{sample[which].name}: (damaged|holds)") as refused:
        slices.open_slices(*sample)
    assert "\n" not in str(refused.value)


def test_tiff_that_is_no_tiff_is_named(sample):
    sample[0].write_text("<html>404 not found</html>")
    with pytest.raises(InputError, match=r"rock\.tif: damaged"):
        slices.open_slices(*sample)


def test_damaged_page_is_named_when_it_is_read(sample):
    content = bytearray(sample[1].read_bytes())
    with tifffile.TiffFile(sample[1]) as tiff:
        start = tiff.pages[2].dataoffsets[0]
    content[start : start + 40] = bytes(40)
    sample[1].write_bytes(content)
    with (
        slices.open_slices(*sample) as rock,
        pytest.raises(InputError, match=r"rock\.mask\.tif: damaged"),
    ):
        rock.read_mask(2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not valid JSON"),
        ("", "not valid JSON"),
        ("7", "no JSON object"),
        ("[]", "no JSON object"),
        ('{"sample": "rock"}', "lacks source;"),
    ],
)
def test_broken_metadata_is_named(sample, text, complaint):
    sample[2].write_text(text)
    with pytest.raises(InputError, match=rf"rock\.json.* {complaint}"):
        slices.open_slices(*sample)


@pytest.mark.parametrize("changes", [{"shape": [5, 24, 41]}, {"dtype": "uint8"}])
def test_metadata_of_other_slices_is_refused(sample, changes):
    rewrite(sample[2], **changes)
    with pytest.raises(InputError, match=r"rock\.tif: holds uint16 .* but .*rock\.json says"):
        slices.open_slices(*sample)


def test_mask_of_other_slices_is_refused(sample):
    write(sample[1], volume()[:4])
    with pytest.raises(InputError, match=r"rock\.mask\.tif: the mask's shape \(4, 24, 40\)"):
        slices.open_slices(*sample)
