"""What the figure of the metrics says of gains and of the rock, beside the tiles that it draws."""

import csv
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import plot_metrics
from sandstone.metrics.tables import SUMMARY_COLUMNS

PSNR = "PSNR (dB), higher is better"
METHODS = ("bicubic", "lanczos", "srresnet", "srgan")


def write_csv(path: Path, header: object, rows: object) -> str:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return str(path)


def drawn(
    folder: Path, gains: dict[str, tuple], methods: tuple[str, ...] = METHODS, ceiling: object = ""
) -> Figure:
    """Return the figure of two metrics, of which the first has a ceiling."""
    corners = [(0, 10, 0, 0), (1, 20, 0, 0)]
    header = ("sample", "method", "tile", "z", "y", "x", "psnr_db", "ssim")
    tables = [
        write_csv(
            folder / f"{name}.csv",
            header,
            [("rock", name, *corner, 27 + corner[0], 0.7) for corner in corners],
        )
        for name in methods
    ]
    rows = [
        ("rock", name, metric, 27.5, 27, 28, 2, 27.5, "lanczos", *gains.get(name, ("",) * 4), end)
        for name in methods
        for metric, end in (("psnr_db", ceiling), ("ssim", ""))
    ]
    metrics = plot_metrics.read_metrics(tables)
    summary = write_csv(folder / "summary.csv", SUMMARY_COLUMNS, rows)
    figure = plot_metrics.draw(metrics, plot_metrics.read_summary(summary, metrics))
    figure.draw_without_rendering()
    return figure


def panels(folder: Path, gains: dict[str, tuple], methods: tuple[str, ...] = METHODS):
    """Return what the figure says below its panel and beside its methods."""
    first = drawn(folder, gains, methods).axes[0]
    return first.get_xlabel().split("\n"), [text.get_text() for text in first.get_yticklabels()]


def test_gains_of_models_stand_below_the_axis_with_their_verdict(tmp_path: Path):
    gains = {
        "bicubic": (-0.4, -0.5, -0.3, ""),
        "srresnet": (0.0085, 0.0044, 0.0122, "seen"),
        "srgan": (-0.1, -0.3, 0.2, "unseen"),
    }
    below, beside = panels(tmp_path, gains)
    assert below == [
        PSNR,
        "gain over lanczos, tile by tile:",
        "srresnet: +0.009 [+0.004, +0.012], better",
        "srgan: -0.100 [-0.300, +0.200], not distinguishable",
    ]
    assert beside == ["bicubic", "lanczos", "srresnet\n(seen rock)", "srgan\n(unseen rock)"]


def test_the_noise_of_hr_is_a_line_where_it_is_known(tmp_path: Path):
    def labels(ceiling: object) -> list[list[str]]:
        axes = drawn(tmp_path, {}, ceiling=ceiling).axes
        return [each.get_legend_handles_labels()[1] for each in axes]

    first, second = labels(31.5)
    assert "the rock without the noise of HR" in first
    assert "the rock without the noise of HR" not in second
    assert all("noise" not in label for each in labels("") for label in each)


def test_a_gain_without_interval_has_no_verdict(tmp_path: Path):
    below, _ = panels(tmp_path, {"srgan": (1.5, "", "", "unknown")}, methods=("lanczos", "srgan"))
    assert below[-1] == "srgan: +1.500 [none], no verdict"


@pytest.mark.parametrize("methods", [("bicubic", "lanczos"), ("srgan",)])
def test_where_no_model_gains_over_an_interpolation_the_axis_says_what_it_shows(
    tmp_path: Path, methods: tuple[str, ...]
):
    gains = {"bicubic": (-0.4, -0.5, -0.3, ""), "srgan": ("", "", "", "seen")}
    below, _ = panels(tmp_path, gains, methods)
    assert below == [PSNR]
