"""The figure of PSNR against LPIPS, with the curves of models between two others."""

import csv
from pathlib import Path

import pytest

import plot_trade_off
from sandstone.errors import InputError
from sandstone.metrics.tables import SUMMARY_COLUMNS

MEANS = {
    "bicubic": (26.8, 0.40),
    "faithful": (29.5, 0.28),
    "half": (29.4, 0.26),
    "sharp": (28.2, 0.23),
}


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    path = tmp_path / "summary.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, SUMMARY_COLUMNS, restval="")
        table.writeheader()
        for method, values in MEANS.items():
            for metric, mean in zip(("psnr_db", "lpips"), values, strict=True):
                row = {"sample": "rock", "method": method, "metric": metric, "mean": mean, "n": 3}
                table.writerow(row)
    return path


def draw(summary: Path, *flags: str, sample: str = "rock") -> Path:
    png, pdf = summary.with_suffix(".png"), summary.with_suffix(".pdf")
    words = ["--summary", str(summary), "--sample", sample, *flags]
    plot_trade_off.main([*words, "--png", str(png), "--pdf", str(pdf)])
    return png


def test_methods_lie_where_they_score_and_the_curve_joins_its_models(summary: Path) -> None:
    means = plot_trade_off.read_means(str(summary), "rock")
    figure = plot_trade_off.draw(means, "rock", [["faithful", "half", "sharp"]], "half")
    [axes] = figure.axes
    [curve] = axes.lines
    assert [tuple(point) for point in curve.get_xydata()] == [
        (lpips, psnr) for psnr, lpips in list(MEANS.values())[1:]
    ]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [*MEANS, "recommended"]
    low, high = axes.get_xlim()
    assert low > high, "less LPIPS is better, so it lies to the right"


def test_it_is_written_without_a_recommendation_too(summary: Path) -> None:
    assert draw(summary, "--curves", "faithful/half/sharp").stat().st_size > 5000


def test_what_is_not_measured_is_refused(summary: Path) -> None:
    with pytest.raises(InputError, match="does not measure quarter"):
        draw(summary, "--curves", "faithful/quarter/sharp")
    with pytest.raises(InputError, match="has no sample other"):
        draw(summary, "--curves", "faithful/half/sharp", sample="other")
