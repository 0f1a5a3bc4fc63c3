import h5py
import numpy as np
import pytest
from helpers import tile_pairs

from sandstone.dataset import pairs
from sandstone.errors import InputError

ABOUT = tile_pairs.about(
    hr_voxel_size_um=(2.0, 2.5, 2.5),
    degradation={"kernel": "psf", "psf_sigma": 1.5, "noise": 0.01},
    guard_um=30.0,
    guard_slices=15,
)
PREDICTED = pairs.PredictionsAttributes(
    method="bicubic",
    sample="rock",
    scale=4,
    hr_voxel_size_um=(2.0, 2.5, 2.5),
    grey_max=255,
)
SLICES = {"train": (10, 30), "val": (46, 50), "test": (66, 80)}
DTYPES = {255: np.uint8, 65535: np.uint16}


def tiles(rng, n, size, grey_max=255):
    return rng.integers(0, grey_max, (n, size, size), dtype=DTYPES[grey_max], endpoint=True)


def write_pairs(path, about=ABOUT, slices=3):
    """Write a few tiles a slice and return what each split should hold."""
    rng = np.random.default_rng(5)
    expected = {name: {"hr": [], "lr": [], "corners": []} for name in pairs.SPLITS}
    with pairs.write_pairs(path, about, slices=SLICES, hr_size=16) as writer:
        for name in pairs.SPLITS:
            for n in range(1, slices + 1):
                hr, lr = tiles(rng, n, 16, about.grey_max), tiles(rng, n, 4, about.grey_max)
                corners = rng.integers(0, 900, (3, n))
                writer.append(name, hr, lr, tuple(corners))
                for key, value in {"hr": hr, "lr": lr, "corners": corners.T}.items():
                    expected[name][key].append(value)
    return {
        name: {key: np.concatenate(values) for key, values in parts.items()}
        for name, parts in expected.items()
    }


def write_predictions(path, corners, about=PREDICTED, size=16):
    z, y, x = corners
    with pairs.write_predictions(path, about, hr_size=size) as writer:
        for start in range(0, len(z), 2):
            part = slice(start, start + 2)
            sr = tiles(np.random.default_rng(start), len(z[part]), size, about.grey_max)
            writer.append(sr, (z[part], y[part], x[part]))


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "rock.h5"
    write_pairs(path)
    return path


@pytest.mark.parametrize("grey_max", [255, 65535])
def test_what_is_written_is_read(tmp_path, grey_max):
    about = pairs.PairsAttributes(**{**vars(ABOUT), "grey_max": grey_max})
    expected = write_pairs(tmp_path / "rock.h5", about)
    with pairs.open_pairs(tmp_path / "rock.h5") as reader:
        assert reader.attrs == about
        assert (reader.hr_size, reader.lr_size) == (16, 4)
        assert reader.dtype == DTYPES[grey_max]
        for name in pairs.SPLITS:
            split = reader.split(name)
            assert len(split) == 6
            assert split.slices == SLICES[name]
            np.testing.assert_array_equal(split.hr[:], expected[name]["hr"])
            np.testing.assert_array_equal(split.lr[:], expected[name]["lr"])
            corners = np.column_stack([split.z, split.y, split.x])
            np.testing.assert_array_equal(corners, expected[name]["corners"])
            assert corners.dtype == np.int32


def test_the_layout_is_the_documented_one(written):
    with h5py.File(written) as file:
        assert set(file) == {"train", "val", "test"}
        assert set(file["test"]) == {"hr", "lr", "z", "y", "x"}
        assert file["test"].attrs["slices"].tolist() == [66, 80]
        assert file["train/hr"].chunks == (1, 16, 16)
        assert file.attrs["degradation"] == '{"kernel": "psf", "psf_sigma": 1.5, "noise": 0.01}'
        assert file.attrs["hr_voxel_size_um"].tolist() == [2.0, 2.5, 2.5]


def test_tiles_stay_on_disk_until_they_are_indexed(written):
    with pairs.open_pairs(written) as reader:
        hr = reader.split("train").hr
        assert isinstance(hr, h5py.Dataset)
        assert hr[2].shape == (16, 16)
    assert not hr  # a closed file's datasets are gone


def test_attributes_are_plain_python(written):
    with pairs.open_pairs(written) as reader:
        attrs = vars(reader.attrs)
    kinds = {name: type(value) for name, value in vars(ABOUT).items()}
    assert {name: type(value) for name, value in attrs.items()} == kinds
    assert [type(size) for size in attrs["hr_voxel_size_um"]] == [float] * 3


