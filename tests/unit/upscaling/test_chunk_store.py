import errno

import numpy as np
import pytest
import zarr

from sandstone.errors import InputError
from sandstone.upscaling.blocks import Tiling
from sandstone.upscaling.chunk_store import ChunkStore

TILING = Tiling((5, 20, 30), scale=2, axes="z", tile=16, batch=2, halo=3)


@pytest.fixture
def store(tmp_path):
    made = ChunkStore(tmp_path / "0", TILING, "uint16")
    made.open()
    return made


def voxels_of(block, value=7):
    return np.full([part.stop - part.start for part in TILING.region(block)], value, np.uint16)


def test_a_written_block_is_whole_and_no_other_is(store):
    store.write(TILING[1], voxels_of(TILING[1]))
    assert [store.is_whole(TILING[number]) for number in range(len(TILING))] == [
        number == 1 for number in range(len(TILING))
    ]


def test_zarr_reads_what_was_written(store):
    for number in range(len(TILING)):
        store.write(TILING[number], voxels_of(TILING[number], number + 1))
    array = zarr.open_array(store.folder, mode="r")
    assert array.shape == (5, 40, 60)
    assert array.metadata.dimension_names == ("z", "y", "x")
    for number in range(len(TILING)):
        assert (array[TILING.region(TILING[number])] == number + 1).all()


def test_a_black_block_counts_as_computed(store):
    store.write(TILING[0], voxels_of(TILING[0], 0))
    assert store.is_whole(TILING[0])


def test_a_second_job_adds_to_the_first_one_s_chunks(store, tmp_path):
    store.write(TILING[0], voxels_of(TILING[0]))
    other = ChunkStore(tmp_path / "0", TILING, "uint16")
    other.open()
    other.write(TILING[1], voxels_of(TILING[1], 0))
    assert other.is_whole(TILING[0])
    assert other.is_whole(TILING[1])


def test_an_empty_file_is_no_chunk(store):
    store.write(TILING[0], voxels_of(TILING[0]))
    next(iter(store.file(place) for place in TILING.chunks(TILING[0]))).write_bytes(b"")
    assert not store.is_whole(TILING[0])


def test_equal_voxels_are_equal_bytes(store, tmp_path):
    other = ChunkStore(tmp_path / "other", TILING, "uint16")
    other.open()
    for each in (store, other):
        each.write(TILING[2], voxels_of(TILING[2]))
    for place in TILING.chunks(TILING[2]):
        assert store.file(place).read_bytes() == other.file(place).read_bytes()
    names = {"zarr.json"}
    assert names <= {file.name for file in store.folder.iterdir()}
    assert (store.folder / "zarr.json").read_bytes() == (other.folder / "zarr.json").read_bytes()


def test_removing_takes_a_block_s_chunks_alone(store):
    for number in (0, 1):
        store.write(TILING[number], voxels_of(TILING[number]))
    store.remove(TILING[0])
    assert not store.is_whole(TILING[0])
    assert store.is_whole(TILING[1])


class Full:
    """An array on a disk without room."""

    def __setitem__(self, region, voxels):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_one_sentence(store, monkeypatch):
    monkeypatch.setattr(store, "_array", Full())
    with pytest.raises(InputError, match=r"no space left.* finished blocks are kept"):
        store.write(TILING[0], voxels_of(TILING[0]))
    assert not store.is_whole(TILING[0])


def test_writing_before_opening_is_refused(tmp_path):
    with pytest.raises(ValueError, match="open the store"):
        ChunkStore(tmp_path, TILING, "uint8").write(TILING[0], voxels_of(TILING[0]))
