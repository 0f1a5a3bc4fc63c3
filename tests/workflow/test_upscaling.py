"""Whole volumes through the workflow, with a model of the tiny run."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import ngff_zarr
import numpy as np
import pytest
import yaml

from sandstone.volumes.volume import open_volume

from .conftest import Snakemake
from .planning import planned_jobs

SHAPE = (10, 37, 53)
FINE = {"path": "fine.npy", "voxel_size_um": 2.0}
OVERLAY = ("--configfile", "tests/config/tiny.yaml", "one_three.yaml")


def entry(**settings: Any) -> dict[str, Any]:
    return {
        "path": "plug.npy",
        "voxel_size_um": 8.0,
        "model": "srgan",
        "tile": 16,
        "field_of_view": "full",
        **settings,
    }


def overlay(directory: Path, **volumes: Any) -> tuple[str, ...]:
    """Write an overlay that upscales volumes and return the options that lay it over tiny."""
    name = f"{'_'.join(volumes)}.yaml"
    content = {"samples": {"fine": FINE}, "upscale": volumes}
    (directory / name).write_text(yaml.safe_dump(content), encoding="utf-8")
    return "--configfile", "tests/config/tiny.yaml", name


VOLUMES = {
    "one": entry(hr="fine"),
    "three": entry(hr="fine", slabs=3, formats=["zarr", "tiff"]),
}


@pytest.fixture(scope="module")
def trained(tiny: tuple[Path, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tiny run, in which nothing is left to do."""
    directory = tmp_path_factory.mktemp("upscaling") / "clone"
    return Path(shutil.copytree(tiny[0], directory, symlinks=True))


