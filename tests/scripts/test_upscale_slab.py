import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import zarr
from helpers import small_upscaling, tile_pairs

import upscale_slab
from sandstone import unchanged
from sandstone.errors import InputError
from sandstone.models import inference, weights
from sandstone.provenance.record import code_of

SHAPE = (9, 40, 50)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network") / "model"
    return small_upscaling.save_model(folder)


@pytest.fixture
def ready(model, tmp_path):
    """Prepare a volume and return its file."""

    def make(voxels=None, **flags):
        (tmp_path / "model").symlink_to(model)
        voxels = small_upscaling.rock(SHAPE) if voxels is None else voxels
        path = small_upscaling.save_volume(tmp_path / "rock.npy", voxels)
        small_upscaling.prepare(tmp_path, path, **flags)
        return path

    return make


def contents(store):
    """Return the bytes of every chunk, by place."""
    files = small_upscaling.chunks(store)
    return {str(file).partition("/c/")[2]: file.read_bytes() for file in files}


def array(store):
    (folder,) = store.iterdir()
    return zarr.open_array(folder / "0", mode="r")


@pytest.mark.parametrize(("axes", "shape"), [("z", SHAPE), ("mean", (9, 15, 17))])
def test_eight_slabs_are_one_slab_to_the_bit(ready, tmp_path, axes, shape):
    volume = ready(small_upscaling.rock(shape), axes=axes)
    small_upscaling.upscale(tmp_path, volume)
    whole = contents(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "first")
    for slab in reversed(range(8)):
        small_upscaling.upscale(tmp_path, volume, slab=slab, slabs=8)
    assert contents(tmp_path / "store") == whole
    assert len(whole) > 8


@pytest.mark.parametrize(
    "degradation",
    [
        {"kernel": "bicubic"},
        {"kernel": "psf", "psf_sigma": 1.5, "noise": 0.01},
        {"kernel": "scanned", "psf_sigma": [2.0, 1.0, 1.5]},
    ],
    ids=lambda made: made["kernel"],
)
def test_slabs_that_project_back_are_one_slab_to_the_bit(ready, tmp_path, degradation):
    pairs = tile_pairs.write(tmp_path / "pairs.h5", {}, degradation=degradation)
    volume = ready(small_upscaling.rock((3, 24, 30)), pairs=pairs, back_projection=1)
    small_upscaling.upscale(tmp_path, volume)
    whole = contents(tmp_path / "store")
    (tmp_path / "store").rename(tmp_path / "first")
    for slab in reversed(range(3)):
        small_upscaling.upscale(tmp_path, volume, slab=slab, slabs=3)
    assert contents(tmp_path / "store") == whole
    assert len(whole) > 3


def test_more_slabs_than_blocks_leave_some_idle(ready, tmp_path):
    volume = ready(tile=64)
    marker = small_upscaling.upscale(tmp_path, volume, slab=0, slabs=50)
    assert json.loads(marker.read_text(encoding="utf-8"))["blocks"] == [0, 0]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
def test_the_result_is_the_network_s_in_the_grey_levels_of_the_input(ready, model, tmp_path, dtype):
    voxels = small_upscaling.rock((3, 20, 20), dtype)
    small_upscaling.upscale(tmp_path, ready(voxels, window=(5, 95), tile=32))
    upscaled = array(tmp_path / "store")[:]
    assert upscaled.dtype == voxels.dtype

    window = json.loads((tmp_path / "layout.json").read_text(encoding="utf-8"))["window"]
    low, high = window["low"], window["high"]
    halo = json.loads((tmp_path / "layout.json").read_text(encoding="utf-8"))["tiling"]["halo"]
    unit = np.clip((voxels.astype(np.float64) - low) / (high - low), 0, 1).astype(np.float32)
    padded = np.pad(unit, ((0, 0), (halo, halo), (halo, halo)), mode="reflect")
    edge = halo * small_upscaling.SCALE
    sr = inference.predict(weights.load_generator(model), padded[..., None])[..., 0]
    expected = low + sr[:, edge:-edge, edge:-edge] * (high - low)
    tolerance = 0.5 + 1e-5 * (high - low) if voxels.dtype.kind != "f" else 1e-5
    np.testing.assert_allclose(upscaled.astype(np.float64), expected, atol=tolerance)
    assert upscaled.min() >= low
    assert upscaled.max() <= high


def test_a_finished_slab_computes_nothing_again(ready, tmp_path, monkeypatch, capsys):
    volume = ready()
    small_upscaling.upscale(tmp_path, volume)
    monkeypatch.setattr(inference, "load_network", lambda *_, **__: pytest.fail("computed again"))
    small_upscaling.upscale(tmp_path, volume)
    assert "12 blocks, of which 12 are there already" in capsys.readouterr().out


