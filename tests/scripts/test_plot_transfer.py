"""The map of gains, models by samples."""

import csv
from pathlib import Path

import pytest

import plot_transfer
from sandstone.errors import InputError
from sandstone.metrics.tables import SUMMARY_COLUMNS

GAINS = {
    ("berea", "first"): (2.0, 1.5, 2.5, "seen"),
    ("berea", "second"): (0.4, "", "", "unseen"),
    ("doddington", "first"): (-1.0, -1.5, -0.5, "unseen"),
    ("doddington", "second"): (1.0, 0.5, 1.5, "seen"),
}


@pytest.fixture
def summary(tmp_path: Path) -> Path:
    path = tmp_path / "summary.csv"
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, SUMMARY_COLUMNS, restval="")
        table.writeheader()
        for (sample, method), (gain, low, high, rock) in GAINS.items():
            outside = "softer" if (sample, method) == ("doddington", "first") else ""
            shared = {
                "domain": outside,
                "sample": sample,
                "mean": 27,
                "n": 3,
                "baseline": "lanczos",
            }
            for metric in ("psnr_db", "ssim"):
                row = {"method": method, "metric": metric, "gain": gain, "rock": rock}
                table.writerow({**shared, **row, "gain_low": low, "gain_high": high})
            table.writerow({**shared, "method": "lanczos", "metric": "psnr_db"})
    return path


def test_each_cell_tells_a_gain_and_seen_rock_has_a_frame(summary: Path) -> None:
    models = ["first", "second"]
    figure = plot_transfer.draw(plot_transfer.read_gains(str(summary), models), models)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "+2.00\n[+1.50, +2.50]",
        "+0.40\n[none]",
        "-1.00\n[-1.50, -0.50]\noutside its domain",
        "+1.00\n[+0.50, +1.50]",
    ]
    assert len(axes.patches) == 2
    assert axes.get_images()[0].get_array().tolist() == [[2.0, 0.4], [-1.0, 1.0]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["berea", "doddington"]


def test_models_stand_in_the_order_given_and_others_are_left_out(summary: Path) -> None:
    figure = plot_transfer.draw(plot_transfer.read_gains(str(summary), ["second"]), ["second"])
    assert figure.axes[0].get_images()[0].get_array().tolist() == [[0.4], [1.0]]


def test_a_model_that_is_not_measured_is_refused(summary: Path) -> None:
    with pytest.raises(InputError, match="does not measure third on berea"):
        plot_transfer.read_gains(str(summary), ["first", "third"])


def test_without_an_interpolation_there_is_no_gain(summary: Path) -> None:
    text = summary.read_text(encoding="utf-8")
    for gain, *_ in GAINS.values():
        text = text.replace(f",{gain},", ",,")
    summary.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="no gain over an interpolation"):
        plot_transfer.read_gains(str(summary), ["first"])
