import errno
import io
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest

from sandstone import hdf5
from sandstone.errors import InputError
from sandstone.hdf5 import _Target

TILES = np.random.default_rng(1).integers(0, 255, (40, 64, 64), dtype=np.uint8)


def write_tiles(file):
    """Write tiles and numbers that grow together, as pairs do."""
    make = file.create_dataset
    tiles = make("hr", (0, 64, 64), "u1", maxshape=(None, 64, 64), chunks=(1, 64, 64))
    numbers = make("z", (0,), "i4", maxshape=(None,), chunks=(1024,))
    for first in range(0, len(TILES), 4):
        for dataset, values in ((tiles, TILES[first : first + 4]), (numbers, range(4))):
            dataset.resize(first + 4, axis=0)
            dataset[first:] = values


class FullDisk(io.BytesIO):
    """Takes `room` bytes, the last of them in part, as a disk does."""

    def __init__(self, room):
        super().__init__()
        self.room = room

    def write(self, content):
        taken = min(len(content), self.room)
        if content and not taken:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.room -= taken
        return super().write(content[:taken])


def test_the_file_is_what_was_written(tmp_path):
    with hdf5.create(tmp_path / "a.h5") as (file, check):
        write_tiles(file)
        check()
    with h5py.File(tmp_path / "a.h5") as file:
        assert np.array_equal(file["hr"], TILES)
        assert np.array_equal(file["z"], np.tile(np.arange(4), 10))
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_two_files_are_the_same_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        with hdf5.create(tmp_path / name) as (file, _):
            file.create_dataset("hr", data=TILES, track_times=False)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("room", [0, 1, 700, 5_000, 60_000, 130_000, 165_000])
def test_hdf5_closes_in_peace_wherever_the_disk_is_full(room, capfd):
    disk = FullDisk(room)
    target = _Target(disk)
    with h5py.File(target, "w") as file:
        write_tiles(file)
        file.flush()
        assert np.array_equal(file["hr"][:], TILES)  # what the disk refused is still known
    with pytest.raises(OSError, match="No space left"):
        target.check()
    assert capfd.readouterr() == ("", "")
    assert disk.room == 0


def test_a_disk_with_room_for_all_raises_nothing():
    target = _Target(FullDisk(1_000_000))
    with h5py.File(target, "w") as file:
        write_tiles(file)
    target.check()


def test_the_size_limit_of_a_process_is_one_sentence_and_no_crash(tmp_path):
    code = f"""
import resource, signal, sys
sys.path.insert(0, {str(next(p for p in sys.path if p.endswith("workflow/scripts")))!r})
import numpy as np
from sandstone import cli, hdf5
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
def main(argv):
    with hdf5.create("a.h5") as (file, check):
        for number in range(40):
            file[str(number)] = np.ones((64, 64), np.uint8)
            check()
sys.exit(cli.run(main))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "a.h5 cannot be written: " in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_block_stays_what_it_is(tmp_path):
    with pytest.raises(InputError, match="NaN"), hdf5.create(tmp_path / "a.h5"):
        raise InputError("slice 3 holds NaN")
    assert list(tmp_path.iterdir()) == []