def test_another_network_starts_from_scratch(ready, model, tmp_path, capsys):
    volume = ready()
    small_upscaling.upscale(tmp_path, volume)
    (tmp_path / "model").unlink()
    small_upscaling.save_model(tmp_path / "model", seed=9)
    with pytest.raises(InputError, match="trained again"):
        small_upscaling.upscale(tmp_path, volume)
    small_upscaling.prepare(tmp_path, volume)
    capsys.readouterr()
    small_upscaling.upscale(tmp_path, volume)
    assert "of which 0 are there already" in capsys.readouterr().out


def test_another_number_of_threads_starts_from_scratch(ready, tmp_path):
    layout = small_upscaling.prepare(tmp_path, ready())
    one, two = (upscale_slab.fingerprint(layout, n, self_ensemble=False) for n in (1, 2))
    assert one != two


def test_a_self_ensemble_starts_from_scratch(ready, tmp_path, capsys):
    volume = ready()
    small_upscaling.upscale(tmp_path, volume)
    once = array(tmp_path / "store")[:]
    (tmp_path / "store").rename(tmp_path / "first")
    small_upscaling.upscale(tmp_path, volume, self_ensemble="true")
    mean = array(tmp_path / "store")[:]
    assert 0 < np.abs(mean.astype(float) - once).mean() < 0.2 * np.iinfo(once.dtype).max
    folders = [next((tmp_path / name).iterdir()).name for name in ("first", "store")]
    assert folders[0] != folders[1]


def test_every_room_that_decides_the_voxels_is_part_of_the_fingerprint():
    rooms = {upscale_slab.room_of(file["path"]) for file in code_of("upscale_slab")}
    beside_the_voxels = {"scripts", "sandstone", "config", "provenance", "volumes"}
    assert rooms - beside_the_voxels == set(upscale_slab.ROOMS)


def test_another_volume_than_the_layout_s_is_refused(ready, tmp_path):
    ready()
    other = small_upscaling.save_volume(tmp_path / "other.npy", small_upscaling.rock((9, 40, 60)))
    with pytest.raises(InputError, match="no longer the volume of the layout"):
        small_upscaling.upscale(tmp_path, other)


def test_a_volume_that_changes_meanwhile_leaves_no_chunks(ready, tmp_path, monkeypatch):
    volume = ready()
    load = inference.load_network

    def load_and_meddle(*arguments, **options):
        network = load(*arguments, **options)

        def apply(lr):
            os.utime(volume, ns=(1, 1))
            return network(lr)

        return apply

    monkeypatch.setattr(inference, "load_network", load_and_meddle)
    with pytest.raises(unchanged.Changed, match=r"rock\.npy: changed while it was read"):
        small_upscaling.upscale(tmp_path, volume)
    assert contents(tmp_path / "store") == {}
    assert not (tmp_path / "slabs/0.json").exists()


def test_a_slab_that_is_not_there_is_refused(ready, tmp_path):
    volume = ready()
    with pytest.raises(InputError, match="--slab 3 is not below --slabs 3"):
        small_upscaling.upscale(tmp_path, volume, slab=3, slabs=3)


def test_progress_tells_voxels_rate_and_time_left(ready, tmp_path, capsys):
    small_upscaling.upscale(tmp_path, ready(), slab=1, slabs=3)
    last = capsys.readouterr().out.strip().rpartition("\n")[2]
    assert last.startswith("slab 2 of 3: 0.01 of 0.01 Mvoxels, ")
    assert last.endswith("kvoxels/s, 0:00:00 left")


def test_a_killed_job_continues_where_it_was(ready, tmp_path, repository):
    volume = ready(small_upscaling.rock((40, 60, 60)), batch=1)
    script = repository / "workflow/scripts/upscale_slab.py"
    command = [
        sys.executable,
        str(script),
        *small_upscaling.words(small_upscaling.slab_flags(tmp_path, volume)),
    ]
    job = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    store = tmp_path / "store"
    while len(small_upscaling.chunks(store)) < 3:
        assert job.poll() is None, "ended before it could be killed"
        time.sleep(0.01)
    job.send_signal(signal.SIGKILL)
    job.wait()
    kept = {
        file: file.stat().st_mtime_ns
        for file in small_upscaling.chunks(store)
        if not file.name.endswith(".partial")
    }
    assert not (tmp_path / "slabs/0.json").exists()

    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"16 blocks, of which {len(kept)} are there already" in done.stdout
    assert {file: file.stat().st_mtime_ns for file in kept} == kept
    resumed = contents(store)

    store.rename(tmp_path / "resumed")
    subprocess.run(command, capture_output=True, check=True)
    whole = contents(store)
    assert {place: resumed[place] for place in whole} == whole
