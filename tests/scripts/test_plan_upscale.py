import json

import numpy as np
import pytest
from helpers import small_upscaling

import plan_upscale
from sandstone.errors import InputError
from sandstone.upscaling.blocks import Tiling

GENERATOR = {"scale": 4, "blocks": 1, "filters": 4}


def plan(tmp_path, voxels, **flags):
    chosen = {
        "name": "rock",
        "volume": small_upscaling.save_volume(tmp_path / "rock.npy", voxels),
        "voxel-size-um": 6.0,
        "generator": json.dumps(GENERATOR),
        "tile": 16,
        "output": tmp_path / "plan.txt",
        **flags,
    }
    plan_upscale.main(small_upscaling.words(chosen))
    return (tmp_path / "plan.txt").read_text(encoding="utf-8")


def test_the_plan_tells_tiles_memory_disk_and_time(tmp_path, capsys):
    text = plan(tmp_path, small_upscaling.rock((9, 40, 50)), slabs=3, formats=["zarr", "tiff"])
    assert "rock: 9 x 40 x 50 voxels of uint16 become 9 x 160 x 200 (axes z)" in text
    assert "12 of 9 x 14 x 13 voxels, halo " in text
    for word in (
        "memory",
        "GB a slab",
        "before compression",
        "are free",
        "Mvoxels/s",
        "all 3 slab",
    ):
        assert word in text
    assert capsys.readouterr().out == text


def test_the_plan_needs_no_model(tmp_path):
    assert "(axes mean)" in plan(tmp_path, small_upscaling.rock((9, 20, 20)), axes="mean")


def test_a_self_ensemble_takes_eight_times_as_long(monkeypatch):
    clock = iter([10.0, 12.0, 20.0, 22.0])
    monkeypatch.setattr(plan_upscale.time, "monotonic", lambda: next(clock))
    tiling = Tiling((1, 16, 16), scale=4, axes="z", tile=16, batch=1, halo=2)
    once, views = (
        plan_upscale.measure_call(tiling, GENERATOR, 2, self_ensemble=chosen)
        for chosen in (False, True)
    )
    assert (once, views) == (2.0, 16.0)


def test_a_line_of_voxels_is_refused(tmp_path):
    with pytest.raises(InputError, match="single voxel along x"):
        plan(tmp_path, np.zeros((3, 30, 1), np.uint8))
    assert not (tmp_path / "plan.txt").exists()


@pytest.mark.parametrize("axes", ["z", "mean"])
@pytest.mark.parametrize("shape", [(1, 40, 50), (9, 40, 50), (33, 17, 40)])
def test_calls_are_as_many_as_upscaling_makes(shape, axes):
    from sandstone.upscaling import blockwise

    if axes == "mean" and min(shape) == 1:
        shape = (2, *shape[1:])
    tiling = Tiling(shape, scale=2, axes=axes, tile=16, batch=4, halo=3)
    seen = []

    def network(lr):
        seen.append(len(lr))
        return np.repeat(np.repeat(lr, 2, 1), 2, 2)

    for number in range(len(tiling)):
        box = np.zeros(
            [n + 2 * m for n, m in zip(tiling.block, tiling.margin, strict=True)], np.float32
        )
        blockwise.enlarge(network, tiling, tiling[number], box)
    assert plan_upscale.calls(tiling) == len(seen)
    assert set(seen) == {tiling.call}
