import numpy as np
import pytest
import tifffile

import make_phantom
from sandstone.errors import InputError
from sandstone.phantom.phantom import Phantom, Specification

SMALL = ["--shape", "20", "48", "56", "--voxel-size-um", "2.5", "--grain-size-um", "30"]


def test_volume_holds_the_slices_of_the_recipe_and_its_voxel_size(tmp_path):
    path = tmp_path / "results" / "rock.tif"
    make_phantom.main([*SMALL, "--seed", "4", "--plug", "false", "--output", str(path)])
    rock = Specification(
        (20, 48, 56), 2.5, 0.2, 30.0, 0.06, 0.01, 0.9, 4000.0, 0.01, 0.01, False, 4
    )
    with tifffile.TiffFile(path) as tiff:
        assert tiff.imagej_metadata["spacing"] == 2.5
        assert tiff.imagej_metadata["unit"] == "micron"
        assert tiff.imagej_metadata["slices"] == 20
        x = tiff.pages[0].tags["XResolution"].value
        assert x[1] / x[0] == pytest.approx(2.5, rel=1e-6)
        volume = tiff.asarray()
    assert volume.dtype == np.uint16
    np.testing.assert_array_equal(volume, np.stack(list(Phantom(rock).slices())))


def test_same_flags_same_bytes(tmp_path):
    paths = [tmp_path / "a.tif", tmp_path / "b.tif"]
    for path in paths:
        make_phantom.main([*SMALL, "--output", str(path)])
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_progress_ends_with_the_last_slice(tmp_path, capsys):
    make_phantom.main([*SMALL, "--output", str(tmp_path / "rock.tif")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "phantom: growing grains in 20 x 48 x 56 voxels"
    assert lines[-1].startswith("phantom: 20 of 20 slices, ")
    assert lines[-1].endswith(" slices/s, 0:00:00 left")


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--porosity", "0"], "--porosity"),
        (["--porosity", "0.5"], "--porosity"),
        (["--photons", "1e12"], "--photons"),
        (["--grain-size-um", "10"], "grain_size_um"),
        (["--clay", "0.9"], "clay"),
    ],
)
def test_bad_settings_leave_no_volume(tmp_path, flags, named):
    with pytest.raises(InputError, match=named):
        make_phantom.main([*SMALL, *flags, "--output", str(tmp_path / "rock.tif")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "flags",
    [
        ["--seed", "-1"],
        ["--plug", "maybe"],
        ["--porosity", "20"],
        ["--photons", "0"],
        ["--psf-sigma", "-1"],
        ["--shape", "0", "48", "56"],
    ],
)
def test_flags_out_of_range_are_refused_by_name(tmp_path, flags, capsys):
    with pytest.raises(SystemExit) as ended:
        make_phantom.main([*SMALL, *flags, "--output", str(tmp_path / "rock.tif")])
    assert ended.value.code == 2
    assert flags[0] in capsys.readouterr().err


def test_script_answers_a_mistake_with_one_line(run_script, tmp_path):
    done = run_script("make_phantom", *SMALL, "--grain-size-um", "10", "--output", "rock.tif")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("make_phantom: error: grains of 10 µm")
    assert not (tmp_path / "rock.tif").exists()
