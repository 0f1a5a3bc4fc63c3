import gzip
from pathlib import Path

import numpy as np
import pytest
from helpers.volume_checks import GIGABYTES, VOXELS, assert_holds, cut, refuse

from sandstone.errors import InputError
from sandstone.volumes.volume import RawLayout, open_volume


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    path = tmp_path / "rock.raw"
    path.write_bytes(VOXELS.astype("<u2").tobytes())
    return path


# --- headerless files ---


@pytest.mark.parametrize("byteorder", ["little", "big"])
def test_raw_honours_byte_order_and_offset(tmp_path: Path, byteorder: str) -> None:
    path = tmp_path / "rock.RAW"
    stored = VOXELS.astype(np.dtype(np.uint16).newbyteorder({"little": "<", "big": ">"}[byteorder]))
    path.write_bytes(b"head" + stored.tobytes())
    layout = RawLayout(VOXELS.shape, "uint16", byteorder, offset=4)
    rock = open_volume(path, voxel_size_um=1, raw=layout)
    assert rock.dtype.isnative
    np.testing.assert_array_equal(rock.read(0, 5), VOXELS)


@pytest.mark.parametrize(
    ("layout", "sentence"),
    [
        (None, "does not say its shape and dtype"),
        (RawLayout(shape=(5, 7, 6)), "does not say its shape and dtype"),
        (RawLayout(dtype="uint16"), "does not say its shape and dtype"),
        (RawLayout((6, 7, 6), "uint16"), "need 504 bytes, but it holds 420"),
        (RawLayout((4, 7, 6), "uint16"), "describe 336 bytes, but it holds 420"),
        (RawLayout((5, 7, 6), "uint16", offset=2), "need 422 bytes, but it holds 420"),
        (RawLayout((10**9, 10**9, 10**9), "uint16"), "bytes, but it holds 420"),
        (RawLayout((5, 7, 0), "uint16"), "are no layout"),
        (RawLayout((5, 42), "uint16"), "are no layout"),
        (RawLayout((5, 7, 6), "uint16", offset=-1), "are no layout"),
        (RawLayout((5, 7, 6), "grey16"), "'grey16', byte order 'little', is no type"),
        (RawLayout((5, 7, 6), "uint16", "middle"), "byte order 'middle', is no type"),
        (RawLayout((5, 7, 12), "bool"), "of type bool are not grey levels"),
        (RawLayout((5, 7, 3), "uint99"), "is no type"),
    ],
)
def test_a_wrong_layout_is_one_sentence(
    raw_file: Path, layout: RawLayout | None, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        open_volume(raw_file, voxel_size_um=1, raw=layout)


# --- packed by gzip ---


@pytest.mark.parametrize("name", ["rock.raw.gz", "rock.raw"])
@pytest.mark.parametrize("offset", [0, 4])
def test_gzip_is_known_by_its_first_bytes(tmp_path: Path, name: str, offset: int) -> None:
    packed = gzip.compress(b"head"[:offset] + VOXELS.astype(">u2").tobytes())
    (tmp_path / name).write_bytes(packed)
    layout = RawLayout(VOXELS.shape, "uint16", "big", offset)
    assert_holds(tmp_path / name, raw=layout)
    assert open_volume(tmp_path / name, voxel_size_um=1, raw=layout).in_memory


@pytest.mark.parametrize("depth", [4, 6])
def test_gzip_of_another_length_is_refused(tmp_path: Path, depth: int) -> None:
    (tmp_path / "rock.raw.gz").write_bytes(gzip.compress(VOXELS.tobytes()))
    layout = RawLayout((depth, 7, 6), "uint16")
    sentence = f"need {depth * 84} bytes, but it holds|describe {depth * 84} bytes, but more"
    with (
        pytest.raises(InputError, match=sentence),
        open_volume(tmp_path / "rock.raw.gz", voxel_size_um=1, raw=layout) as rock,
    ):
        rock.read(0, 1)


def test_voxels_that_begin_like_gzip_are_voxels(tmp_path: Path) -> None:
    voxels = VOXELS.copy()
    voxels.reshape(-1)[:2] = np.frombuffer(b"\x1f\x8b\x08\x00", "<u2")
    (tmp_path / "rock.raw").write_bytes(voxels.tobytes())
    assert_holds(tmp_path / "rock.raw", voxels, raw=RawLayout(VOXELS.shape, "uint16"))


# --- NumPy ---


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<u2", ">u2", "f4"])
def test_npy(tmp_path: Path, order: str, dtype: str) -> None:
    np.save(tmp_path / "rock.npy", np.asarray(VOXELS.astype(dtype), order=order))
    assert_holds(tmp_path / "rock.npy", VOXELS.astype(dtype))


def test_a_huge_npy_opens_at_once(tmp_path: Path) -> None:
    np.lib.format.open_memmap(tmp_path / "rock.npy", mode="w+", dtype="u1", shape=GIGABYTES)
    with open_volume(tmp_path / "rock.npy", voxel_size_um=1) as rock:
        assert rock.read(200, 201).shape == (1, 10_000, 10_000)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.array([{}], dtype=object), "objects or records"),
        (np.zeros((2, 2, 2), dtype=[("grey", "u1")]), "objects or records"),
        (np.zeros((2, 2, 2), dtype="M8[s]"), "not grey levels"),
        (np.zeros((5, 7, 6, 3), np.uint8), "convert it to grey"),
        (np.zeros((5, 7, 6, 9), np.uint8), "is not z, y, x"),
        (np.zeros(5, np.uint8), "is not z, y, x"),
        (np.zeros((5, 0, 6), np.uint8), "holds no voxels"),
    ],
)
def test_npy_that_is_no_volume(tmp_path: Path, array: np.ndarray, sentence: str) -> None:
    np.save(tmp_path / "rock.npy", array, allow_pickle=True)
    refuse(tmp_path / "rock.npy", sentence)


def test_truncated_npy(tmp_path: Path) -> None:
    np.save(tmp_path / "rock.npy", VOXELS)
    cut(tmp_path / "rock.npy", 0.9)
    refuse(tmp_path / "rock.npy", "need 548 bytes, but it holds 493")
