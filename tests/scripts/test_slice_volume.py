import hashlib
import json
import tracemalloc

import numpy as np
import pytest
import tifffile

import slice_volume
from sandstone.dataset.slices import open_slices
from sandstone.errors import InputError

KEYS = [
    "sample",
    "source",
    "voxel_size_um",
    "shape",
    "dtype",
    "origin",
    "window",
    "to_raw",
    "grey_max",
    "field_of_view",
]


def outputs(folder):
    return {
        "--slices": folder / "rock.tif",
        "--mask": folder / "rock.mask.tif",
        "--metadata": folder / "rock.json",
    }


def run(folder, volume, *flags):
    paths = outputs(folder)
    named = [str(part) for pair in paths.items() for part in pair]
    slice_volume.main(["--sample", "rock", "--volume", str(volume), *named, *map(str, flags)])
    return open_slices(*paths.values())


def noise(shape=(6, 32, 40), dtype=np.uint8, seed=0):
    kind = np.iinfo(dtype)
    rng = np.random.default_rng(seed)
    return rng.integers(kind.min, kind.max, shape, dtype=dtype, endpoint=True)


def plug(shape=(8, 96, 110), seed=0):
    """Rock of grey level 100 and more in dark air; the plug drifts in x."""
    rng = np.random.default_rng(seed)
    z, y, x = np.ogrid[: shape[0], : shape[1], : shape[2]]
    inside = np.hypot(y - 50, x - 60 - z) <= 30
    return np.where(inside, rng.integers(100, 200, shape), rng.integers(5, 15, shape)).astype("u1")


@pytest.fixture
def save(tmp_path):
    """Save a volume as NumPy's format, which needs a voxel size beside it."""

    def write(data):
        np.save(tmp_path / "volume.npy", data)
        return [tmp_path, tmp_path / "volume.npy", "--voxel-size-um", 2]

    return write


def assert_nothing_was_written(folder):
    assert [path for path in outputs(folder).values() if path.exists()] == []
    assert list(folder.glob(".partial*")) == []


def test_raw_and_tif_of_one_scan_become_identical_slices(shared_data, tmp_path):
    (tmp_path / "raw").mkdir()
    (tmp_path / "tif").mkdir()
    layout = json.loads((shared_data / "bentheimer_pair_lr6um.raw.json").read_text())
    raw = ["--raw-shape", *layout["shape_zyx"], "--raw-dtype", layout["dtype"]]
    raw += ["--voxel-size-um", 6]
    run(tmp_path / "raw", shared_data / "bentheimer_pair_lr6um.raw", *raw).close()
    run(tmp_path / "tif", shared_data / "bentheimer_pair_lr6um.tif", "--voxel-size-um", 6).close()
    for name in ("rock.tif", "rock.mask.tif"):
        first, second = (tmp_path / kind / name for kind in ("raw", "tif"))
        assert first.read_bytes() == second.read_bytes()
    described = [json.loads((tmp_path / kind / "rock.json").read_text()) for kind in ("raw", "tif")]
    sources = [metadata.pop("source") for metadata in described]
    assert described[0] == described[1]
    assert sources[0]["files"] != sources[1]["files"]
    assert described[0]["shape"] == [30, 45, 210]


def test_same_volume_same_bytes(save, tmp_path):
    flags = save(plug())
    written = []
    for _ in range(2):
        run(*flags).close()
        written.append([path.read_bytes() for path in outputs(tmp_path).values()])
    assert written[0] == written[1]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.int32])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_metadata_maps_grey_back_to_raw(save, kind, dtype):
    data = noise(dtype=kind)
    with run(*save(data), "--field-of-view", "full", "--dtype", dtype) as rock:
        window = rock.metadata["window"]
        low, high, top = window["low"], window["high"], rock.metadata["grey_max"]
        assert rock.dtype == dtype
        assert top == np.iinfo(dtype).max
        assert rock.metadata["to_raw"] == "raw = low + grey / grey_max * (high - low)"
        for z in range(len(data)):
            raw = low + rock.read(z).astype(float) / top * (high - low)
            expected = np.clip(data[z].astype(float), low, high)
            assert np.abs(raw - expected).max() <= 0.5001 * (high - low) / top


def test_floats_are_sliced_as_integers_are(save):
    data = noise(shape=(4, 24, 24)).astype(np.float32) / 255 * 0.02 - 0.003
    with run(*save(data), "--field-of-view", "full", "--window", 0, 100) as rock:
        window = rock.metadata["window"]
        assert window["low"] == pytest.approx(-0.003, abs=1e-6)
        assert window["high"] == pytest.approx(0.017, abs=1e-6)
        assert (rock.read(0).min(), rock.read(0).max()) == (0, 255)


