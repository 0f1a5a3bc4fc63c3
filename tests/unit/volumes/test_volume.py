import errno
import json
import mmap
import os
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.errors import InputError
from sandstone.volumes import formats, volume
from sandstone.volumes.volume import RawLayout, open_volume

VOXELS = np.random.default_rng(1).integers(0, 60000, (5, 7, 6)).astype(np.uint16)
TERABYTE = 2**40


def write_slices(folder: Path, names: list[str]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    files = [folder / name for name in names]
    for file, page in zip(files, VOXELS, strict=False):
        tifffile.imwrite(file, page)
    return files


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    path = tmp_path / "rock.raw"
    path.write_bytes(VOXELS.astype("<u2").tobytes())
    return path


LAYOUT = RawLayout(shape=VOXELS.shape, dtype="uint16")


# --- the volume ---


def test_slabs_are_copies_of_the_file(raw_file: Path) -> None:
    with open_volume(raw_file, voxel_size_um=2.5, raw=LAYOUT) as rock:
        assert (rock.shape, rock.dtype) == (VOXELS.shape, np.dtype(np.uint16))
        assert rock.voxel_size_um == (2.5, 2.5, 2.5)
        assert rock.files == (raw_file,)
        slab = rock.read(1, 4)
    np.testing.assert_array_equal(slab, VOXELS[1:4])
    assert slab.flags.c_contiguous
    assert slab.flags.writeable
    assert slab.flags.owndata


@pytest.mark.parametrize(
    "change",
    [
        lambda file: os.utime(file, (1e9, 1e9)),
        lambda file: os.truncate(file, 100),
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.read_bytes()[::-1]),
    ],
    ids=["older", "cut", "gone", "rewritten"],
)
def test_a_volume_that_changes_after_it_was_opened_is_told(raw_file: Path, change) -> None:
    os.utime(raw_file, (2e9, 2e9))
    with open_volume(raw_file, voxel_size_um=2.5, raw=LAYOUT) as rock:
        rock.check_unchanged()
        change(raw_file)
        with pytest.raises(InputError, match=re.escape(str(raw_file))):
            rock.check_unchanged()


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("rock.raw", lambda path: path.write_bytes(VOXELS.tobytes())),
        ("rock.npy", lambda path: np.save(path, VOXELS)),
        ("fortran.npy", lambda path: np.save(path, np.asfortranarray(VOXELS))),
        ("rock.tif", lambda path: tifffile.imwrite(path, VOXELS)),
    ],
)
def test_a_file_cut_short_while_it_is_read_is_one_sentence(tmp_path: Path, name, write) -> None:
    path = tmp_path / name
    write(path)
    layout = LAYOUT if path.suffix == ".raw" else None
    with open_volume(path, voxel_size_um=2.5, raw=layout) as rock:
        os.truncate(path, path.stat().st_size // 2)
        with pytest.raises(InputError, match=f"{name}: ends at byte .* start again once"):
            rock.read(0, 5)


def test_an_empty_slab_has_the_shape_of_none(raw_file: Path) -> None:
    assert open_volume(raw_file, voxel_size_um=1, raw=LAYOUT).read(2, 2).shape == (0, 7, 6)


@pytest.mark.parametrize(("z0", "z1"), [(-1, 2), (3, 2), (4, 6)])
def test_a_slab_outside_the_volume_is_a_defect(raw_file: Path, z0: int, z1: int) -> None:
    rock = open_volume(raw_file, voxel_size_um=1, raw=LAYOUT)
    with pytest.raises(ValueError, match="not within 0:5"):
        rock.read(z0, z1)


def test_a_closed_volume_reads_nothing(raw_file: Path) -> None:
    rock = open_volume(raw_file, voxel_size_um=1, raw=LAYOUT)
    rock.close()
    rock.close()
    with pytest.raises(ValueError, match="closed"):
        rock.read(0, 1)


def test_terabytes_open_at_once(tmp_path: Path) -> None:
    path = tmp_path / "rock.raw"
    side = 10_000
    with path.open("wb") as stream:
        stream.truncate(TERABYTE // side**2 * side**2)
    layout = RawLayout((TERABYTE // side**2, side, side), "uint8")
    rock = open_volume(path, voxel_size_um=1, raw=layout)
    assert rock.read(rock.shape[0] - 1, rock.shape[0]).sum() == 0


def with_gaps(gaps: np.ndarray, level: float) -> np.ndarray:
    voxels = np.random.default_rng(1).normal(0, 1, (2, 20, 24)).astype(np.float32)
    voxels[:, gaps] = level
    return voxels


@pytest.mark.parametrize("level", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_outside_the_circle_comes_as_one_low_level(
    tmp_path: Path, level: float
) -> None:
    y, x = np.ogrid[:20, :24]
    gaps = np.hypot(y - 9.5, x - 11.5) > 11
    voxels = with_gaps(gaps, level)
    np.save(tmp_path / "rock.npy", voxels)
    with open_volume(tmp_path / "rock.npy", voxel_size_um=1) as rock:
        expected = np.where(gaps, np.float32(volume.NOT_SCANNED), voxels)
        np.testing.assert_array_equal(rock.read(0, 2), expected)
        np.testing.assert_array_equal(rock.read_slice(1), expected[1])
        part = (slice(0, 5), slice(3, 20))
        np.testing.assert_array_equal(rock.read_slice(1, *part), expected[1][part])


@pytest.mark.parametrize("place", [(slice(9, 11), slice(9, 11)), (slice(0, 3), slice(None))])
def test_gaps_elsewhere_are_refused(tmp_path: Path, place: tuple[slice, slice]) -> None:
    gaps = np.zeros((20, 24), bool)
    gaps[place] = True
    np.save(tmp_path / "rock.npy", with_gaps(gaps, np.nan))
    rock = open_volume(tmp_path / "rock.npy", voxel_size_um=1)
    with pytest.raises(InputError, match="slice 0 holds NaN or infinite values"):
        rock.read_slice(0)


# --- which files ---


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * mmap.PAGESIZE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the system does not tell")
def test_voxels_that_were_read_do_not_stay_in_memory(tmp_path: Path) -> None:
    shape = (300, 1000, 1000)
    path = tmp_path / "rock.raw"
    with path.open("wb") as stream:
        stream.truncate(300_000_000)
    with open_volume(path, raw=RawLayout(shape, "uint8"), voxel_size_um=1) as rock:
        before = resident_bytes()
        for z in range(0, 300, 10):
            rock.read(z, z + 10)
        assert resident_bytes() - before < 60_000_000


def test_slices_of_a_folder_come_in_natural_order(tmp_path: Path) -> None:
    files = write_slices(tmp_path / "scan", [f"slice_{i}.tif" for i in (1, 2, 9, 10, 11)])
    (tmp_path / "scan" / "notes.txt").write_text("no slice")
    (tmp_path / "scan" / "._slice_1.tif").write_text("left by a Mac")
    rock = open_volume(tmp_path / "scan", voxel_size_um=1)
    assert rock.files == tuple(files)
    np.testing.assert_array_equal(rock.read(0, 5), VOXELS)
    np.testing.assert_array_equal(rock.read(2, 4), VOXELS[2:4])


def test_a_pattern_takes_what_matches(tmp_path: Path) -> None:
    write_slices(tmp_path / "scan", ["a1.tif", "b1.tif", "a10.tif", "a2.tif"])
    rock = open_volume(f"{tmp_path}/scan/a*.tif", voxel_size_um=1)
    assert [file.name for file in rock.files] == ["a1.tif", "a2.tif", "a10.tif"]


def test_several_files_keep_their_order(tmp_path: Path) -> None:
    files = write_slices(tmp_path, ["1.tif", "2.tif", "3.tif"])
    rock = open_volume([files[2], str(files[0])], voxel_size_um=1)
    np.testing.assert_array_equal(rock.read(0, 2), VOXELS[[2, 0]])


def test_a_file_whose_name_looks_like_a_pattern_is_itself(tmp_path: Path) -> None:
    (file,) = write_slices(tmp_path, ["scan[1].tif"])
    assert open_volume(file, voxel_size_um=1).files == (file,)


@pytest.mark.parametrize(
    ("paths", "sentence"),
    [
        ("absent.tif", "no such file or folder"),
        ("absent*.tif", "no file matches"),
        (["1.tif", "absent.tif"], "absent.tif: no such file"),
        ([], "no file of a volume"),
        ("empty", "holds no TIFF slices"),
        ("rock.dat", "unknown suffix '.dat'; supported are .tif, .tiff, .bmp, .png"),
        (["1.tif", "rock.dat"], "only slices of one kind"),
    ],
)
def test_wrong_paths_are_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, paths: str | list[str], sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_slices(tmp_path, ["1.tif"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "rock.dat").touch()
    with pytest.raises(InputError, match=sentence):
        open_volume(paths, voxel_size_um=1)


@pytest.mark.parametrize("suffix", [s for s in formats.known() if s != ".zarr"])
def test_an_unreadable_file_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = tmp_path / f"rock{suffix}"
    path.write_bytes(bytes(200))

    def deny(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    opens = ("tifffile.TiffFile", "h5py.File", "olefile.OleFileIO")
    for name in (*opens, "pydicom.filereader.read_file_meta_info", "pathlib.Path.open"):
        monkeypatch.setattr(name, deny)
    headerless = suffix in {".raw", ".raw.gz", ".vol"}
    layout = RawLayout((2, 10, 10), "uint8") if headerless else None
    with pytest.raises(InputError, match=f"rock{suffix}: permission to read it is denied"):
        open_volume(path, voxel_size_um=1, raw=layout)


@pytest.mark.parametrize("suffix", [s for s in formats.known() if s not in (".raw", ".zarr")])
@pytest.mark.parametrize("content", [b"", b"no volume\n" * 50, bytes(3000)])
def test_a_file_that_is_something_else_is_one_sentence(
    tmp_path: Path, suffix: str, content: bytes
) -> None:
    path = tmp_path / f"rock{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"rock{suffix}: ") as caught:
        open_volume(path, voxel_size_um=1)
    assert "\n" not in str(caught.value)


# --- voxel size ---


def test_silence_about_the_voxel_size_is_refused(raw_file: Path) -> None:
    with pytest.raises(InputError, match="neither the file nor the config tells the voxel size"):
        open_volume(raw_file, raw=LAYOUT)


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf"), [1, 2], [1, 0, 1], []])
def test_an_impossible_voxel_size_is_refused(raw_file: Path, size: object) -> None:
    with pytest.raises(InputError, match="voxel_size_um is"):
        open_volume(raw_file, voxel_size_um=size, raw=LAYOUT)


@pytest.mark.parametrize(
    ("configured", "in_file", "agreed"),
    [
        ((3, 2, 1), (None, None, None), (3, 2, 1)),
        ((2.01, 2, 2), (2, 2, 2), (2.01, 2, 2)),
        ((9, 2, 2), (None, 2, 2), (9, 2, 2)),
        (None, (None, 2, 1), (2, 2, 1)),
        (None, (3, 2, 1), (3, 2, 1)),
    ],
)
def test_the_config_leads_where_the_file_agrees(configured, in_file, agreed) -> None:
    assert volume.agree(configured, in_file, Path("rock.tif")) == agreed


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_contradiction_names_both(axis: int) -> None:
    in_file = [2.0, 2.0, 2.0]
    in_file[axis] = 2.05
    with pytest.raises(InputError, match=f"2.05 µm a voxel along {'zyx'[axis]}, .* says 2;"):
        volume.agree((2, 2, 2), tuple(in_file), Path("rock.tif"))


@pytest.mark.parametrize("doubtful", [600.0, 0.005])
def test_a_size_that_no_scanner_has_is_asked_for(
    doubtful: float, capsys: pytest.CaptureFixture[str]
) -> None:
    in_file = (doubtful, doubtful, doubtful)
    with pytest.raises(InputError, match="a voxel, which no scanner has; give voxel_size_um"):
        volume.agree(None, in_file, Path("rock.mhd"))
    assert volume.agree((2, 2, 2), in_file, Path("rock.mhd")) == (2, 2, 2)
    assert "no scanner has the former, so the latter is taken" in capsys.readouterr().out
    assert volume.agree(in_file, in_file, Path("rock.mhd")) == in_file


@pytest.mark.parametrize("size", [0.01, 0.5, 500.0])
def test_sizes_of_scanners_are_believed(size: float) -> None:
    assert volume.agree(None, (size, size, size), Path("rock.mhd")) == (size, size, size)


# --- real rock ---


def test_real_rock_is_the_same_as_raw_and_tiff(shared_data: Path) -> None:
    path = shared_data / "bentheimer_pair_hr2um.raw"
    facts = json.loads(path.with_suffix(".raw.json").read_text())
    layout = RawLayout(tuple(facts["shape_zyx"]), facts["dtype"], facts["byteorder"])
    raw = open_volume(path, raw=layout, voxel_size_um=facts["voxel_um"])
    tiff = open_volume(path.with_suffix(".tif"))
    assert raw.shape == tiff.shape == (90, 135, 630)
    assert raw.voxel_size_um == tiff.voxel_size_um == (2, 2, 2)
    np.testing.assert_array_equal(raw.read(40, 60), tiff.read(40, 60))


def test_real_slices_may_be_far_apart(
    shared_data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tags know the plane alone, so a larger z is no contradiction."""
    path = shared_data / "sandstone_versa.tif"
    rock = open_volume(path, voxel_size_um=[111.57, 2.2315, 2.2315])
    assert (rock.shape, rock.dtype) == ((8, 1024, 996), np.dtype(np.uint8))
    assert rock.voxel_size_um == (111.57, 2.2315, 2.2315)
    assert open_volume(path).voxel_size_um == pytest.approx((2.2315, 2.2315, 2.2315), rel=1e-4)
    np.testing.assert_array_equal(rock.read(7, 8), tifffile.imread(path, key=[7])[np.newaxis])
    assert capsys.readouterr().out == ""
    assert open_volume(path, voxel_size_um=2.0).voxel_size_um == (2, 2, 2)
    assert "along y, voxel_size_um says 2; mere tags" in capsys.readouterr().out
