"""A fine and a coarse scan of one rock through the whole workflow."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import pair_study

from .conftest import Clone, Snakemake
from .planning import planned_jobs

OVERLAYS = ("--configfile", "pair.yaml", "twice.yaml")
TWICE = {
    "models": {"srresnet": {"seeds": [1, 2]}},
    "evaluation": {"rock": {}},
    "upscale": {"plug": {"spread": True}},
}


@pytest.fixture(scope="module")
def folder(clone: Clone, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone with two scans of one rock, and a model that is trained twice."""
    directory = pair_study.write(clone(tmp_path_factory.mktemp("pair")))
    (directory / "twice.yaml").write_text(yaml.safe_dump(TWICE), encoding="utf-8")
    return directory


def test_a_pair_is_registered_fitted_and_resampled_once(folder: Path, snakemake: Snakemake):
    jobs = planned_jobs(snakemake(folder, "-n", *OVERLAYS))
    scans = ("register_volumes", "fit_degradation", "resample_coarse", "simulated_to_real")
    assert {f"{rule} rock" for rule in scans} <= jobs
    assert not {job for job in jobs if job.startswith(scans)} - {f"{rule} rock" for rule in scans}
    assert {"make_pairs imitated", "make_pairs shrunken", "judge_upscaled plug"} <= jobs
    assert {"measure_upscaled plug/slices", "spread_upscaled plug", "plot_spread plug"} <= jobs
    assert {"train srresnet_seed2", "prepare_upscale plug_seed2"} <= jobs
    assert not {"judge_upscaled plug_seed2", "plot_upscaled plug_seed2"} & jobs


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
    done = snakemake(folder, *OVERLAYS)
    assert done.returncode == 0, done.stderr[-4000:]
    results = folder / "results"
    found = json.loads((results / "registration" / "rock.json").read_text(encoding="utf-8"))
    # Slices follow x, so that x comes first.
    turned = [pair_study.SHIFT_UM[2], *pair_study.SHIFT_UM[:2]]
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
    pores = {
        row["method"]: row["seeds"] for row in rows_of(results / "upscaled/plug/rock.slices.csv")
    }
    assert pores == {"cubic": "1", "srresnet": "2"}
    spread = {row["measure"]: row for row in rows_of(results / "upscaled/plug/spread.csv")}
    assert float(spread["grey_spread"]["mean"]) > 0
    assert float(spread["porosity"]["low"]) < float(spread["porosity"]["high"])
    for figure in ("samples/rock/registration", "samples/rock/degradation", "upscaled/plug/spread"):
        assert (results / "figures" / f"{figure}.png").stat().st_size > 10_000
    assert planned_jobs(snakemake(folder, "-n", *OVERLAYS)) == set()
    proof = snakemake(folder, *OVERLAYS, targets=("provenance", "verify_provenance"))
    assert proof.returncode == 0, proof.stdout[-2000:] + proof.stderr[-2000:]
