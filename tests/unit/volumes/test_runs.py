import h5py
import numpy as np
import pytest
import tifffile
import zarr

from sandstone.volumes import runs
from sandstone.volumes.runs import in_runs
from sandstone.volumes.source import Source
from sandstone.volumes.volume import open_volume

SHAPE = (13, 7, 6)
VOXELS = np.random.default_rng(1).integers(0, 60000, SHAPE).astype(np.uint16)
SLICE = VOXELS[0].nbytes


class Counted:
    """A source that remembers which slices and rows were read."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, range]] = []

    def read(self, z0: int, z1: int, rows: slice) -> np.ndarray:
        self.calls.append((z0, z1, range(*rows.indices(SHAPE[1]))))
        return VOXELS[z0:z1, rows]

    @property
    def source(self) -> Source:
        return Source(SHAPE, VOXELS.dtype, self.read, ())


@pytest.fixture
def counted() -> Counted:
    return Counted()


WHOLE = range(SHAPE[1])


def test_slice_by_slice_reads_chunk_by_chunk(counted):
    read = in_runs(counted.source, 5).read
    for z in range(SHAPE[0]):
        np.testing.assert_array_equal(read(z, z + 1, slice(None)), VOXELS[z : z + 1])
    assert counted.calls == [(0, 5, WHOLE), (5, 10, WHOLE), (10, 13, WHOLE)]


def test_band_after_band_reads_whole_slices(counted):
    read = in_runs(counted.source).read
    for first in range(0, 7, 2):
        rows = slice(first, min(first + 3, 7))
        np.testing.assert_array_equal(read(2, 6, rows), VOXELS[2:6, rows])
    assert counted.calls == [(2, 6, range(3)), (2, 6, WHOLE)]


def test_one_band_of_all_slices_reads_no_other_rows(counted):
    read = in_runs(counted.source, 5).read
    for z in range(0, SHAPE[0], 2):
        read(z, min(z + 2, SHAPE[0]), slice(2, 4))
    assert {rows for *_, rows in counted.calls} == {range(2, 4)}
    assert sum(z1 - z0 for z0, z1, _ in counted.calls) < 2 * SHAPE[0]


def test_runs_are_cut_to_what_fits(counted, monkeypatch):
    monkeypatch.setattr(runs, "HELD_BYTES", 2 * SLICE)
    read = in_runs(counted.source, 5).read
    for z in range(4):
        read(z, z + 1, slice(None))
    assert counted.calls == [(0, 2, WHOLE), (2, 4, WHOLE)]


def test_of_slices_too_large_the_rows_alone_are_read(counted, monkeypatch):
    monkeypatch.setattr(runs, "HELD_BYTES", SLICE - 1)
    in_runs(counted.source, 5).read(0, 1, slice(2, 4))
    assert counted.calls == [(0, 3, range(2, 4))]


def test_what_was_asked_for_and_no_more_is_not_held(counted, monkeypatch):
    monkeypatch.setattr(runs, "HELD_BYTES", 0)
    read = in_runs(counted.source, 5).read
    for _ in range(2):
        read(0, 13, slice(None))
    assert counted.calls == [(0, 13, WHOLE)] * 2


def fortran(path):
    np.save(path / "rock.npy", np.asfortranarray(VOXELS))
    return path / "rock.npy"


def hdf5(path):
    with h5py.File(path / "rock.h5", "w") as archive:
        archive.create_dataset("rock", data=VOXELS, chunks=(4, 3, 6), compression="gzip")
    return path / "rock.h5"


def ome_zarr(path):
    store = zarr.storage.LocalStore(path / "rock.zarr")
    zarr.create_array(store, data=VOXELS, chunks=(4, 3, 6))
    return path / "rock.zarr"


def compressed_tiff(path):
    tifffile.imwrite(
        path / "rock.tif", VOXELS, compression="zlib", photometric="minisblack", rowsperstrip=2
    )
    return path / "rock.tif"


def stack(path):
    (path / "rock").mkdir()
    for z, image in enumerate(VOXELS):
        tifffile.imwrite(path / f"rock/{z:02}.tif", image)
    return path / "rock"


@pytest.mark.parametrize("held", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("write", [fortran, hdf5, ome_zarr, compressed_tiff, stack])
def test_any_order_of_reading_gives_the_voxels(tmp_path, monkeypatch, write, held):
    monkeypatch.setattr(runs, "HELD_BYTES", held * SLICE)
    rng = np.random.default_rng(2)
    with open_volume(write(tmp_path), voxel_size_um=1) as rock:
        for _ in range(60):
            z0, z1 = sorted(rng.integers(0, SHAPE[0] + 1, 2))
            first, stop = sorted(rng.integers(0, SHAPE[1] + 1, 2))
            part = rock.read(z0, z1, slice(first, stop))
            np.testing.assert_array_equal(part, VOXELS[z0:z1, first:stop])
            part[:] = 0  # the caller's own: what is held stays as it is
