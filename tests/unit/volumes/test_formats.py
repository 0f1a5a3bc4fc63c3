import os
import subprocess
import sys
from pathlib import Path

import pytest
import tifffile
from helpers.volume_checks import VOXELS

from sandstone.errors import InputError
from sandstone.volumes import formats
from sandstone.volumes.volume import RawLayout, open_volume

LAYOUT = RawLayout(shape=VOXELS.shape, dtype="uint16")
LIBRARIES = {"h5py", "nibabel", "nrrd", "olefile", "pydicom", "scipy", "zarr"}


@pytest.fixture
def raw_file(tmp_path: Path) -> Path:
    path = tmp_path / "rock.raw"
    path.write_bytes(VOXELS.astype("<u2").tobytes())
    return path


def test_every_reader_enters_its_formats() -> None:
    rooms = Path(formats.__file__).parent.glob("*.py")
    readers = {file.stem for file in rooms if "\nFORMATS = " in file.read_text(encoding="utf-8")}
    assert len(readers) > 4
    assert {each.open.__module__.rpartition(".")[2] for each in formats.known().values()} == readers


def test_suffixes_are_lower_case_with_their_point() -> None:
    assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in formats.known())


def test_a_library_is_loaded_with_the_first_file_of_its_format(raw_file: Path) -> None:
    program = f"""
import sys
from sandstone.volumes.volume import RawLayout, open_volume
open_volume({str(raw_file)!r}, voxel_size_um=1, raw=RawLayout((5, 7, 6), "uint16")).close()
print(*sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(formats.__file__).parents[2])},
        check=True,
    )
    assert LIBRARIES & set(done.stdout.split()) == set()


def test_options_without_effect_are_refused(tmp_path: Path, raw_file: Path) -> None:
    files = [tmp_path / "1.tif", tmp_path / "2.tif"]
    for file, page in zip(files, VOXELS, strict=False):
        tifffile.imwrite(file, page)
    with pytest.raises(InputError, match=r"raw describes headerless \.raw files only"):
        open_volume(files[0], voxel_size_um=1, raw=LAYOUT)
    with pytest.raises(InputError, match="dataset names an array inside"):
        open_volume(files, voxel_size_um=1, dataset="tomo")
    with pytest.raises(InputError, match="dataset names an array inside"):
        open_volume(raw_file, voxel_size_um=1, raw=LAYOUT, dataset="tomo")


@pytest.mark.parametrize("suffix", formats.EXPORTS)
def test_a_format_that_is_not_read_says_how_to_export_it(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"rock{suffix.upper()}").write_bytes(bytes(200))
    with pytest.raises(InputError, match="this format is not read; it is that of") as caught:
        open_volume(tmp_path / f"rock{suffix.upper()}", voxel_size_um=1)
    assert any(word in str(caught.value) for word in ("export", "save", "convert"))
    assert "rename" not in str(caught.value)
    assert suffix not in formats.known()


@pytest.mark.parametrize("name", ["rock", "rock.0001", "rock.raw", "rock.npy"])
@pytest.mark.parametrize(
    ("start", "suffix"),
    [(bytes(at) + magic, suffix) for (at, magic), (suffix, _) in formats.NAMES.items()],
)
def test_a_format_that_is_read_is_known_under_another_name(
    tmp_path: Path, name: str, start: bytes, suffix: str
) -> None:
    (tmp_path / name).write_bytes(start + bytes(200))
    with pytest.raises(InputError, match=rf"begins like .*rename it to \{suffix}"):
        open_volume(tmp_path / name, voxel_size_um=1, raw=LAYOUT if "raw" in name else None)


def test_an_unknown_suffix_is_renamed_only_if_there_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "rock.bin").write_bytes(bytes(10))
    with pytest.raises(InputError, match=r"if it has no header, rename it to \.raw"):
        open_volume(tmp_path / "rock.bin", voxel_size_um=1)


def test_files_of_two_kinds_do_not_stack(tmp_path: Path) -> None:
    files = [tmp_path / "1.tif", tmp_path / "2.png"]
    for file in files:
        file.touch()
    with pytest.raises(InputError, match=r"2\.png: only slices of one kind"):
        open_volume(files, voxel_size_um=1)
