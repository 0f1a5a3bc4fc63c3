import os

import pytest

from sandstone.volumes.folder import belonging, stamp


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


def test_the_xml_of_big_data_viewer_counts(tmp_path):
    (tmp_path / "rock.h5").write_bytes(b"voxels")
    (tmp_path / "rock.xml").write_text("<SpimData><size>1 2 3</size></SpimData>")
    before = stamp([tmp_path / "rock.h5"])
    (tmp_path / "rock.xml").write_text("<SpimData><size>1.5 2 3</size></SpimData>")
    assert stamp([tmp_path / "rock.h5"]) != before


def test_a_header_without_its_data_file_counts_alone(tmp_path):
    (tmp_path / "rock.mhd").write_text("ElementDataFile = absent.raw\n")
    assert stamp([tmp_path / "rock.mhd"])


def test_a_volume_is_read_from_what_its_files_name_too(tmp_path):
    names = ("rock.mhd", "voxels.raw", "a1.tif", "a2.tif", "a.log", "store.zarr/0")
    (tmp_path / "store.zarr").mkdir()
    for name in names:
        (tmp_path / name).write_text("ElementDataFile = voxels.raw\n")
    header, voxels, first, second, log, _ = (tmp_path / name for name in names)
    assert belonging([header]) == [header, voxels]
    assert belonging([first, second]) == [first, second, log]
    assert belonging([tmp_path / "store.zarr"]) == [tmp_path / "store.zarr"]


@pytest.mark.parametrize(
    ("asked", "other"),
    [
        ("rock.vol", "rock.vol.info"),
        ("rock.vol", "rock.vgi"),
        ("rock.vol.info", "rock.vol"),
        ("rock.mhd", "z1.raw"),
    ],
)
def test_the_stamp_tells_what_belongs_to_a_file(tmp_path, asked, other):
    for name in ("rock.vol", "z0.raw", "z1.raw", asked, other):
        (tmp_path / name).write_bytes(b"before")
    (tmp_path / "rock.mhd").write_text("ElementDataFile = z%d.raw 0 1 1", encoding="utf-8")
    before = stamp([tmp_path / asked])
    (tmp_path / other).write_bytes(b"after")
    assert stamp([tmp_path / asked]) != before


def test_the_stamp_of_slices_tells_their_log(tmp_path):
    slices = [tmp_path / "rock_rec0.bmp", tmp_path / "rock_rec1.bmp"]
    for file in [*slices, tmp_path / "rock_rec.log", tmp_path / "other.log"]:
        file.write_bytes(b"before")
    before = stamp(slices)
    (tmp_path / "other.log").write_bytes(b"after")
    assert stamp(slices) == before
    (tmp_path / "rock_rec.log").write_bytes(b"after")
    assert stamp(slices) != before


@pytest.mark.parametrize("behind", [0, 1 << 21], ids=["at the start", "at the end"])
def test_the_stamp_of_a_file_tells_the_others_of_its_ome_set(tmp_path, behind):
    other, stray = tmp_path / "rock_1.ome.tif", tmp_path / "stray.tif"
    asked = tmp_path / "rock.ome.tif"
    for file in (other, stray):
        file.write_bytes(b"voxels")
    asked.write_bytes(bytes(behind) + b'<UUID FileName="rock_1.ome.tif"/><UUID FileName="../x"/>')
    before = stamp([asked])
    stray.write_bytes(b"other voxels")
    assert stamp([asked]) == before
    other.write_bytes(b"other voxels")
    assert stamp([asked]) != before
