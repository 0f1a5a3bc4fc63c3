"""What lies under results/ between two stages, damaged or of another kind: one sentence."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from helpers import tile_pairs

from sandstone.dataset import pairs, slices
from sandstone.errors import InputError
from sandstone.metrics import tables
from sandstone.tiff_stack import write_stack


@pytest.fixture
def pairs_file(tmp_path: Path) -> Path:
    hr = dict.fromkeys(pairs.SPLITS, np.ones((2, 8, 8), np.uint8))
    return tile_pairs.write(tmp_path / "rock.h5", hr, scale=2)


def attribute(name: str, value: Any) -> Callable[[h5py.File], None]:
    return lambda file: file.attrs.__setitem__(name, value)


def instead(name: str, how: Callable[[h5py.File], None]) -> Callable[[h5py.File], None]:
    def edit(file: h5py.File) -> None:
        del file[name]
        how(file)

    return edit


WRONG_PAIRS: dict[str, Callable[[h5py.File], None]] = {
    "sample of numbers": attribute("sample", 3),
    "sample of a list": attribute("sample", ["a", "b"]),
    "scale 0": attribute("scale", 0),
    "scale -1": attribute("scale", -1),
    "scale of text": attribute("scale", "4"),
    "endless scale": attribute("scale", 2**62),
    "grey of a list": attribute("grey_max", [255, 65535]),
    "other grey": attribute("grey_max", 65535),
    "no degradation": attribute("degradation", "{"),
    "degradation of a list": attribute("degradation", "[]"),
    "deep degradation": attribute("degradation", "[" * 20_000),
    "voxels of nothing": attribute("hr_voxel_size_um", [0.0, 0.0, 0.0]),
    "voxels without end": attribute("hr_voxel_size_um", [np.inf, 1, 1]),
    "one voxel edge": attribute("hr_voxel_size_um", 1.0),
    "guard of nan": attribute("guard_um", np.nan),
    "negative guard": attribute("guard_slices", -5),
    "no slice taken": attribute("depth_step", 0),
    "correlation of a list": attribute("correlation", "[]"),
    "correlation of text": attribute(
        "correlation", '{"lags": [1], "values": ["high"], "length": 1}'
    ),
    "correlation without values": attribute(
        "correlation", '{"lags": [1, 2], "values": [0.5], "length": 2}'
    ),
    "length at no lag": attribute("correlation", '{"lags": [1], "values": [0.5], "length": 2}'),
    "slices of text": lambda file: file["test"].attrs.__setitem__("slices", "0:1"),
    "three slices": lambda file: file["test"].attrs.__setitem__("slices", [1, 2, 3]),
    "corners of text": instead("test/z", lambda file: file.create_dataset("test/z", data=b"xx")),
    "corners of floats": instead("test/z", lambda file: file.create_dataset("test/z", data=[0.5])),
    "one corner": instead("test/z", lambda file: file.create_dataset("test/z", data=3)),
    "table of corners": instead(
        "test/z", lambda file: file.create_dataset("test/z", data=np.zeros((2, 2), "i4"))
    ),
    "fewer corners": instead(
        "test/z", lambda file: file.create_dataset("test/z", data=np.zeros(1, "i4"))
    ),
    "a group for tiles": instead("test/hr", lambda file: file.create_group("test/hr")),
    "tiles for a group": instead("val", lambda file: file.__setitem__("val", 3)),
}


@pytest.mark.parametrize("name", WRONG_PAIRS)
def test_wrong_pairs_are_refused(name: str, pairs_file: Path) -> None:
    with h5py.File(pairs_file, "r+") as file:
        WRONG_PAIRS[name](file)
    with pytest.raises(InputError, match=r"rock\.h5") as caught:
        pairs.open_pairs(pairs_file)
    assert "\n" not in str(caught.value)


# --- slices -------------------------------------------------------------------------------


@pytest.fixture
def sample(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / name for name in ("rock.tif", "rock.mask.tif", "rock.json")]
    for path in paths[:2]:
        write_stack(
            path, np.ones((2, 8, 8), np.uint8), shape=(2, 8, 8), dtype=np.uint8,
            voxel_size_um=(1, 1, 1),
        )  # fmt: skip
    metadata = {
        "sample": "rock", "source": {"files": []}, "voxel_size_um": [1, 1, 1], "shape": [2, 8, 8],
        "dtype": "uint8", "origin": [0, 0, 0], "grey_max": 255, "field_of_view": {},
        "window": {"low": 0, "high": 1, "percentiles": [0, 100]},
    }  # fmt: skip
    paths[2].write_text(json.dumps(metadata), encoding="utf-8")
    return paths


WRONG: list[tuple[str, Any]] = [
    ("sample", 3),
    ("sample", None),
    ("voxel_size_um", 1),
    ("voxel_size_um", [1, 1]),
    ("voxel_size_um", [0, 1, 1]),
    ("voxel_size_um", [1, 1, "1"]),
    ("voxel_size_um", [1, 1, float("nan")]),
    ("voxel_size_um", [1, 1, 10**400]),
    ("shape", {}),
    ("shape", [2, 8, 8, 8]),
    ("shape", [2.0, 8, 8]),
    ("origin", [-1, 0, 0]),
    ("origin", [2**40, 0, 0]),
    ("origin", [True, 0, 0]),
    ("origin", "000"),
    ("window", None),
    ("window", {"low": "0", "high": 1, "percentiles": [0, 1]}),
    ("window", {"low": 0, "high": float("inf"), "percentiles": [0, 1]}),
    ("window", {"low": 0, "high": 1, "percentiles": 5}),
    ("grey_max", "255"),
    ("dtype", ["uint8"]),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_wrong_metadata_of_slices_are_refused(key: str, value: Any, sample: list[Path]) -> None:
    metadata = json.loads(sample[2].read_text(encoding="utf-8"))
    sample[2].write_text(json.dumps({**metadata, key: value}), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        slices.open_slices(*sample)
    assert len(str(caught.value)) < 700


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 50_000, "9" * 5000, "\0", '"\\ud800"'])
def test_metadata_that_are_no_metadata_are_refused(text: str, sample: list[Path]) -> None:
    sample[2].write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"rock\.json"):
        slices.open_slices(*sample)


@pytest.mark.parametrize("which", [0, 1])
def test_forged_stack_is_refused(which: int, sample: list[Path]) -> None:
    from .test_volumes import TIFFS

    for name, content in TIFFS.items():
        sample[which].write_bytes(content)
        with pytest.raises(InputError, match="rock") as caught:
            slices.open_slices(*sample)
        assert "\n" not in str(caught.value), name


@pytest.mark.parametrize("which", [0, 1, 2])
def test_pipes_for_slices_are_refused(which: int, sample: list[Path]) -> None:
    sample[which].unlink()
    os.mkfifo(sample[which])
    with pytest.raises(InputError, match=r"no such file|does not exist"):
        slices.open_slices(*sample)


# --- tables -------------------------------------------------------------------------------

HEADER = "sample,method,tile,z,y,x,psnr_db"
TABLES = {
    "text for a number": f"{HEADER}\nrock,a,0,1,1,1,high",
    "code for a number": f"{HEADER}\nrock,a,0,1,1,1,__import__('os').system('touch hacked')",
    "endless number": f"{HEADER}\nrock,a,0,1,1,1,1\nrock,a,0,{'9' * 5000},1,1,1",
    "more cells": f"{HEADER}\nrock,a,0,1,1,1,1,1,1,1\nrock,a,0,1,1,1,1",
    "one column": "sample\nrock",
    "nothing": "",
    "header alone": HEADER,
    "binary": "\x00\x01\x02",
    "open quote": f'{HEADER}\n"rock,a,0,1,1,1,1',
    "dates": f"{HEADER}\nrock,a,0,2001-01-01,1,1,1",
    "truth": f"{HEADER}\nrock,a,0,True,1,1,1",
}


@pytest.mark.parametrize("name", TABLES)
def test_wrong_table_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{TABLES[name]}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"table\.csv") as caught:
        tables.read(path, HEADER.split(","))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "hacked").exists()


def test_a_huge_cell_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(f"{HEADER}\n{'r' * 1_000_000},a,0,1,1,1,1\n", encoding="utf-8")
    assert len(tables.read(path, HEADER.split(","))["sample"][0]) == 1_000_000


def test_pipes_and_folders_are_no_tables(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv", "none.csv"):
        with pytest.raises(InputError, match="does not exist"):
            tables.read(tmp_path / name, ["sample"])


def test_a_copy_of_pairs_is_read_as_they_are(pairs_file: Path, tmp_path: Path) -> None:
    shutil.copy2(pairs_file, tmp_path / "copy.h5")
    with pairs.open_pairs(tmp_path / "copy.h5") as opened:
        assert len(opened.split("test")) == 2
