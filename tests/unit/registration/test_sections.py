"""Sections through both scans: what they show, and what a file may hold."""

import h5py
import numpy as np
import pytest
from helpers import twin_scans
from helpers.twin_scans import InMemory

from sandstone.errors import InputError
from sandstone.registration.register import Registration
from sandstone.registration.scans import Scan
from sandstone.registration.sections import read_sections, sections, write_sections
from sandstone.registration.transform import Transform

FINE_UM, COARSE_UM = (2.0, 2.0, 2.0), (8.0, 6.0, 6.0)
SHAPE, COARSE_SHAPE = (64, 60, 66), (16, 20, 22)
TRUE = Transform((16.0, 6.0, -9.0))


@pytest.fixture(scope="module")
def shown():
    rock = twin_scans.grains(np.multiply(SHAPE, FINE_UM), size_um=9.0, count=200, seed=1)
    fine = twin_scans.scan(rock, SHAPE, FINE_UM)
    coarse = twin_scans.scan(rock, COARSE_SHAPE, COARSE_UM, transform=TRUE, blur_um=6.0)
    pair = [
        Scan(InMemory(voxels, size), "it")
        for voxels, size in ((fine, FINE_UM), (coarse, COARSE_UM))
    ]
    return sections(*pair, Registration("auto", TRUE, 1.0, 0.5, 0.9))


def test_they_lie_in_the_middle_of_what_both_scans_show(shown):
    assert {name: each.coarse.shape for name, each in shown.items()} == {
        "xy": (19, 21),
        "xz": (14, 21),
    }
    assert shown["xy"].voxel_size_um == (6.0, 6.0)
    assert shown["xz"].voxel_size_um == (8.0, 6.0)


@pytest.mark.parametrize("name", ["xy", "xz"])
def test_registered_the_fine_scan_predicts_the_coarse_one(shown, name):
    section = shown[name]
    errors = {}
    for state in ("before", "after"):
        predicted = getattr(section, state)
        inside = ~np.isnan(predicted)
        assert inside.mean() > 0.5
        errors[state] = np.abs(predicted - section.coarse)[inside].mean()
    assert errors["after"] < 0.2 * errors["before"]


def test_a_file_gives_them_back(shown, tmp_path):
    write_sections(tmp_path / "a.h5", shown)
    write_sections(tmp_path / "b.h5", shown)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    for name, section in read_sections(tmp_path / "a.h5").items():
        assert section.voxel_size_um == shown[name].voxel_size_um
        for state in ("coarse", "before", "after"):
            np.testing.assert_array_equal(getattr(section, state), getattr(shown[name], state))


def test_a_file_of_something_else_is_refused(shown, tmp_path):
    path = tmp_path / "sections.h5"
    with pytest.raises(InputError, match=r"sections\.h5 does not exist"):
        read_sections(path)
    path.write_bytes(b"no HDF5")
    with pytest.raises(InputError, match=r"sections\.h5 holds no sections"):
        read_sections(path)
    write_sections(path, {"xy": shown["xy"]})
    with pytest.raises(InputError, match=r"sections\.h5 holds no sections"):
        read_sections(path)
    write_sections(path, shown)
    with h5py.File(path, "a") as file:
        del file["xz/after"]
        file["xz/after"] = np.zeros((3, 3))
    with pytest.raises(InputError, match="the images of /xz differ in shape"):
        read_sections(path)
