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
LIBRARIES = {"h5py", "nrrd", "scipy", "zarr"}


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
