import hashlib
import json

import h5py
import numpy as np
import pytest
import tifffile
from helpers import small_upscaling, tile_pairs
from scipy.ndimage import gaussian_filter

from sandstone import sizes
from sandstone.errors import InputError
from sandstone.metrics import domain
from sandstone.upscaling.layout import read_layout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prepare")
    small_upscaling.save_model(folder / "model")
    return folder


@pytest.fixture
def prepared(folder, tmp_path):
    """Prepare a volume and return what is read back."""

    def run(voxels, **flags):
        path = small_upscaling.save_volume(tmp_path / "rock.npy", voxels)
        layout = small_upscaling.prepare(tmp_path, path, **{"model_dir": folder / "model", **flags})
        return read_layout(layout)

    return run


def test_the_window_is_percentiles_of_this_volume(prepared):
    voxels = np.arange(1000, 2000, dtype=np.uint16).reshape(10, 10, 10)
    layout = prepared(voxels, window=(10, 90))
    assert layout.grey_window == (1099.0, 1899.0)
    assert layout.window["percentiles"] == [10, 90]
    assert (layout.window["below"], layout.window["above"]) == (99, 100)


def test_given_levels_are_taken_and_what_lies_beyond_is_counted(prepared):
    voxels = np.arange(1000, dtype=np.int16).reshape(10, 10, 10) - 500
    layout = prepared(voxels, levels=(-400, 450))
    assert layout.grey_window == (-400, 450)
    assert layout.window["percentiles"] is None
    assert (layout.window["below"], layout.window["above"]) == (100, 49)


def test_percentiles_are_of_the_rock_where_the_view_is_a_box(prepared):
    voxels = small_upscaling.rock((4, 30, 30))
    voxels[:, :10] = 0
    inside = voxels[1:3, 10:30, 5:25]
    layout = prepared(voxels, window=(0, 100), field_of_view="1:3,10:30,5:25")
    assert layout.grey_window == (inside.min(), inside.max())


def test_the_layout_says_what_will_be_made(prepared):
    layout = prepared(small_upscaling.rock((3, 20, 30)))
    assert layout.tiling.sr_shape == (3, 40, 60)
    assert layout.sr_voxel_size_um == (6.0, 3.0, 3.0)
    assert layout.origin_um == (0.0, -1.5, -1.5)
    assert layout.tiling.halo > 2


def test_the_layout_knows_its_inputs(prepared, folder, tmp_path):
    voxels = small_upscaling.rock((3, 20, 30))
    layout = prepared(voxels)
    content = (tmp_path / "rock.npy").read_bytes()
    assert layout.source == {
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "voxels_sha256": hashlib.sha256(voxels.tobytes()).hexdigest(),
    }
    weights = (folder / "model" / "generator.weights.h5").read_bytes()
    assert layout.network["generator.weights.h5"] == hashlib.sha256(weights).hexdigest()


def test_the_same_volume_gives_the_same_bytes_anywhere(prepared, tmp_path):
    prepared(small_upscaling.rock((3, 20, 30)))
    first = (tmp_path / "layout.json").read_bytes()
    prepared(small_upscaling.rock((3, 20, 30)))
    assert (tmp_path / "layout.json").read_bytes() == first
    assert str(tmp_path).encode() not in first


def test_tile_and_batch_do_not_change_the_window(prepared):
    voxels = small_upscaling.rock((3, 40, 50))
    assert prepared(voxels, tile=16, batch=1).window == prepared(voxels, tile=64, batch=3).window


MISTAKES = {
    "another scale": ({"scale": 4}, "enlarges by 2, not by 4"),
    "no model": (
        {"model_dir": "none"},
        "none/generator.json does not exist",
    ),
    "empty window": ({"window": (90, 10)}, "no range of percentiles"),
    "empty levels": ({"levels": (5, 5)}, "give the low one first"),
    "flat voxels": ({"axes": "mean", "voxel_size_um": (8, 6, 6)}, "not cubic"),
    "two numbers": ({"voxel_size_um": (8, 6)}, "one number, or three"),
    "half a layout": ({"raw_shape": (3, 4, 5)}, "go together"),
    "view outside": ({"field_of_view": "0:9,0:9,0:9"}, "field of view"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_sentence_and_writes_nothing(prepared, tmp_path, mistake):
    flags, expected = MISTAKES[mistake]
    with pytest.raises(InputError, match=expected) as error:
        prepared(small_upscaling.rock((3, 20, 30)), **flags)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "layout.json").exists()


def test_values_that_are_not_finite_are_refused(prepared):
    voxels = small_upscaling.rock((3, 20, 30), "float32")
    voxels[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="slice 1 holds NaN"):
        prepared(voxels)


def test_a_constant_volume_is_refused(prepared):
    with pytest.raises(InputError, match=r"\.\w+: the rock is constant"):
        prepared(np.full((3, 20, 30), 7, np.uint8))


def test_a_line_of_voxels_is_refused(prepared):
    with pytest.raises(InputError, match="single voxel along y"):
        prepared(np.zeros((3, 1, 30), np.uint8))


def test_a_type_that_tiff_lacks_is_refused_before_the_work(prepared):
    voxels = small_upscaling.rock((3, 20, 30), "float32").astype(np.float16)
    with pytest.raises(InputError, match="OME-TIFF has no voxels of type float16"):
        prepared(voxels, formats=("zarr", "tiff"))
    assert prepared(voxels).dtype == "float16"


def test_a_truncated_volume_is_refused(folder, tmp_path):
    path = tmp_path / "rock.tif"
    tifffile.imwrite(path, small_upscaling.rock((6, 40, 40)), photometric="minisblack")
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"rock\.tif"):
        small_upscaling.prepare(tmp_path, path, model_dir=folder / "model")
    assert not (tmp_path / "layout.json").exists()


