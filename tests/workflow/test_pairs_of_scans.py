"""A fine and a coarse scan of one rock through the whole workflow."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import yaml
from helpers import twin_scans

from sandstone.registration.transform import Transform

from .conftest import Clone, Snakemake
from .planning import planned_jobs

FINE, COARSE = (96, 96, 96), (32, 32, 32)  # voxels of 2 and of 6 µm
SHIFT_UM = (1.5, -2.5, 2.0)
OVERLAY = {
    "samples": {
        "phantom": None,
        "rock": {"path": "fine.tif", "voxel_size_um": 2, "axis": "x"},
        "shrunken": {"scan_of": "rock"},
        "imitated": {"scan_of": "rock", "degradation": {"kernel": "fitted", "from": "rock"}},
    },
    "slices": {"field_of_view": "full"},
    "pairs": {"scale": 3, "hr_size": 48, "stride": 24, "depth_step": 2, "guard_um": 30},
    "models": {
        "srgan": None,
        "srresnet": {
            "train_on": ["imitated"],
            "generator": {"blocks": 1, "filters": 8},
            "steps": 4,
            "batch": 4,
            "crop": 12,
            "validate_every": 2,
        },
    },
    "evaluation": {
        "samples": ["rock", "shrunken"],
        "models": ["srresnet"],
        "baselines": ["bicubic"],
        "resamples": 200,
    },
}
OVERLAY["samples"]["rock"]["lr"] = {"path": "coarse.tif", "voxel_size_um": 6}
UPSCALED = {"path": "coarse.tif", "voxel_size_um": 6, "model": "srresnet", "hr": "rock"}


@pytest.fixture(scope="module")
def folder(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with two scans of one rock."""
    directory = clone(tmp_path_factory.mktemp("pair"))
    rock = twin_scans.grains([192.0] * 3, size_um=9.0, count=400, seed=1)
    moved = Transform(shift_um=SHIFT_UM)
    fine = twin_scans.scan(rock, FINE, (2.0,) * 3, noise=2.0, seed=1)
    coarse = twin_scans.scan(
        rock, COARSE, (6.0,) * 3, transform=moved, blur_um=6.0, noise=1.0, seed=2
    )
    for name, voxels in (("fine", fine), ("coarse", coarse)):
        grey = np.rint(voxels).clip(0, 255).astype(np.uint8)
        tifffile.imwrite(directory / f"{name}.tif", grey, photometric="minisblack")
    overlay = {**OVERLAY, "upscale": {"plug": {**UPSCALED, "axes": "mean"}}}
    (directory / "pair.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return directory


def test_a_pair_is_registered_fitted_and_resampled_once(folder: Path, snakemake: Snakemake):
    jobs = planned_jobs(snakemake(folder, "-n", "--configfile", "pair.yaml"))
    scans = ("register_volumes", "fit_degradation", "resample_coarse", "simulated_to_real")
    assert {f"{rule} rock" for rule in scans} <= jobs
    assert not {job for job in jobs if job.startswith(scans)} - {f"{rule} rock" for rule in scans}
    assert {"make_pairs imitated", "make_pairs shrunken", "judge_upscaled plug"} <= jobs


def test_a_coarse_scan_of_other_voxels_is_refused_at_the_start(folder: Path, snakemake: Snakemake):
    file = folder / "halved.yaml"
    file.write_text("pairs: {scale: 2}", encoding="utf-8")
    done = snakemake(folder, "-n", "--configfile", "pair.yaml", file)
    assert done.returncode == 2
    assert "the coarse scan has voxels of 6 x 6 µm against 2 x 2 µm" in done.stderr
    assert "set pairs.scale to 3" in done.stderr


def rows_of(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.soak
def test_a_pair_goes_all_the_way(folder: Path, snakemake: Snakemake):
    options = ("--configfile", "pair.yaml")
    done = snakemake(folder, *options)
    assert done.returncode == 0, done.stderr[-4000:]
    results = folder / "results"
    found = json.loads((results / "registration" / "rock.json").read_text(encoding="utf-8"))
    # Slices follow x, so that x comes first.
    turned = [SHIFT_UM[2], *SHIFT_UM[:2]]
    np.testing.assert_allclose(found["transform"]["shift_um"], turned, atol=0.2)
    assert found["correlation"]["after"] > max(0.95, found["correlation"]["before"])
    assert {
        row["method"] for row in rows_of(results / "metrics" / "rock.simulated_to_real.csv")
    } == {*("bicubic", "srresnet")}
    judged = {
        row["method"]: float(row["mean"])
        for row in rows_of(results / "upscaled" / "plug" / "quality.csv")
    }
    assert judged.keys() == {"cubic", "srresnet"}
    for figure in ("samples/rock/registration", "samples/rock/degradation"):
        assert (results / "figures" / f"{figure}.png").stat().st_size > 10_000
    assert planned_jobs(snakemake(folder, "-n", *options)) == set()
    proof = snakemake(folder, *options, targets=("provenance", "verify_provenance"))
    assert proof.returncode == 0, proof.stdout[-2000:] + proof.stderr[-2000:]
