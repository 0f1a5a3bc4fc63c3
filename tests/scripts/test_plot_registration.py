"""The figure of a registration, of small sections."""

import json

import matplotlib.image
import numpy as np
import pytest

import plot_registration
from sandstone.errors import InputError
from sandstone.registration.sections import Section, write_sections
from sandstone.registration.transform import Transform

DESCRIPTION = {
    "sample": "rock",
    "coarse": {"shape": [9, 12, 20], "voxel_size_um": [8, 6, 6]},
    "transform": Transform((2.0, 1.0, -1.0), (0.1, 0.0, 0.0), 0.9955).as_dict(),
    "method": "auto",
    "correlation": {"before": 0.9, "after": 0.98},
}


def write(folder, **changes):
    rng = np.random.default_rng(0)
    sections = {}
    for name, rows in (("xy", 12), ("xz", 9)):
        coarse = rng.uniform(80, 160, (rows, 20)).astype(np.float32)
        before, after = np.roll(coarse, 1, axis=1), coarse + 1
        before[0] = np.nan
        sections[name] = Section(coarse, before, after, (8.0, 6.0))
    write_sections(folder / "rock.h5", sections)
    (folder / "rock.json").write_text(json.dumps({**DESCRIPTION, **changes}))


def run(folder, name="figure"):
    files = {"--sections": "rock.h5", "--registration": "rock.json"}
    files |= {"--png": f"{name}.png", "--pdf": f"{name}.pdf"}
    plot_registration.main([str(w) for flag, file in files.items() for w in (flag, folder / file)])
    return folder / f"{name}.png"


def test_the_figure_is_drawn_and_the_same_on_every_run(tmp_path):
    write(tmp_path)
    first, second = run(tmp_path, "first"), run(tmp_path, "second")
    assert first.read_bytes() == second.read_bytes()
    assert first.with_suffix(".pdf").read_bytes() == second.with_suffix(".pdf").read_bytes()
    image = matplotlib.image.imread(first)
    assert image.shape[1] == 2000
    assert image.std() > 0.05


def test_a_figure_is_drawn_where_the_scans_did_not_overlap(tmp_path):
    write(tmp_path, correlation={"before": None, "after": 0.98})
    assert run(tmp_path).exists()


def test_a_deep_section_lies_on_its_side():
    deep = Section(*np.random.default_rng(0).uniform(0, 9, (3, 30, 8)), voxel_size_um=(5.0, 6.0))
    name, lying = plot_registration.lying("xz", deep)
    assert name == "zx"
    assert lying.voxel_size_um == (6.0, 5.0)
    np.testing.assert_array_equal(lying.after, deep.after.T)
    assert plot_registration.lying(name, lying) == (name, lying)


def test_fields_of_a_checkerboard_take_turns():
    first, second = np.zeros((8, 12)), np.ones((8, 12))
    second[7, 0] = np.nan
    board = plot_registration.checkerboard(first, second)
    assert board[:2, :2].max() == 0
    assert board[:2, 2:4].min() == 1
    assert board[2:4, :2].min() == 1
    assert board[7, 0] == 0  # the fine scan does not reach there
    assert board[6, 0] == 1


def test_both_scans_share_one_grey_scale():
    like = np.linspace(100, 200, 1000)
    grey = plot_registration.as_grey(np.array([50.0, 150.0, 250.0]), like)
    np.testing.assert_array_equal(grey, [0, 128, 255])


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"correlation": {"before": 0.9}}, "lacks the correlations before and after"),
        ({"transform": {}}, "holds no transform"),
    ],
)
def test_a_damaged_description_is_refused(tmp_path, changes, complaint):
    write(tmp_path, **changes)
    with pytest.raises(InputError, match=rf"rock\.json:? {complaint}"):
        run(tmp_path)
