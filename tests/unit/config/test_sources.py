import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from sandstone.config import sources
from sandstone.errors import InputError


def test_files_of_a_folder_a_glob_and_a_file(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", "c_spr.tif", ".hidden"):
        (tmp_path / name).touch()
    both = [f"{tmp_path}/a.tif", f"{tmp_path}/b.tif"]
    assert sources.volume_files("x", {"path": str(tmp_path)}) == both
    assert sources.volume_files("x", {"path": f"{tmp_path}/*.tif"}) == both
    assert sources.volume_files("x", {"path": both[0]}) == both[:1]


def test_a_missing_volume_without_url_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"samples\.x\.path.*nothing is"):
        sources.volume_files("x", {"path": str(tmp_path / "none.tif")})


def test_parts_that_are_still_to_be_fetched_count_as_files(tmp_path: Path) -> None:
    folder = tmp_path / "rock"
    sample = {
        "path": str(folder),
        "url": ["file:///a/1.tif", "file:///a/2.tif"],
        "sha256": ["0" * 64, "1" * 64],
    }
    both = [f"{folder}/1.tif", f"{folder}/2.tif"]
    assert sources.volume_files("x", sample) == both
    folder.mkdir()
    (folder / "1.tif").touch()
    assert sources.volume_files("x", sample) == both
    assert sources.downloads(sample)[both[1]] == ("file:///a/2.tif", "1" * 64)


def test_a_tilde_is_explained_where_nothing_is() -> None:
    with pytest.raises(InputError, match="nothing is; write your home folder out, since only a"):
        sources.volume_files("x", {"path": "~/none.tif"})


def test_a_missing_volume_to_upscale_names_its_key(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"upscale\.plug\.path.*nothing is"):
        sources.volume_files("plug", {"path": str(tmp_path / "none.tif")}, "upscale")


def test_several_addresses_make_slices_of_one_kind() -> None:
    entry = {"path": "data/rock", "sha256": ["0" * 64, "1" * 64]}
    sources.check_source("x", entry | {"url": ["file:///1.bmp", "file:///2.bmp"]})
    for second in ("file:///2.tif", "file:///2.dat", "file:///1.bmp"):
        with pytest.raises(InputError, match="different names of slices"):
            sources.check_source("x", entry | {"url": ["file:///1.bmp", second]})


@pytest.mark.parametrize("path", ["rock.raw", "rock.RAW", "rock.raw.gz"])
def test_a_headerless_file_needs_a_layout(path: str) -> None:
    with pytest.raises(InputError, match="path is headerless"):
        sources.check_source("x", {"path": path})


def test_a_layout_is_for_files_that_may_be_headerless() -> None:
    raw = {"shape": [1, 2, 3], "dtype": "uint8"}
    sources.check_source("x", {"path": "rock.vol", "raw": raw})
    with pytest.raises(InputError, match="raw is for"):
        sources.check_source("x", {"path": "rock.vgi", "raw": raw})


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["rock.isq"], "that of Scanco; export"),
        (["1.tif", "1.png", "2.png"], "holds 2 PNG files and 1 TIFF"),
        (["rock.txt"], "holds no TIFF slices"),
    ],
)
def test_names_that_are_no_volume_are_refused_without_any_library(
    tmp_path: Path, names: list[str], sentence: str
) -> None:
    for name in names:
        (tmp_path / name).touch()
    path = tmp_path / names[0] if names[0].endswith("isq") else tmp_path
    with pytest.raises(InputError, match=sentence):
        sources.volume_files("x", {"path": str(path)})


def readable(path: Path, **described: object) -> None:
    sources.check_readable("x", {"path": str(path), **described})


def test_a_volume_that_can_be_read_passes_in_silence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("1.tif", "3.tif", "a_spr.tif"):
        tifffile.imwrite(tmp_path / name, np.zeros((4, 5), np.uint8))
    readable(tmp_path, voxel_size_um=2)
    (tmp_path / "rock.raw").write_bytes(bytes(24))
    raw = {"shape": [2, 3, 4], "dtype": "uint8", "byteorder": "little", "offset": 0}
    readable(tmp_path / "rock.raw", voxel_size_um=[1, 2, 3], raw=raw)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("described", "sentence"),
    [
        ({}, "neither the file nor the config tells the voxel size"),
        ({"voxel_size_um": 1, "dataset": "tomo"}, "dataset names an array inside"),
    ],
)
def test_a_volume_that_is_described_wrongly_is_refused(
    tmp_path: Path, described: dict, sentence: str
) -> None:
    np.save(tmp_path / "rock.npy", np.zeros((2, 3, 4)))
    with pytest.raises(InputError, match=sentence):
        readable(tmp_path / "rock.npy", **described)


def test_a_slice_of_another_shape_is_refused(tmp_path: Path) -> None:
    for z, height in enumerate((4, 4, 3)):
        tifffile.imwrite(tmp_path / f"{z}.tif", np.zeros((height, 5), np.uint8))
    with pytest.raises(InputError, match=r"2\.tif: a slice of uint8"):
        readable(tmp_path, voxel_size_um=1)


def test_without_the_libraries_of_the_jobs_names_alone_are_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rock.npy").write_bytes(b"none")
    with pytest.raises(InputError):
        readable(tmp_path / "rock.npy", voxel_size_um=1)
    monkeypatch.setattr(sources, "find_spec", lambda name: None if name == "zarr" else name)
    readable(tmp_path / "rock.npy", voxel_size_um=1)


def test_a_volume_that_is_still_to_be_fetched_is_not_opened() -> None:
    entry = {"path": "data/absent.npy", "url": ["file:///a.npy"], "sha256": ["0" * 64]}
    sources.check_readable("x", entry)


def test_looking_for_files_needs_no_library_of_the_jobs() -> None:
    """The Python of Snakemake may have none of them: the jobs' conda environments do."""
    program = """
import sys
import sandstone.config.checks, sandstone.config.flags, sandstone.config.sources
import sandstone.volumes.folder
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(sources.__file__).parents[2])},
        check=True,
    )
    assert set(sources.READERS) & set(done.stdout.split()) == set()
