import os

import pytest

from sandstone.volumes.unchanged import stamp


@pytest.fixture
def rock(tmp_path):
    path = tmp_path / "rock.tif"
    path.write_bytes(b"voxels")
    return path


def test_reading_changes_nothing(rock):
    before = stamp([rock])
    rock.read_bytes()
    assert stamp([rock]) == before


def test_place_is_no_part_of_it(rock, tmp_path):
    before = stamp([rock])
    (tmp_path / "elsewhere").mkdir()
    assert stamp([rock.rename(tmp_path / "elsewhere" / "rock.tif")]) == before


def test_an_older_file_of_the_same_size_is_another(rock):
    before = stamp([rock])
    rock.write_bytes(b"others")
    os.utime(rock, (1e9, 1e9))
    assert stamp([rock]) != before


def test_a_cut_file_of_the_same_time_is_another(rock):
    before, status = stamp([rock]), rock.stat()
    os.truncate(rock, 3)
    os.utime(rock, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert stamp([rock]) != before


def test_the_order_of_slices_counts(rock, tmp_path):
    other = tmp_path / "other.tif"
    other.write_bytes(b"more")
    assert stamp([rock, other]) != stamp([other, rock])


def test_a_chunk_inside_a_folder_counts(tmp_path):
    chunk = tmp_path / "rock.zarr" / "c" / "0"
    chunk.parent.mkdir(parents=True)
    chunk.write_bytes(b"voxels")
    before = stamp([tmp_path / "rock.zarr"])
    chunk.write_bytes(b"others, longer")
    assert stamp([tmp_path / "rock.zarr"]) != before


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("rock.mhd", "ObjectType = Image\nElementDataFile = voxels.raw\n"),
        ("rock.nhdr", "NRRD0004\ntype: uint8\ndata file: voxels.raw\n"),
        ("rock.nhdr", "NRRD0004\r\ndatafile: voxels.raw\r\n"),
    ],
)
def test_the_data_file_behind_a_header_counts(tmp_path, header, text):
    (tmp_path / header).write_bytes(text.encode())
    (tmp_path / "voxels.raw").write_bytes(b"voxels")
    before = stamp([tmp_path / header])
    (tmp_path / "voxels.raw").write_bytes(b"others, longer")
    assert stamp([tmp_path / header]) != before


def test_a_header_without_its_data_file_counts_alone(tmp_path):
    (tmp_path / "rock.mhd").write_text("ElementDataFile = absent.raw\n")
    assert stamp([tmp_path / "rock.mhd"])