def test_what_is_decompressed_into_memory_is_told(folder, tmp_path, capsys):
    import nrrd

    path = tmp_path / "rock.nrrd"
    nrrd.write(str(path), small_upscaling.rock((6, 20, 20)).T, {"encoding": "gzip"})
    small_upscaling.prepare(tmp_path, path, model_dir=folder / "model")
    assert "each job decompresses all of it" in capsys.readouterr().out


def save_training(folder, sizes):
    record = folder / "training.provenance.json"
    record.write_text(json.dumps({"voxel_size_um": sizes}), encoding="utf-8")
    return record


# The volume has voxels of 6 µm, the network enlarges twice.
@pytest.mark.parametrize(
    ("sizes", "note"),
    [
        ({"fine": [50.0, 3.0, 3.0]}, None),
        ({"fine": [2.8, 2.8, 2.8]}, None),
        ({"coarse": [9.0, 9.0, 9.0], "fine": [3.2, 3.2, 3.2]}, None),
        ({"fine": [3.0, 2.5, 2.5]}, "of 5 µm (fine); look"),
        ({"b": [2.2, 2.2, 2.2], "a": [9.0, 9.0, 9.0]}, "of 18 µm (a), 4.4 µm (b); look"),
    ],
)
def test_voxels_that_the_model_has_not_learned_are_told(prepared, tmp_path, capsys, sizes, note):
    prepared(small_upscaling.rock((3, 20, 30)), training=save_training(tmp_path, sizes))
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("note: ")]
    if note is None:
        assert told == []
    else:
        assert len(told) == 1
        assert "voxels of 6 µm within slices" in told[0]
        assert note in told[0]
        assert told[0].endswith("train on slices of 3 µm")


@pytest.mark.parametrize(("blur", "told"), [(0, False), (2, True)])
def test_a_scan_softer_than_what_the_model_has_learned_from_is_told(
    prepared, tmp_path, capsys, blur, told
):
    rock = small_upscaling.rock((6, 60, 80))
    square = rock[:, 9:51, 19:61] / np.iinfo(rock.dtype).max
    learned = {"rock": domain.describe(square).plain()}
    record = tmp_path / "training.json"
    training = {"voxel_size_um": {"rock": [3.0, 3.0, 3.0]}, "domain": learned}
    record.write_text(json.dumps(training), encoding="utf-8")
    scan = gaussian_filter(rock.astype(float), (0, blur, blur)).astype(rock.dtype)
    prepared(scan, training=record)
    printed = capsys.readouterr().out
    assert ("note: the scan is softer than what it has learned from" in printed) == told


def test_a_network_that_saw_no_rock_is_noted(prepared, tmp_path, capsys):
    told = {"published": {"seen": "photographs, and no rock"}}
    (tmp_path / "training.json").write_text(json.dumps(told), encoding="utf-8")
    prepared(small_upscaling.rock((3, 20, 30)), training=tmp_path / "training.json")
    assert "has learned to enlarge photographs, and no rock; look" in capsys.readouterr().out


def test_back_projection_widens_the_halo_and_stands_in_the_layout(prepared, tmp_path):
    rock = small_upscaling.rock((3, 20, 30))
    plain = prepared(rock)
    pairs = tile_pairs.write(tmp_path / "rock.h5", {})
    made = prepared(rock, pairs=pairs, back_projection=2)
    assert plain.back_projection == {}
    assert made.back_projection == {"iterations": 2, "degradation": {"kernel": "bicubic"}}
    assert made.tiling.halo == plain.tiling.halo + 2 * (2 + 2)
    black = np.zeros((1, 16, 16), np.float32)
    assert made.faithful(lambda lr: lr.repeat(2, 1).repeat(2, 2))(black).max() == 0