def test_origin_and_crop_fit_the_raw_volume(save):
    data = plug()
    with run(*save(data), "--window", 0, 100) as rock:
        metadata = rock.metadata
        (z0, y0, x0), (depth, height, width) = metadata["origin"], metadata["shape"]
        assert metadata["field_of_view"]["box"] == [
            [z0, z0 + depth],
            [y0, y0 + height],
            [x0, x0 + width],
        ]
        assert (y0 > 18, y0 + height < 82, x0 > 28, x0 + width < 99) == (True,) * 4
        low, high = metadata["window"]["low"], metadata["window"]["high"]
        masks = np.stack([rock.read_mask(z) for z in range(depth)])
        for z in range(depth):
            cut = data[z0 + z, y0 : y0 + height, x0 : x0 + width].astype(float)
            np.testing.assert_array_equal(
                rock.read(z), np.rint(np.clip((cut - low) / (high - low), 0, 1) * 255)
            )
            assert cut[masks[z]].min() >= 100
    # The box is the tightest one: every face touches rock.
    for axis in range(3):
        faces = np.moveaxis(masks, axis, 0)
        assert faces[0].any()
        assert faces[-1].any()
    assert metadata["field_of_view"]["rock_share"] == pytest.approx(masks.sum() / data.size)


def test_slices_without_rock_at_the_ends_are_cut(save):
    data = plug(shape=(9, 96, 110))
    air = np.random.default_rng(3).integers(5, 15, data[0].shape).astype("u1")
    data[[0, 1, 8]] = air
    with run(*save(data)) as rock:
        assert rock.metadata["origin"][0] == 2
        assert rock.shape[0] == 6


def test_window_is_that_of_the_rock_alone(save):
    with run(*save(plug()), "--window", 0, 100) as rock:
        assert rock.metadata["window"] == {"low": 100, "high": 199, "percentiles": [0, 100]}


def test_description_is_complete(save, tmp_path):
    flags = save(noise())
    with run(*flags, "--field-of-view", "full") as rock:
        assert list(rock.metadata) == KEYS
        assert rock.metadata["voxel_size_um"] == [2, 2, 2]
        assert rock.metadata["source"] == {
            "files": [
                {
                    "name": "volume.npy",
                    "sha256": hashlib.sha256((tmp_path / "volume.npy").read_bytes()).hexdigest(),
                }
            ],
            "shape": [6, 32, 40],
            "dtype": "uint8",
        }
        assert rock.metadata["field_of_view"]["mode"] == "full"
        assert rock.metadata["field_of_view"]["rock_share"] == 1


def test_slices_and_mask_carry_the_voxel_size(tmp_path):
    np.save(tmp_path / "volume.npy", noise())
    size = ["--voxel-size-um", 5, 2.5, 2]
    run(tmp_path, tmp_path / "volume.npy", *size, "--field-of-view", "full").close()
    for name in ("rock.tif", "rock.mask.tif"):
        with tifffile.TiffFile(tmp_path / name) as tiff:
            assert tiff.imagej_metadata["spacing"] == 5
            y, x = (tiff.pages[0].tags[f"{axis}Resolution"].value for axis in "YX")
            assert (y[1] / y[0], x[1] / x[0]) == pytest.approx((2.5, 2), rel=1e-6)


def test_box_is_cut_and_told(save):
    data = noise()
    box = "1:5,4:30,8:40"
    with run(*save(data), "--field-of-view", box, "--window", 0, 100) as rock:
        assert rock.metadata["origin"] == [1, 4, 8]
        assert rock.metadata["field_of_view"] == {
            "mode": "box",
            "box": [[1, 5], [4, 30], [8, 40]],
            "rock_share": 1.0,
        }
        assert rock.shape == (4, 26, 32)
        np.testing.assert_array_equal(rock.read(2), data[3, 4:30, 8:40])
        assert rock.read_mask(2).all()


def test_box_lets_invalid_voxels_outside_it_be(save):
    data = noise().astype(np.float32)
    data[0] = np.nan
    data[3, :4] = np.inf
    with run(*save(data), "--field-of-view", "1:6,4:32,0:40") as rock:
        assert rock.shape == (5, 28, 40)


