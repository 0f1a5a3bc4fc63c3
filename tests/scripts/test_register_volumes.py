"""`register_volumes.py`: the files it writes, the real pair, and the sentences of its flags."""

import json

import numpy as np
import pytest
from helpers import twin_scans

import register_volumes
from sandstone.errors import InputError
from sandstone.registration.sections import read_sections
from sandstone.registration.transform import Transform

SHAPE, COARSE_SHAPE = (54, 60, 66), (18, 20, 22)
TRUE = Transform((2.0, -3.0, 1.0))


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A fine and a coarse scan as NumPy files, with the flags that tell them."""
    folder = tmp_path_factory.mktemp("pair")
    rock = twin_scans.grains(np.multiply(SHAPE, 2.0), size_um=9.0, count=200, seed=1)
    fine = twin_scans.scan(rock, SHAPE, (2.0,) * 3, noise=3.0, seed=2)
    coarse = twin_scans.scan(rock, COARSE_SHAPE, (6.0,) * 3, transform=TRUE, blur_um=6.0)
    np.save(folder / "hr.npy", np.rint(fine.clip(0, 255)).astype(np.uint8))
    np.save(folder / "lr.npy", np.rint(coarse).astype(np.uint16))
    return [
        *("--volume", folder / "hr.npy", "--voxel-size-um", 2),
        *("--lr", folder / "lr.npy", "--lr-voxel-size-um", 6),
    ]


def run(folder, *flags):
    outputs = ["--output", folder / "rock.json", "--sections", folder / "rock.h5"]
    record = ["--provenance", folder / "rock.provenance.json"]
    register_volumes.main(list(map(str, ["--sample", "rock", *flags, *outputs, *record])))
    return json.loads((folder / "rock.json").read_text())


def test_the_description_is_complete_and_the_same_on_every_run(pair, tmp_path):
    written = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        described = run(folder, *pair)
        written.append([(folder / file).read_bytes() for file in ("rock.json", "rock.h5")])
    assert written[0] == written[1]
    assert list(described) == [
        *("sample", "fine", "coarse", "transform", "method", "correlation", "blur_sigma_um"),
    ]
    assert described["fine"] == {"shape": list(SHAPE), "voxel_size_um": [2, 2, 2]}
    assert described["coarse"] == {"shape": list(COARSE_SHAPE), "voxel_size_um": [6, 6, 6]}
    assert described["method"] == "auto"
    found = Transform.from_dict(described["transform"])
    assert np.abs(np.subtract(found.shift_um, TRUE.shift_um) / 2).max() < 0.1
    assert found.centre_um == (54, 60, 66)
    assert described["correlation"]["before"] < described["correlation"]["after"]
    assert described["blur_sigma_um"] == pytest.approx([6, 6, 6], abs=0.5)
    assert read_sections(folder / "rock.h5")["xy"].coarse.shape == (20, 22)
    record = json.loads((folder / "rock.provenance.json").read_text())
    assert {file["name"] for file in record["inputs"]} == {"hr.npy", "lr.npy"}


def test_the_axis_turns_both_scans(pair, tmp_path):
    described = run(tmp_path, *pair, "--axis", "x", "--registration", "none")
    assert described["fine"]["shape"] == [66, 54, 60]
    assert described["coarse"]["shape"] == [22, 18, 20]


def test_numbers_of_the_user_are_written_with_what_they_reach(pair, tmp_path):
    numbers = ["--shift-um", 2, -3, 1, "--rotation-deg", 0, 0, 0.1, "--scale", 1.001]
    described = run(tmp_path, *pair, "--registration", "given", *numbers)
    assert described["transform"] == {
        "shift_um": [2, -3, 1],
        "rotation_deg": [0, 0, 0.1],
        "scale": 1.001,
        "centre_um": [54, 60, 66],
    }
    assert described["method"] == "given"
    assert described["correlation"]["after"] > described["correlation"]["before"] + 0.005


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--shift-um", 1, 2, 3], "--shift-um does not act with --registration auto"),
        (["--registration", "none", "--scale", 1.1], "--scale does not act with --registration no"),
        (["--registration", "given"], "--registration given needs the numbers"),
        (["--registration", "given", "--rotation-deg", 0, 0, 1], "add --shift-um z y x"),
        (["--registration", "given", "--shift-um", 0, 900, 0], "do not overlap"),
    ],
)
def test_flags_that_make_no_sense_are_refused(pair, tmp_path, flags, complaint):
    with pytest.raises(InputError, match=complaint):
        run(tmp_path, *pair, *flags)
    assert list(tmp_path.iterdir()) == []


def test_swapped_scans_are_refused(pair, tmp_path):
    swapped = [*("--volume", pair[5], "--voxel-size-um", 6), *("--lr", pair[1])]
    with pytest.raises(InputError, match=r"hr\.npy: the coarse scan has voxels of 2 x 2 x 2 µm"):
        run(tmp_path, *swapped, "--lr-voxel-size-um", 2)


def test_a_constant_scan_ends_in_one_line(pair, tmp_path, run_script):
    np.save(tmp_path / "flat.npy", np.full((9, 9, 9), 7, np.uint8))
    flat = ["--lr", "flat.npy", "--lr-voxel-size-um", 6]
    outputs = ["--output", "rock.json", "--sections", "rock.h5"]
    done = run_script("register_volumes", "--sample", "rock", *pair[:4], *flat, *outputs)
    assert done.returncode == 2
    assert done.stderr.startswith(
        "register_volumes: error: flat.npy: the coarse scan is constant, grey level 7"
    )
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "rock.json").exists()


def test_the_real_pair_is_registered(shared_data, tmp_path):
    """Two scans of one plug, of 2 and 6 µm: more than a voxel of misregistration goes."""
    scans = [
        *("--volume", shared_data / "bentheimer_pair_hr2um.tif", "--voxel-size-um", 2),
        *("--lr", shared_data / "bentheimer_pair_lr6um.tif", "--lr-voxel-size-um", 6),
    ]
    described = run(tmp_path, *scans)
    assert described["correlation"]["before"] == pytest.approx(0.979, abs=0.002)
    assert described["correlation"]["after"] >= 0.989
    transform = described["transform"]
    assert transform["shift_um"] == pytest.approx([2.5, 1.9, 1.15], abs=0.15)
    assert transform["scale"] == pytest.approx(0.9955, abs=0.0007)
    assert np.abs(transform["rotation_deg"]).max() < 0.1
    assert described["blur_sigma_um"] == pytest.approx([6.7] * 3, abs=0.3)
