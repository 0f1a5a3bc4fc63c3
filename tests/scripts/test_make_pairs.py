import json
import tracemalloc
from itertools import combinations

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter1d

import make_pairs
from sandstone import files
from sandstone.dataset import slices
from sandstone.dataset.pairs import SPLITS, open_pairs
from sandstone.errors import InputError
from sandstone.imaging import grey, resample
from sandstone.tiff_stack import write_stack


def rock(depth, height, width, dtype=np.uint8, seed=0):
    """Slices of noise; every voxel's grey level tells it from its neighbours."""
    top = np.iinfo(dtype).max
    return np.random.default_rng(seed).integers(0, top, (depth, height, width), dtype=dtype)


@pytest.fixture
def sample(tmp_path):
    """Write slices, mask and JSON of a sample and return the flags that name them."""

    def write(volume, mask=None, voxel_size_um=(2.0, 2.0, 2.0), origin=(0, 0, 0)):
        mask = np.ones(volume.shape, bool) if mask is None else mask
        pages = (mask.astype(np.uint8) * slices.ROCK, tmp_path / "rock.mask.tif", np.uint8)
        for data, path, dtype in ((volume, tmp_path / "rock.tif", volume.dtype), pages):
            write_stack(path, data, shape=volume.shape, dtype=dtype, voxel_size_um=voxel_size_um)
        metadata = {
            "sample": "rock",
            "source": {},
            "voxel_size_um": voxel_size_um,
            "shape": volume.shape,
            "dtype": volume.dtype.name,
            "origin": origin,
            "window": {},
            "grey_max": grey.grey_max(volume.dtype),
            "field_of_view": {},
        }
        files.write_json(tmp_path / "rock.json", metadata)
        return [
            *("--slices", tmp_path / "rock.tif"),
            *("--mask", tmp_path / "rock.mask.tif"),
            *("--metadata", tmp_path / "rock.json"),
            *("--output", tmp_path / "pairs.h5"),
        ]

    return write


def make(arguments, **flags):
    """Run the script in this process and return the path of the pairs."""
    defaults = {"hr_size": 16, "stride": 16, "depth_step": 1, "guard_um": 4}
    named = [
        text
        for name, value in {**defaults, **flags}.items()
        for text in (
            f"--{name.replace('_', '-')}",
            *(value if isinstance(value, list) else [value]),
        )
    ]
    make_pairs.main([str(text) for text in (*arguments, *named)])
    return arguments[-1]


def least_gap_um(reader):
    """Return the least distance in depth of tiles of different splits, micrometres."""
    gaps = (
        np.abs(np.subtract.outer(reader.split(one).z, reader.split(other).z)).min()
        for one, other in combinations(SPLITS, 2)
    )
    return min(gaps) * reader.attrs.hr_voxel_size_um[0]


def test_hr_tiles_are_cut_from_where_they_say(sample):
    volume, origin = rock(20, 40, 52), (100, 30, 70)
    with open_pairs(make(sample(volume, origin=origin))) as reader:
        for name in SPLITS:
            split = reader.split(name)
            assert len(split) > 0
            corners = np.column_stack([split.z, split.y, split.x]) - origin
            for tile, (z, y, x) in zip(split.hr[:], corners, strict=True):
                np.testing.assert_array_equal(tile, volume[z, y : y + 16, x : x + 16])


