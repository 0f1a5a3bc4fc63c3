"""What pores say, through the rules: made from a finished run, and nothing else is made again."""

import shutil
from pathlib import Path

import yaml

from .conftest import Snakemake
from .faults import assert_success
from .planning import planned_jobs

ROCK = {"evaluation": {"rock": {"phases": 2, "steps": 1}}}


def test_the_pores_of_a_finished_run_are_measured(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny[0], tmp_path / "copy", copy_function=shutil.copy2))
    (folder / "rock.yaml").write_text(yaml.safe_dump(ROCK), "utf-8")
    options = ("--configfile", "tests/config/tiny.yaml", "rock.yaml")
    table = "results/rock/phantom.slices.csv"
    figure = "results/figures/evaluation/phantom/rock_slices.png"
    planned = planned_jobs(snakemake(folder, "-n", *options, targets=(table, figure)))
    assert {job.split()[0] for job in planned} == {"measure_rock", "summarise_rock", "plot_rock"}
    assert_success(snakemake(folder, *options, targets=("provenance", "overview")))
    crate = (folder / "results/ro-crate-metadata.json").read_text("utf-8")
    assert (folder / figure).stat().st_size > 10_000
    assert "phantom,srgan,surface_per_mm," in (folder / table).read_text("utf-8")
    assert "rock/phantom.slices.csv" in crate
    assert "rock/srgan/phantom.slices.csv" in crate
    assert "srgan" in (folder / "results/overview.html").read_text("utf-8")
    assert planned_jobs(snakemake(folder, "-n", *options, targets=("all", "overview"))) == set()