@pytest.fixture(scope="module")
def upscaled(trained: Path, snakemake: Snakemake) -> Path:
    """The same volume upscaled by one job and by three, and compared with a finer scan."""
    grains = np.random.default_rng(1).random([-(-length // 4) for length in SHAPE])
    voxels = (grains * 60000).astype(np.uint16).repeat(4, 0).repeat(4, 1).repeat(4, 2)
    np.save(trained / "plug.npy", voxels[tuple(slice(length) for length in SHAPE)])
    fine = np.random.default_rng(2).integers(0, 60000, (13, 148, 212), dtype=np.uint16)
    np.save(trained / "fine.npy", fine)
    options = overlay(trained, **VOLUMES)
    assert options == OVERLAY
    done = snakemake(trained, *options)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    return trained


def digests(folder: Path) -> dict[str, str]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in files
    }


def test_three_jobs_make_the_bytes_of_one(upscaled: Path) -> None:
    folder = upscaled / "results/upscaled"
    one, three = (digests(folder / name / f"{name}.ome.zarr") for name in ("one", "three"))
    assert one.pop("zarr.json") != three.pop("zarr.json")  # it holds the volume's name
    assert one == three
    assert len(one) > 12
    tables = [(folder / name / "z_consistency.csv").read_bytes() for name in ("one", "three")]
    assert tables[0] == tables[1]


def test_both_formats_open_with_the_voxel_size(upscaled: Path) -> None:
    folder = upscaled / "results/upscaled/three"
    for name in ("three.ome.zarr", "three.ome.tif"):
        with open_volume(folder / name) as volume:
            assert volume.shape == (10, 148, 212)
            assert volume.voxel_size_um == (8.0, 2.0, 2.0)
            assert volume.dtype == np.uint16
    ngff_zarr.from_ngff_zarr(folder / "three.ome.zarr", validate=True)


def test_nothing_but_results_and_records_is_left(upscaled: Path) -> None:
    folder = upscaled / "results/upscaled/three"
    assert {file.name for file in folder.iterdir()} == {
        "three.ome.zarr",
        "three.ome.tif",
        "layout.json",
        "z_consistency.csv",
        "slabs",
        *(f"{stem}.provenance.json" for stem in ("layout", "image", "tiff")),
    }
    slabs = {file.name for file in (folder / "slabs").iterdir()}
    assert slabs == {f"{slab}.provenance.json" for slab in range(3)}


def test_the_records_account_for_every_file(upscaled: Path, snakemake: Snakemake) -> None:
    done = snakemake(upscaled, *OVERLAY, targets=("verify_provenance",))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def test_a_second_run_has_nothing_to_do(upscaled: Path, snakemake: Snakemake) -> None:
    assert planned_jobs(snakemake(upscaled, "-n", *OVERLAY)) == set()


def test_another_choice_of_formats_computes_nothing_again(
    upscaled: Path, snakemake: Snakemake
) -> None:
    one, three = VOLUMES["one"], VOLUMES["three"]
    swapped = {
        "one": {**one, "formats": three["formats"]},
        "three": {**three, "formats": ["zarr"]},
    }
    (upscaled / "swapped.yaml").write_text(yaml.safe_dump({"upscale": swapped}), encoding="utf-8")
    planned = planned_jobs(snakemake(upscaled, "-n", *OVERLAY, "swapped.yaml"))
    assert planned == {"upscale_tiff one"}


def test_other_voxels_make_the_tiff_again(upscaled: Path, snakemake: Snakemake) -> None:
    image = upscaled / "results/upscaled/three/three.ome.zarr/zarr.json"
    content = image.read_text(encoding="utf-8")
    fingerprint = json.loads(content)["attributes"]["sandstone-srgan"]["fingerprint"]
    image.write_text(content.replace(fingerprint, "0" * 64), encoding="utf-8")
    planned = planned_jobs(snakemake(upscaled, "-n", *OVERLAY))
    image.write_text(content, encoding="utf-8")
    assert planned == {"upscale_tiff three", "plot_upscaled three"}
    assert planned_jobs(snakemake(upscaled, "-n", *OVERLAY)) == set()


def test_a_finer_scan_that_is_read_otherwise_is_compared_again(
    upscaled: Path, snakemake: Snakemake
) -> None:
    changed = {"samples": {"fine": {**FINE, "voxel_size_um": 2.01}}}
    (upscaled / "changed.yaml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    assert_compared_again(snakemake(upscaled, "-n", *OVERLAY, "changed.yaml"))


def test_an_older_finer_scan_is_compared_again(upscaled: Path, snakemake: Snakemake) -> None:
    fine, kept = upscaled / "fine.npy", upscaled / "kept.npy"
    fine.rename(kept)
    np.save(fine, np.load(kept)[::-1])
    os.utime(fine, (1e9, 1e9))
    planned = snakemake(upscaled, "-n", *OVERLAY)
    kept.rename(fine)
    assert_compared_again(planned)


def assert_compared_again(done: CompletedProcess[str]) -> None:
    slabs = {"upscale_slab one/0", *(f"upscale_slab three/{slab}" for slab in range(3))}
    joins = {"upscale_volume one", "upscale_volume three", "upscale_tiff three"}
    figures = {"plot_upscaled one", "plot_upscaled three"}
    assert planned_jobs(done) == slabs | joins | figures


def test_a_deleted_image_comes_back_from_its_chunks(upscaled: Path, snakemake: Snakemake) -> None:
    folder = upscaled / "results/upscaled/one"
    before = digests(folder)
    shutil.rmtree(folder / "one.ome.zarr")
    done = snakemake(upscaled, *OVERLAY, targets=("results/upscaled/one/one.ome.zarr/zarr.json",))
    assert done.returncode == 0, done.stderr[-6000:]
    log = (upscaled / "results/logs/upscale_slab/one/0.log").read_text(encoding="utf-8")
    assert "12 blocks, of which 12 are there already" in log
    assert digests(folder) == before


def test_image_and_chunks_that_are_deleted_come_back(upscaled: Path, snakemake: Snakemake) -> None:
    folder = upscaled / "results/upscaled/one"
    before = digests(folder)
    shutil.rmtree(folder)
    shutil.rmtree(upscaled / "results/checkpoints/upscaled/one")
    done = snakemake(upscaled, *OVERLAY, targets=("results/upscaled/one/one.ome.zarr/zarr.json",))
    assert done.returncode == 0, done.stderr[-6000:]
    assert digests(folder) == before


def test_the_plan_comes_before_the_work(trained: Path, snakemake: Snakemake) -> None:
    np.save(trained / "large.npy", np.zeros((20, 300, 300), np.uint8))
    options = overlay(trained, large=entry(path="large.npy", slabs=4))
    done = snakemake(trained, *options, targets=("upscale_plan",))
    assert done.returncode == 0, done.stderr[-6000:]
    plan = (trained / "results/logs/plan_upscale/large.txt").read_text(encoding="utf-8")
    assert "20 x 300 x 300 voxels of uint8 become 20 x 1200 x 1200" in plan
    assert plan in done.stdout + done.stderr
    assert done.stdout.rstrip().endswith(plan.rstrip())  # not with the table of metrics
    assert not (trained / "results/upscaled/large").exists()


def test_a_volume_that_is_missing_is_fetched_first(trained: Path, snakemake: Snakemake) -> None:
    fetched = {
        "path": "data/raw/plug.npy",
        "url": [(trained / "plug.npy").as_uri()],
        "sha256": ["0" * 64],
    }
    options = overlay(trained, fetched=entry(**fetched))
    target = "results/upscaled/fetched/layout.json"
    planned = planned_jobs(snakemake(trained, "-n", *options, targets=(target,)))
    assert planned == {"fetch_volume data/raw/plug.npy", "prepare_upscale fetched"}


@pytest.mark.soak
def test_real_rock_in_all_axes(trained: Path, snakemake: Snakemake, shared_data: Path) -> None:
    volume = shared_data / "bentheimer_pair_lr6um.tif"
    settings = entry(path=str(volume), voxel_size_um=6.0, axes="mean", tile=64, slabs=2)
    options = overlay(trained, bentheimer=settings)
    target = "results/upscaled/bentheimer/bentheimer.ome.zarr/zarr.json"
    done = snakemake(trained, *options, targets=(target,))
    assert done.returncode == 0, done.stderr[-6000:]
    with open_volume(trained / target.removesuffix("/zarr.json")) as sr:
        assert sr.shape == (120, 180, 840)
        assert sr.voxel_size_um == (1.5, 1.5, 1.5)
        fine = sr.read(0, 120).reshape(30, 4, 45, 4, 210, 4).mean(axis=(1, 3, 5))
    with open_volume(volume, voxel_size_um=6.0) as lr:
        coarse = lr.read(0, 30)
    assert np.corrcoef(fine.ravel(), coarse.ravel())[0, 1] > 0.95