@pytest.mark.parametrize("scale", [2, 3, 4, 8])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lr_tiles_are_cut_from_the_degraded_slice(sample, scale, dtype):
    volume = rock(9, 61, 83, dtype)
    path = make(sample(volume), scale=scale, hr_size=24, stride=24, guard_um=2)
    plane = volume[:, : 61 // scale * scale, : 83 // scale * scale]
    shape = (61 // scale, 83 // scale)
    with open_pairs(path) as reader:
        assert reader.attrs.lr_voxel_size_um == (2.0, 2.0 * scale, 2.0 * scale)
        train = reader.split("train")
        for tile, z, y, x in zip(train.lr[:], train.z, train.y, train.x, strict=True):
            whole = resample.resize(grey.to_unit(plane[z]), shape, "bicubic")
            cut = whole[y // scale :, x // scale :][: 24 // scale, : 24 // scale]
            np.testing.assert_array_equal(tile, grey.from_unit(cut, dtype))


def test_tiles_lie_in_the_rock(sample):
    mask = np.zeros((20, 64, 64), bool)
    mask[:, 9:48, 11:60] = True
    mask[::2, 30, 30] = False
    with open_pairs(make(sample(rock(20, 64, 64), mask))) as reader:
        for name in SPLITS:
            split = reader.split(name)
            for z, y, x in zip(split.z, split.y, split.x, strict=True):
                assert mask[z, y : y + 16, x : x + 16].all()


def test_only_training_tiles_overlap(sample):
    with open_pairs(make(sample(rock(12, 64, 64)), stride=8)) as reader:
        per_slice = {n: len(reader.split(n)) // len(set(reader.split(n).z)) for n in SPLITS}
    assert per_slice == {"train": 49, "val": 16, "test": 16}


@pytest.mark.parametrize(
    "case",
    [  # slices, their distance, guard, depth step, shares
        (40, 2.0, 10, 1, (0.6, 0.1, 0.3)),
        (41, 0.7, 9.9, 1, (0.5, 0.25, 0.25)),
        (25, 4.1, 30, 3, (0.2, 0.2, 0.6)),
        (12, 2.0, 0, 1, (0.4, 0.3, 0.3)),
        (9, 112, 30, 4, (0.6, 0.1, 0.3)),
    ],
)
def test_no_held_out_tile_is_nearer_than_the_guard(sample, case):
    depth, voxel_z_um, guard_um, depth_step, shares = case
    arguments = sample(rock(depth, 16, 32), voxel_size_um=(voxel_z_um, 2, 2), origin=(7, 0, 0))
    flags = dict(zip(SPLITS, shares, strict=True))
    path = make(arguments, guard_um=guard_um, depth_step=depth_step, **flags)
    with open_pairs(path) as reader:
        assert least_gap_um(reader) >= guard_um
        assert least_gap_um(reader) > 0
        assert reader.attrs.guard_um == guard_um
        for name in SPLITS:
            split = reader.split(name)
            assert split.z[0] == split.slices[0]
            assert split.z[-1] <= split.slices[1]
            steps = set(np.diff(np.unique(split.z)).tolist())
            assert steps <= {depth_step}


def test_ranges_take_every_slice_of_the_raw_volume_that_they_name(sample):
    arguments = sample(rock(8, 32, 32), voxel_size_um=(112, 2, 2), origin=(3, 0, 0))
    path = make(arguments, train="3:8", val="9:9", test="10:10", guard_um=30, depth_step=4)
    with open_pairs(path) as reader:
        assert sorted(set(reader.split("train").z.tolist())) == [3, 4, 5, 6, 7, 8]
        assert set(reader.split("val").z.tolist()) == {9}
        assert reader.split("test").slices == (10, 10)
        assert least_gap_um(reader) == 112


def test_two_runs_give_the_same_bytes(sample):
    arguments = sample(rock(12, 40, 40))
    once, again = (
        make(arguments, degradation_kernel="psf").read_bytes(),
        make(arguments, degradation_kernel="psf").read_bytes(),
    )
    assert once == again


def test_the_noise_of_a_slice_depends_on_seed_and_depth_alone(sample):
    volume = np.full((24, 16, 16), 128, np.uint8)
    noisy = {"degradation_kernel": "psf", "degradation_noise": 0.1}

    def lr_of_first_slices(**flags):
        with open_pairs(make(sample(volume), **noisy, **flags)) as reader:
            train = reader.split("train")
            return dict(zip(train.z.tolist(), train.lr[:], strict=True))

    every, third = lr_of_first_slices(depth_step=1), lr_of_first_slices(depth_step=3)
    assert set(third) < set(every)
    assert all(np.array_equal(third[z], every[z]) for z in third)
    assert not np.array_equal(every[0], every[1])
    assert not np.array_equal(every[0], lr_of_first_slices(seed=2)[0])


@pytest.mark.parametrize("kernel", ["bicubic", "psf", "aliased_bilinear"])
def test_the_degradation_is_recorded(sample, kernel):
    with open_pairs(make(sample(rock(12, 16, 16)), degradation_kernel=kernel)) as reader:
        assert reader.attrs.degradation["kernel"] == kernel
        assert ("psf_sigma" in reader.attrs.degradation) == (kernel == "psf")


# --- the blur between slices ---

DEPTH_BLUR = {"degradation_kernel": "psf", "degradation_noise": 0}


def test_lr_shows_the_slices_that_the_blur_reaches(sample):
    volume = np.zeros((40, 16, 16), np.uint8)
    volume[9] = 200
    path = make(sample(volume), **DEPTH_BLUR, guard_um=10, degradation_psf_sigma=[1.2, 0, 0])
    with open_pairs(path) as reader:
        train = reader.split("train")
        levels = dict(zip(train.z.tolist(), train.lr[:, 2, 2].tolist(), strict=True))
        assert reader.attrs.degradation["psf_sigma"] == [1.2, 0, 0]
    shares = gaussian_filter1d((np.arange(40) == 9).astype(float), 1.2, mode="nearest")
    for z, level in levels.items():
        assert level == pytest.approx(200 * shares[z], abs=0.51)
    assert levels[6] > 0
    assert levels[3] == 0


def test_one_sigma_and_three_without_depth_give_the_same_tiles(sample):
    arguments = sample(rock(12, 40, 40))
    lr = []
    for sigma in (1.5, [0, 1.5, 1.5]):
        flags = {"degradation_kernel": "psf", "degradation_psf_sigma": sigma}
        with open_pairs(make(arguments, **flags)) as reader:
            lr.append(reader.split("train").lr[:])
    np.testing.assert_array_equal(*lr)


def test_a_blur_that_reaches_into_another_split_is_told(sample, tmp_path):
    arguments = sample(rock(40, 16, 16))
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=r"reaches 7 slices, .* raise guard_um to 14, or lower"):
        make(arguments, **DEPTH_BLUR, guard_um=12, degradation_psf_sigma=[1.7, 0, 0])
    assert set(tmp_path.iterdir()) == before
    make(arguments, **DEPTH_BLUR, guard_um=14, degradation_psf_sigma=[1.7, 0, 0])


def test_a_blur_along_two_axes_is_told(sample):
    with pytest.raises(InputError, match="psf-sigma takes one number, or three for z, y and x"):
        make(sample(rock(12, 16, 16)), **DEPTH_BLUR, degradation_psf_sigma=[1, 2])


def test_extreme_slices_do_not_wrap(sample):
    """Bicubic overshoots at sharp edges; grey levels must stop at black and white."""
    volume = np.zeros((12, 64, 64), np.uint8)
    volume[:, 16:48, 16:48] = 255
    with open_pairs(make(sample(volume), hr_size=64, stride=64)) as reader:
        lr = reader.split("train").lr[0]
    assert lr[6:10, 6:10].min() == 255
    assert lr[:2].max() == 0
    assert lr[4:12, 4:12].min() > 200


def test_memory_does_not_grow_with_depth(sample):
    def peak(depth):
        arguments = sample(rock(depth, 256, 256))
        tracemalloc.start()
        try:
            make(arguments, hr_size=64, stride=64)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(10)  # modules load
    growth = peak(90) - peak(10)
    assert growth < 80 * 256 * 256 / 10


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            {"scale": 3, "hr_size": 256},
            "--hr-size 256 is not a multiple of --scale 3; take 255 or 258",
        ),
        ({"scale": 8, "hr_size": 4, "stride": 8}, "--hr-size 4 .* take 8"),
        ({"stride": 10}, "--stride 10 is not a multiple of --scale 4; take 8 or 12"),
        ({"hr_size": 64}, "slices of 40 x 50 voxels are smaller .* take at most 40"),
        ({"guard_um": 20}, "split needs 23 slices"),
        ({"train": "0:5", "val": "6:6", "test": "9:11"}, r"slice 5 \(train\) and slice 6 \(val\)"),
        ({"train": "0:5", "val": "8:9", "test": "11:12"}, "test 11:12 is not within .* 0:11"),
        ({"train": 0.9}, "sum 1"),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(sample, tmp_path, flags, message):
    arguments = sample(rock(12, 40, 50))
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=message):
        make(arguments, **flags)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(("edge", "advice"), [(0, "widen the field of view"), (14, "at most 12")])
def test_a_split_without_tiles_is_told_with_the_tile_that_fits(sample, tmp_path, edge, advice):
    mask = np.ones((12, 40, 40), bool)
    mask[8:] = False
    mask[8:, 4 : 4 + edge, 4 : 4 + edge] = True
    arguments = sample(rock(12, 40, 40), mask)
    before = set(tmp_path.iterdir())
    with pytest.raises(InputError, match=f"split test has no tiles: --hr-size 16 .* {advice}"):
        make(arguments)
    assert set(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    "flag",
    [
        ("--scale", 5),
        ("--train", "5:2"),
        ("--val", 1.5),
        ("--guard-um", -1),
        ("--guard-um", "wide"),
        ("--seed", -1),
    ],
)
def test_flags_are_checked(run_script, sample, flag):
    result = run_script("make_pairs", *sample(rock(12, 40, 40)), *flag)
    assert result.returncode == 2
    assert f"argument {flag[0]}" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_script_shows_progress_and_one_sentence_for_a_mistake(run_script, sample):
    arguments = sample(rock(12, 40, 40))
    done = run_script("make_pairs", *arguments, "--hr-size", 16, "--stride", 16, "--guard-um", 4)
    assert done.returncode == 0, done.stderr
    assert "train: 2 of 2 slices, 8 tiles" in done.stdout
    failed = run_script("make_pairs", *arguments, "--hr-size", 160, "--guard-um", 4)
    assert failed.returncode == 2
    assert failed.stderr.count("\n") == 1


def test_isolated_real_slices(shared_data, sample, capsys):
    volume = tifffile.imread(shared_data / "sandstone_versa.tif")[:, 260:772, 240:752]
    arguments = sample(volume, voxel_size_um=(111.575, 2.2315, 2.2315))
    with pytest.raises(InputError, match=r"slice 5 \(train\) and slice 6 \(val\) are 111\.575"):
        make(arguments, guard_um=200, train="0:5", val="6:6", test="7:7")
    path = make(arguments, hr_size=256, stride=128, guard_um=30, train="0:5", val="6:6", test="7:7")
    with open_pairs(path) as reader:
        assert [len(reader.split(name)) for name in SPLITS] == [54, 4, 4]
        assert least_gap_um(reader) == pytest.approx(111.575)
        assert json.dumps(reader.attrs.degradation) == '{"kernel": "bicubic"}'
        assert reader.attrs.correlation["length"] == reader.attrs.depth_step == 1
    assert "note:" not in capsys.readouterr().out
    with open_pairs(make(arguments, guard_um="auto", train="0:5", val="6:6", test="7:7")) as reader:
        assert reader.attrs.guard_um == 111.575


def alike(depth, length, edge=32):
    """Slices of noise that come in runs of `length` equal ones."""
    return rock(-(-depth // length), edge, edge).repeat(length, axis=0)[:depth]


def test_the_guard_can_be_measured(sample, capsys):
    arguments = sample(alike(60, 9), voxel_size_um=(2.0, 2.0, 2.0))
    with open_pairs(make(arguments, guard_um="auto")) as reader:
        found = reader.attrs
        # Runs of n equal slices are correlated by 1 - d / n.
        assert found.correlation["length"] == found.guard_slices == 6
        assert found.guard_um == 12.0
        assert least_gap_um(reader) > 12.0
    told = capsys.readouterr().out
    assert "guard: 12 µm, 6 slice(s); the correlation of slices falls below 1/e" in told
    assert "correlation of slices: 0.8" in told
    assert "note:" not in told


def test_a_short_guard_is_told_and_nothing_else_changes(sample, capsys):
    arguments = sample(alike(60, 9))
    with open_pairs(make(arguments, guard_um=2, depth_step=4)) as reader:
        assert (reader.attrs.guard_um, reader.attrs.guard_slices) == (2, 1)
        assert reader.attrs.depth_step == 4
        assert reader.split("train").slices == (0, 34)
    notes = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note:")]
    assert len(notes) == 1
    assert "guard_um 2 of sample rock, 1 slice(s), is too short" in notes[0]
    assert "set it to 12 (6 slices) or more" in notes[0]


@pytest.mark.parametrize(
    ("depth", "length", "message"),
    [
        (14, 9, r"split needs 15 slices .* has 14; use more slices or set guard_um to at most 10"),
        (14, 14, "guard_um auto finds no guard, since .* still 1.00 .* use more slices, or set"),
    ],
)
def test_a_sample_too_short_for_its_guard_is_told_what_to_set(sample, depth, length, message):
    arguments = sample(alike(depth, length))
    with pytest.raises(InputError, match=message):
        make(arguments, guard_um="auto")


# --- a real coarse scan ---


@pytest.fixture
def coarse(tmp_path):
    """Write a coarse scan on LR pixels, and return the flags that name it."""

    def write(voxels, shown=None):
        shown = np.ones(voxels.shape, bool) if shown is None else shown
        about = {"shape": voxels.shape, "voxel_size_um": (2.0, 8.0, 8.0)}
        write_stack(tmp_path / "rock.lr.tif", voxels, dtype=voxels.dtype, **about)
        mask = shown.astype(np.uint8) * slices.ROCK
        write_stack(tmp_path / "rock.lr.mask.tif", mask, dtype=np.uint8, **about)
        return ["--lr-slices", tmp_path / "rock.lr.tif", "--lr-mask", tmp_path / "rock.lr.mask.tif"]

    return write


def test_lr_tiles_are_cut_from_the_coarse_scan(sample, coarse):
    voxels = rock(30, 8, 12, seed=5)
    flags = [*coarse(voxels), *sample(rock(30, 34, 50), origin=(7, 3, 5))]
    with open_pairs(make(flags)) as reader:
        assert reader.attrs.degradation["kernel"] == "scanned"
        for name in SPLITS:
            split = reader.split(name)
            assert len(split)
            for z, y, x, lr in zip(split.z, split.y, split.x, split.lr, strict=True):
                row, column = (y - 3) // 4, (x - 5) // 4
                np.testing.assert_array_equal(lr, voxels[z - 7, row : row + 4, column : column + 4])


def test_tiles_lie_where_the_coarse_scan_shows_the_rock(sample, coarse):
    shown = np.ones((30, 8, 12), bool)
    shown[:, :, 5:] = False
    flags = [*coarse(rock(30, 8, 12), shown), *sample(rock(30, 32, 48))]
    with open_pairs(make(flags)) as reader:
        assert max(reader.split(name).x.max() for name in SPLITS) <= 4


@pytest.mark.parametrize("shape", [(30, 8, 11), (29, 8, 12)])
def test_another_grid_is_refused(sample, coarse, shape):
    with pytest.raises(InputError, match="not LR pixels of scale 4 for these slices"):
        make([*coarse(rock(*shape)), *sample(rock(30, 32, 48))])


def test_the_coarse_scan_needs_its_mask(sample, coarse):
    with pytest.raises(InputError, match="--lr-slices and --lr-mask go together"):
        make([*coarse(rock(30, 8, 12))[:2], *sample(rock(30, 32, 48))])