def test_two_writes_give_the_same_bytes(tmp_path):
    first, second = tmp_path / "first.h5", tmp_path / "second.h5"
    for path in (first, second):
        write_pairs(path, slices=12)
    assert first.read_bytes() == second.read_bytes()
    corners = np.arange(15).reshape(3, 5)
    for path in (first, second):
        write_predictions(path, corners)
    assert first.read_bytes() == second.read_bytes()


def test_predictions_round_trip(tmp_path):
    corners = np.arange(15, dtype=np.int32).reshape(3, 5)
    write_predictions(tmp_path / "sr.h5", corners)
    with pairs.open_predictions(tmp_path / "sr.h5") as reader:
        assert reader.attrs == PREDICTED
        assert len(reader) == 5
        assert reader.sr.shape == (5, 16, 16)
        assert reader.sr.dtype == np.uint8
        np.testing.assert_array_equal([reader.z, reader.y, reader.x], corners)


def interrupted_writing(path):
    with pairs.write_pairs(path, ABOUT, slices=SLICES, hr_size=16) as writer:
        rng = np.random.default_rng(0)
        writer.append("train", tiles(rng, 1, 16), tiles(rng, 1, 4), np.zeros((3, 1), int))
        raise KeyboardInterrupt


def test_a_failed_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        interrupted_writing(tmp_path / "rock.h5")
    assert list(tmp_path.iterdir()) == []


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)


def cut_in_half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_attribute(path):
    edit(path, lambda file: file.attrs.__delitem__("scale"))


def without_group(path):
    edit(path, lambda file: file.__delitem__("val"))


def without_dataset(path):
    edit(path, lambda file: file.__delitem__("test/lr"))


def short_of_tiles(path):
    edit(path, lambda file: file["test/lr"].resize(2, axis=0))


def of_another_data_range(path):
    edit(path, lambda file: file.attrs.modify("grey_max", 65535))


def of_no_data_range(path):
    edit(path, lambda file: file.attrs.modify("grey_max", 1))


def of_another_kind(path):
    path.write_text("hr,lr\n", encoding="utf-8")


@pytest.mark.parametrize(
    "damage",
    [
        cut_in_half,
        without_attribute,
        without_group,
        without_dataset,
        short_of_tiles,
        of_another_data_range,
        of_no_data_range,
        of_another_kind,
    ],
)
def test_a_damaged_pairs_file_is_the_users_error(written, damage):
    damage(written)
    with pytest.raises(InputError, match=r"rock\.h5 is not .* make_pairs\.py") as error:
        pairs.open_pairs(written)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("opener", [pairs.open_pairs, pairs.open_predictions])
def test_a_missing_file_is_the_users_error(tmp_path, opener):
    with pytest.raises(InputError, match=r"rock\.h5 does not exist"):
        opener(tmp_path / "rock.h5")


def test_pairs_are_no_predictions(written):
    with pytest.raises(InputError, match="attribute method is missing"):
        pairs.open_predictions(written)


def predictions_of(written, path, *, change=(), order=slice(None), size=16):
    with pairs.open_pairs(written) as reader:
        test = reader.split("test")
        corners = [values[order] for values in (test.z, test.y, test.x)]
    about = pairs.PredictionsAttributes(**{**vars(PREDICTED), **dict(change)})
    write_predictions(path, corners, about, size)


def test_aligned_predictions_pass(written, tmp_path):
    predictions_of(written, tmp_path / "sr.h5")
    with pairs.open_pairs(written) as hr, pairs.open_predictions(tmp_path / "sr.h5") as sr:
        pairs.check_aligned(hr, sr)


@pytest.mark.parametrize(
    "difference",
    [
        {"order": slice(None, None, -1)},
        {"order": slice(1, None)},
        {"size": 32},
        {"change": {"sample": "other"}},
        {"change": {"scale": 2}},
        {"change": {"grey_max": 65535}},
        {"change": {"hr_voxel_size_um": (1.0, 1.0, 1.0)}},
    ],
)
def test_predictions_of_other_tiles_are_refused(written, tmp_path, difference):
    predictions_of(written, tmp_path / "sr.h5", **difference)
    with (
        pairs.open_pairs(written) as hr,
        pairs.open_predictions(tmp_path / "sr.h5") as sr,
        pytest.raises(InputError, match=r"sr\.h5 does not hold the test tiles of .*rock\.h5"),
    ):
        pairs.check_aligned(hr, sr)
