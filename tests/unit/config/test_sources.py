from pathlib import Path

import pytest

from sandstone.config import sources
from sandstone.errors import InputError


def test_files_of_a_folder_a_glob_and_a_file(tmp_path: Path) -> None:
    for name in ("b.tif", "a.tif", ".hidden"):
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
