"""Figures of the evaluation: the comparison of methods, metrics and spectra."""

import math

import numpy as np
import pytest
from helpers import tile_pairs
from helpers.small_figures import (
    ARGUMENTS,
    HR,
    SAMPLE,
    SCALE,
    call,
    swapped,
    tiles,
    write_metrics,
    write_predictions,
    write_spectrum,
    write_summary,
)

import plot_comparison
from sandstone.dataset.pairs import open_pairs
from sandstone.imaging import grey
from sandstone.imaging.resample import resize


@pytest.mark.parametrize("figure", ["comparison", "spectra"])
def test_tables_of_another_sample_are_refused(figure, tmp_path, refuse_figure):
    other = tmp_path / "other.csv"
    write = write_metrics if figure == "comparison" else write_spectrum
    write(other, "srresnet", sample="other")
    arguments = [
        str(other) if word.startswith("srresnet") and word.endswith("csv") else word
        for word in ARGUMENTS[figure]
    ]
    refuse_figure(arguments, "is of other but the pairs are of plug")


def test_predictions_without_their_metrics_are_refused(refuse_figure):
    arguments = [word for word in ARGUMENTS["comparison"] if word != "srresnet.csv"]
    refuse_figure(arguments, "srresnet is in only one of")


def test_predictions_of_other_pairs_are_refused(figure_inputs, tmp_path, refuse_figure):
    other = tmp_path / "other.h5"
    write_predictions(other, figure_inputs / "pairs.h5", "srresnet", sample="other")
    arguments = [str(other) if word == "srresnet.h5" else word for word in ARGUMENTS["comparison"]]
    refuse_figure(arguments, "does not hold the test tiles")


def test_metrics_of_other_tiles_are_refused(tmp_path, refuse_figure):
    other = tmp_path / "other.csv"
    write_metrics(other, "srresnet")
    other.write_text("".join(other.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]))
    arguments = [str(other) if word == "srresnet.csv" else word for word in ARGUMENTS["comparison"]]
    refuse_figure(arguments, "measures 2 tiles but the pairs have 3 to test")


def test_a_summary_must_hold_every_method(tmp_path, refuse_figure):
    write_summary(tmp_path / "other.csv", methods=["bicubic"])
    arguments = swapped("metrics", summary=str(tmp_path / "other.csv"))
    refuse_figure(arguments, "lacks psnr_db of srresnet on plug")


def test_a_method_is_drawn_once(refuse_figure):
    arguments = swapped("metrics", srresnet="bicubic.csv")
    refuse_figure(arguments, "names a method twice")


def test_spectra_must_agree_about_hr(tmp_path, refuse_figure):
    write_spectrum(tmp_path / "other.csv", "srresnet", hr=2.0)
    arguments = swapped("spectra", srresnet=str(tmp_path / "other.csv"))
    refuse_figure(arguments, "another spectrum of hr")


def test_metrics_without_interval_and_of_identical_tiles_are_drawn(
    figure_inputs, tmp_path, monkeypatch
):
    monkeypatch.chdir(figure_inputs)
    write_metrics(tmp_path / "perfect.csv", "bicubic", psnr=(math.inf,) * 3)
    write_summary(tmp_path / "summary.csv", interval=("", ""))
    text = (
        (tmp_path / "summary.csv")
        .read_text()
        .replace("bicubic,psnr_db,27.0", "bicubic,psnr_db,inf")
    )
    (tmp_path / "summary.csv").write_text(text)
    arguments = swapped(
        "metrics", bicubic=str(tmp_path / "perfect.csv"), summary=str(tmp_path / "summary.csv")
    )
    call(arguments, tmp_path / "figure")
    assert (tmp_path / "figure.png").exists()


def test_the_example_is_the_median_tile_of_bicubic(tmp_path):
    import plot_comparison

    write_metrics(tmp_path / "a.csv", "srresnet", psnr=(1.0, 2.0, 3.0))
    write_metrics(tmp_path / "b.csv", "bicubic", psnr=(26.0, 28.0, 27.0))
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    tables = plot_comparison.read_tables(paths, SAMPLE, tiles=3)
    assert plot_comparison.representative_tile(tables) == (2, "bicubic")
    assert plot_comparison.representative_tile({"srresnet": tables["srresnet"]}) == (1, "srresnet")


def test_the_comparison_shows_where_each_method_contradicts_lr(figure_inputs):
    with open_pairs(figure_inputs / "pairs.h5") as pairs:
        found = plot_comparison.read_example(pairs, [figure_inputs / "srresnet.h5"], 0).lr_errors
        test = pairs.split("test")
        lr, again = (
            test.lr[0],
            resize(grey.to_unit(tiles(3, HR, 9)[0]), (HR // SCALE,) * 2, "bicubic"),
        )
    expected = abs(grey.from_unit(again, lr.dtype).astype(float) - lr)
    shown = np.isfinite(found["srresnet"])
    assert [np.count_nonzero(shown), shown[2:-2, 2:-2].all()] == [(HR // SCALE - 4) ** 2, True]
    np.testing.assert_array_equal(found["srresnet"][shown], expected[shown])


@pytest.mark.parametrize(("kernel", "rows"), [("bicubic", 4), ("scanned", 3)])
def test_the_comparison_has_a_row_of_lr_errors_where_it_can(figure_inputs, kernel, rows):
    about = tile_pairs.about(sample=SAMPLE, degradation={"kernel": kernel})
    sr = {"srresnet": tiles(1, HR, 9)[0]}
    lr, hr = tiles(1, HR // SCALE, 1)[0], tiles(1, HR, 2)[0]
    example = plot_comparison.Example(0, lr, hr, sr, plot_comparison.lr_errors(lr, sr, about))
    tables = plot_comparison.read_tables([str(figure_inputs / "srresnet.csv")], SAMPLE, 3)
    axes = plot_comparison.draw(example, tables, about).axes
    assert sum(axis.get_xlabel().startswith("PSNR") for axis in axes) == 1
    assert len(axes) == 3 * rows