@pytest.mark.parametrize("request_", ["auto", "full"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_slice_with_invalid_voxels_is_named(save, tmp_path, request_, value):
    data = noise().astype(np.float32)
    data[3, 7, 9] = value
    with pytest.raises(InputError, match=r"volume\.npy: slice 3 holds NaN or infinite"):
        run(*save(data), "--field-of-view", request_)
    assert_nothing_was_written(tmp_path)


@pytest.mark.parametrize(("order", "told"), [([0, 1, 2, 3], False), ([0, 1, 1, 2, 3, 3], True)])
def test_a_slice_that_is_there_twice_is_told(save, capsys, order, told):
    run(*save(noise(shape=(4, 32, 40))[order]), "--field-of-view", "full").close()
    sentence = "slice 2 equals the one before it (such slices: 2); is it there twice?"
    assert (sentence in capsys.readouterr().out) == told


@pytest.mark.parametrize("request_", ["auto", "full"])
def test_constant_volume_is_refused(save, tmp_path, request_):
    with pytest.raises(InputError, match=r"volume\.npy: the rock is constant: grey level 90"):
        run(*save(np.full((4, 32, 32), 90, np.uint8)), "--field-of-view", request_)
    assert_nothing_was_written(tmp_path)


def test_volume_without_rock_is_refused(save, tmp_path):
    data = np.random.default_rng(0).integers(0, 12, (4, 96, 96)).astype("u1")
    data[:, 40:44, 40:44] = 200
    with pytest.raises(InputError, match=r"volume\.npy: no rock found; give slices\.field_of_view"):
        run(*save(data))
    assert_nothing_was_written(tmp_path)


@pytest.mark.parametrize("shape", [(20, 7, 40), (20, 40, 7)])
def test_slices_smaller_than_any_tile_are_refused(save, tmp_path, shape):
    with pytest.raises(InputError, match=r"volume\.npy: slices of .* smaller than any tile"):
        run(*save(noise(shape)))
    assert_nothing_was_written(tmp_path)


def test_headerless_file_that_is_too_short_is_refused(tmp_path):
    noise().tofile(tmp_path / "volume.raw")
    layout = ["--raw-shape", 7, 32, 40, "--raw-dtype", "uint8", "--voxel-size-um", 2]
    with pytest.raises(InputError, match=r"volume\.raw"):
        run(tmp_path, tmp_path / "volume.raw", *layout)
    assert_nothing_was_written(tmp_path)


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--window", 99, 1], "--window 99 1 is no range"),
        (["--window", 5, 5], "--window 5 5 is no range"),
        (["--window", -1, 99], "--window -1 99 is no range"),
        (["--window", 1, 101], "--window 1 101 is no range"),
        (["--window", "nan", 99], "--window nan 99 is no range"),
        (["--voxel-size-um", 2, 2], "--voxel-size-um takes one number"),
        (["--raw-shape", 6, 32, 40], "go together"),
        (["--raw-dtype", "uint8"], "go together"),
        (["--field-of-view", "middle"], "'middle' is none of auto"),
        (["--field-of-view", "0:6,0:32,0:41"], "x runs from 0 to 41"),
    ],
)
def test_flags_that_make_no_sense_are_refused(save, tmp_path, flags, complaint):
    with pytest.raises(InputError, match=complaint):
        run(*save(noise()), *flags)
    assert_nothing_was_written(tmp_path)


def test_script_answers_a_mistake_with_one_line(run_script, tmp_path):
    named = [part for pair in outputs(tmp_path).items() for part in pair]
    done = run_script("slice_volume", "--sample", "rock", "--volume", "absent.tif", *named)
    assert done.returncode == 2
    assert done.stderr.startswith("slice_volume: error: absent.tif: no such file")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("request_", ["auto", "full"])
def test_memory_does_not_grow_with_depth(tmp_path, request_):
    def peak(depth):
        path = tmp_path / "volume.npy"
        data = np.lib.format.open_memmap(path, "w+", np.uint8, (depth, 128, 128))
        for z in range(depth):
            data[z] = noise((128, 128), seed=z)
        del data
        tracemalloc.start()
        run(tmp_path, path, "--voxel-size-um", 2, "--field-of-view", request_).close()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(16)  # imports and caches
    shallow, deep = peak(16), peak(320)
    assert deep - shallow < 20 * 128 * 128  # bytes: the deep volume holds 304 slices more


@pytest.mark.parametrize("request_", ["auto", "full"])
@pytest.mark.parametrize("outside", [1e30, -1000, np.nan, np.inf])
def test_what_fills_the_outside_moves_neither_rock_nor_window(save, request_, outside):
    rng = np.random.default_rng(4)
    y, x = np.ogrid[:96, :96]
    distance = np.hypot(y - 47.5, x - 47.5)
    rock = rng.integers(100, 200, (4, 96, 96))
    levels = np.where(distance <= 30, rock, rng.integers(5, 15, rock.shape)).astype(np.float32)
    levels[:, distance > 48] = outside
    with run(*save(levels), "--field-of-view", request_) as found:
        window = found.metadata["window"]
        expected = (100, 199) if request_ == "auto" else (5, 199)
        assert (window["low"], window["high"]) == pytest.approx(expected, abs=1)
        if request_ == "auto":
            assert found.metadata["field_of_view"]["rock_share"] == pytest.approx(0.28, abs=0.03)


def test_a_gap_in_the_rock_is_refused_beside_a_blank_outside(save):
    levels = noise().astype(np.float32)
    y, x = np.ogrid[:32, :40]
    levels[:, np.hypot(y - 15.5, x - 19.5) > 20] = np.nan
    levels[2, 15, 20] = np.nan
    with pytest.raises(InputError, match="slice 2 holds NaN"):
        run(*save(levels), "--field-of-view", "full")


def test_a_mask_of_1e30_leaves_window_and_rock_alone(shared_cases, tmp_path):
    path = shared_cases / "volumes" / "12_anu_tomo_float_mask" / "tomo_float.nc"
    for request_ in ("auto", "full"):
        with run(tmp_path, path, "--field-of-view", request_) as rock:
            assert -1e4 < rock.metadata["window"]["low"] < rock.metadata["window"]["high"] < 1e6
            assert 0 < rock.metadata["field_of_view"]["rock_share"] <= 1