def test_back_projection_needs_one_known_degradation(prepared, tmp_path):
    rock = small_upscaling.rock((3, 20, 30))
    psf = {"kernel": "psf", "psf_sigma": 2.0, "noise": 0.0}
    one = tile_pairs.write(tmp_path / "one.h5", {})
    other = tile_pairs.write(tmp_path / "other.h5", {}, degradation=psf)
    unknown = tile_pairs.write(tmp_path / "scan.h5", {}, degradation={"kernel": "scanned"})
    for pairs, words in (
        ((one, other), "degraded in different ways"),
        ((unknown,), "how its LR tiles were made is unknown"),
    ):
        with pytest.raises(InputError, match=words):
            prepared(rock, pairs=pairs, back_projection=1)
    with pytest.raises(InputError, match="needs --pairs"):
        prepared(rock, back_projection=1)


def test_a_given_model_without_a_record_of_its_training_is_noted(prepared, tmp_path, capsys):
    (tmp_path / "training.json").write_text("{}", encoding="utf-8")
    prepared(small_upscaling.rock((3, 20, 30)), training=tmp_path / "training.json")
    assert "note: which voxels the model has learned to enlarge is unknown" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(
    "sizes", [None, 3.0, {}, {"a": 3.0}, {"a": [1, 2]}, {"a": [1, 0, 1]}, {"a": [1, 2, "3"]}]
)
def test_a_damaged_record_of_the_training_is_one_sentence(prepared, tmp_path, sizes):
    with pytest.raises(InputError, match="holds no voxel sizes; train the model again"):
        prepared(small_upscaling.rock((3, 20, 30)), training=save_training(tmp_path, sizes))
    assert not (tmp_path / "layout.json").exists()


def test_the_layout_knows_what_was_read_of_a_file(folder, tmp_path):
    voxels = small_upscaling.rock((4, 20, 20))
    with h5py.File(tmp_path / "rock.h5", "w") as archive:
        archive["raw"], archive["mirrored"] = voxels, voxels[:, ::-1]
    volume, model = tmp_path / "rock.h5", folder / "model"
    layouts = [
        read_layout(small_upscaling.prepare(tmp_path, volume, model_dir=model, dataset=name))
        for name in ("raw", "mirrored")
    ]
    assert layouts[0].window == layouts[1].window
    assert layouts[0].source["sha256"] == layouts[1].source["sha256"]
    assert layouts[0] != layouts[1]


def test_slices_too_large_for_tiff_are_refused_before_the_work(prepared, monkeypatch):
    voxels = small_upscaling.rock((3, 20, 30))
    prepared(voxels, formats=("zarr", "tiff"))
    monkeypatch.setattr(sizes, "LARGEST_BLOCK", 40 * 60 * 2 - 1)
    with pytest.raises(InputError, match="take tiff out of formats"):
        prepared(voxels, formats=("zarr", "tiff"))
    prepared(voxels)


def test_a_view_without_rock_is_one_sentence(folder, tmp_path):
    voxels = np.zeros((12, 128, 128), np.uint8)
    voxels[:, 40:88:8, 40:88:8] = 200
    path = small_upscaling.save_volume(tmp_path / "rock.npy", voxels)
    with pytest.raises(InputError, match=r"rock\.npy: no rock found; give field_of_view as full"):
        small_upscaling.prepare(tmp_path, path, model_dir=folder / "model", field_of_view="auto")


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"tiling": {}})])
def test_a_damaged_layout_is_one_sentence(tmp_path, text):
    (tmp_path / "layout.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="make it again"):
        read_layout(tmp_path / "layout.json")


def without(key):
    return lambda value: {name: each for name, each in value.items() if name != key}


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("window", without("low")),
        ("window", lambda _: [0, 1]),
        ("window", lambda value: {**value, "high": value["low"]}),
        ("tiling", lambda value: {**value, "scale": "4"}),
        ("tiling", lambda value: {**value, "tile": 0}),
        ("tiling", lambda value: {**value, "shape": [1, 2]}),
        ("tiling", lambda value: {**value, "axes": "x"}),
        ("tiling", lambda value: {**value, "axes": ["z"]}),
        ("tiling", lambda value: {**value, "scale": 32}),
        ("tiling", lambda value: {**value, "shape": [2**31 - 1] * 3}),
        ("tiling", lambda value: {**value, "more": 1}),
        ("tiling", without("halo")),
        ("dtype", lambda _: "complex64"),
        ("dtype", lambda _: ["uint8"]),
        ("source", lambda _: 3),
        ("source", without("voxels_sha256")),
        ("network", lambda _: None),
        ("voxel_size_um", lambda _: [1, 2]),
        ("voxel_size_um", lambda _: [1, 2, 0]),
    ],
)
def test_a_layout_with_a_wrong_value_is_one_sentence(prepared, tmp_path, key, change):
    prepared(small_upscaling.rock((3, 20, 30)))
    path = tmp_path / "layout.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, key: change(content[key])}), encoding="utf-8")
    with pytest.raises(InputError, match=rf"layout\.json: {key} is .*; make it again"):
        read_layout(path)


def test_a_missing_layout_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist; run the step that writes it"):
        read_layout(tmp_path / "layout.json")
