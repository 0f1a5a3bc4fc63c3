"""The tiny config from volume to figures, and what a second call does."""

import csv
import re
import shutil
from pathlib import Path

from .conftest import Snakemake
from .faults import copy_of
from .planning import planned_jobs

TINY = ("--configfile", "tests/config/tiny.yaml")
METHODS = ["nearest", "bilinear", "bicubic", "lanczos", "srresnet", "srgan"]


def test_every_artefact_is_there(tiny: tuple[Path, str]) -> None:
    results = tiny[0] / "results"
    expected = [
        *(f"slices/phantom{suffix}" for suffix in (".tif", ".mask.tif", ".json")),
        "pairs/phantom.h5",
        *(
            f"models/{model}/{name}"
            for model in ("srresnet", "srgan")
            for name in ("generator.weights.h5", "generator.json", "history.csv")
        ),
        *(f"predictions/{method}/phantom.h5" for method in METHODS),
        *(f"metrics/{method}/phantom.csv" for method in METHODS),
        *(
            f"figures/{figure}.{suffix}"
            for suffix in ("png", "pdf")
            for figure in (
                "samples/phantom/pairs",
                "samples/phantom/histogram",
                "samples/phantom/split",
                "models/srgan/generator",
                "models/srgan/discriminator",
                "models/srgan/training",
                "evaluation/phantom/comparison",
                "evaluation/phantom/metrics",
                "evaluation/phantom/spectra",
            )
        ),
    ]
    missing = [name for name in expected if not (results / name).is_file()]
    assert missing == []


def test_the_summary_is_tidy(tiny: tuple[Path, str]) -> None:
    with (tiny[0] / "results/metrics/summary.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == [
        *("sample", "method", "metric", "mean", "ci_low", "ci_high", "n", "median"),
        *("baseline", "gain", "gain_low", "gain_high", "rock", "ceiling", "seeds", "seed_sd"),
        "domain",
    ]
    assert [(row["method"], row["metric"]) for row in rows] == [
        (method, metric) for method in METHODS for metric in ("psnr_db", "ssim", "lr_rmse")
    ]
    for row in rows:
        assert float(row["ci_low"]) <= float(row["mean"]) <= float(row["ci_high"])
        assert int(row["n"]) > 0
        assert row["rock"] == ("seen" if row["method"] in ("srresnet", "srgan") else "")
        assert row["domain"] == ""
        assert bool(row["ceiling"]) == (row["metric"] == "psnr_db")
        if row["method"] != row["baseline"]:
            assert float(row["gain_low"]) <= float(row["gain"]) <= float(row["gain_high"])


def test_the_runs_with_the_table_and_where_to_look(tiny: tuple[Path, str]) -> None:
    ending = tiny[1][-3000:]
    assert "mean [95% interval]" in ending
    assert re.search(r"srgan +\d+\.\d+ \[", ending)
    assert re.search(r"srgan +seen +psnr_db +\w+ +[+-]\d+\.\d+ \[.*\] +\w+", ending)
    assert "results/figures/" in ending


def test_the_log_on_disk_is_complete(tiny: tuple[Path, str]) -> None:
    log = (tiny[0] / "results/logs/train/srresnet.log").read_text(encoding="utf-8")
    assert "6/6" in log


def test_a_second_run_has_nothing_to_do(tiny: tuple[Path, str], snakemake: Snakemake) -> None:
    assert planned_jobs(snakemake(tiny[0], "-n", *TINY)) == set()


def test_a_deleted_artefact_comes_back_identical(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = copy_of(tiny[0], tmp_path / "run")
    for name in ("metrics/bicubic/phantom.csv", "figures/evaluation/phantom/comparison.png"):
        file = folder / "results" / name
        before = file.read_bytes()
        file.unlink()
        done = snakemake(folder, *TINY, targets=(file.relative_to(folder),))
        assert done.returncode == 0, done.stderr
        assert file.read_bytes() == before


def test_a_model_without_adversarial_loss_has_no_figure_of_a_discriminator(
    tiny: tuple[Path, str],
) -> None:
    figures = tiny[0] / "results/figures/models"
    drawn = [str(file.relative_to(figures)) for file in sorted(figures.rglob("discriminator.*"))]
    assert drawn == [f"srgan/discriminator.{end}" for end in ("pdf", "png", "provenance.json")]


REPORT = ("--report-stylesheet", "workflow/report/report.css", "--report", "results/report.html")


def test_a_report_may_be_made_before_everything_is_there(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    folder = copy_of(tiny[0], tmp_path / "run")
    missing = "results/figures/evaluation/phantom/spectra.png"
    (folder / missing).unlink()
    shutil.rmtree(folder / "results/figures/models")
    done = snakemake(folder, *TINY, *REPORT, targets=("finished",))
    assert done.returncode == 0, done.stderr
    named = re.findall(r"^not there yet: (.*)$", done.stderr, re.MULTILINE)
    assert len(named) == len(set(named)) == 6
    assert missing in named
    report = (folder / "results/report.html").read_text(encoding="utf-8")
    assert "comparison of methods" in report
    assert "power spectra" not in report


def test_the_report_holds_every_figure(tiny: tuple[Path, str], snakemake: Snakemake) -> None:
    done = snakemake(tiny[0], *TINY, *REPORT, targets=("finished",))
    assert done.returncode == 0, done.stderr
    assert "not there yet" not in done.stderr
    report = (tiny[0] / "results/report.html").read_text(encoding="utf-8")
    for label in ("tile pairs", "training curves", "comparison of methods", "power spectra"):
        assert label in report
    assert "has changed since some results were made" not in report
    assert "nothing records it" not in report


def test_the_report_of_an_edited_config_says_what_made_the_results(
    tiny: tuple[Path, str], snakemake: Snakemake, tmp_path: Path
) -> None:
    edited = tmp_path / "edited.yaml"
    edited.write_text(
        "models: {srresnet: {steps: 500000}}\nevaluation: {confidence: 0.99}\n", "utf-8"
    )
    done = snakemake(tiny[0], *TINY, edited, "--report", tmp_path / "report.html")
    assert done.returncode == 0, done.stderr
    report = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "has changed since some results were made" in report
    assert "steps 6, now 500000 in the configuration" in report
    assert "confidence 0.95, now 0.99 in the configuration" in report
    assert "for 6 steps" in report
    assert report.count("95 % confidence interval") == 2  # of the front page and of a caption
    assert "99 %" not in report
