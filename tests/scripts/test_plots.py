"""Every figure script on small synthetic inputs."""

import csv
import importlib
import json
import math

import matplotlib.image
import numpy as np
import pytest
from helpers import tile_pairs

from sandstone.dataset import slices
from sandstone.errors import InputError
from sandstone.metrics import tables
from sandstone.models import description, options
from sandstone.tiff_stack import write_stack
from sandstone.training import history

SAMPLE, SCALE, HR, GREY_MAX = "plug", 4, 32, 255
VOXEL_UM = (2.0, 2.0, 2.0)
METHODS = ("bicubic", "srresnet")
Z = {"train": [0, 0, 2], "val": [6], "test": [10, 11, 13]}
SLICES = {"train": (0, 3), "val": (6, 7), "test": (10, 13)}


def tiles(count, size, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(0, GREY_MAX + 1, (count, size, size), dtype=np.uint8)


def corners(name):
    z = np.asarray(Z[name], np.int32)
    return z, np.arange(z.size, dtype=np.int32) * 8, np.full_like(z, 16)


def write_pairs(path):
    hr, lr = (
        {name: tiles(len(zs), size, seed) for seed, (name, zs) in enumerate(Z.items())}
        for size in (HR, HR // SCALE)
    )
    places = {name: corners(name) for name in Z}
    tile_pairs.write(path, hr, lr, corners=places, slices=SLICES, sample=SAMPLE)


def write_predictions(path, reference, method, **changes):
    tile_pairs.predict(path, reference, tiles(len(Z["test"]), HR, 9), method=method, **changes)


def write_csv(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def write_metrics(path, method, psnr=(26.0, 28.0, 27.0), sample=SAMPLE):
    rows = [
        [sample, method, tile, *corner, value, 0.7 + tile / 100]
        for tile, (*corner, value) in enumerate(zip(*corners("test"), psnr, strict=True))
    ]
    write_csv(path, ["sample", "method", "tile", "z", "y", "x", "psnr_db", "ssim"], rows)


def write_summary(path, methods=METHODS, interval=(26.5, 27.5)):
    rows = [
        [SAMPLE, method, metric, mean, *bounds, 3, mean, *[""] * 5]
        for method in methods
        for metric, mean, bounds in (("psnr_db", 27.0, interval), ("ssim", 0.71, (0.7, 0.72)))
    ]
    write_csv(path, tables.SUMMARY_COLUMNS, rows)


def write_spectrum(path, method, hr=1.0, sample=SAMPLE):
    frequencies = [k / (2.0 * HR) for k in range(1, HR // 2 + 1)]
    rows = [
        [sample, name, f, level / f**2]
        for name, level in (("hr", hr), (method, 0.5))
        for f in frequencies
    ]
    write_csv(path, ["sample", "method", "frequency_per_um", "power"], rows)


def write_history(path, *, adversarial):
    rows = []
    for step in range(1, 41):
        row = {"step": step, "learning_rate": 1e-3, "loss": 1 / step, "loss_pixel": 1 / step}
        if adversarial:
            row |= {"loss_content": 0.3, "loss_adversarial": 0.7, "loss_discriminator": 0.6}
            row |= {"discriminator_real": 0.6, "discriminator_fake": 0.4}
        if step % 10 == 0:
            row |= {"val_psnr_db": 25 + step / 10, "val_ssim": 0.7}
        rows.append(row)
    path.write_text(history.to_csv(rows), encoding="utf-8")


def write_slices(folder):
    shape = (3, 20, 24)
    grey = np.random.default_rng(5).integers(1, GREY_MAX, shape, dtype=np.uint8)
    mask = np.zeros(shape, np.uint8)
    mask[:, 5:15, 4:14] = slices.ROCK
    grey[mask == 0] = 0
    grey[:, 5, 4:14] = GREY_MAX
    for name, stack in (("slices", grey), ("mask", mask)):
        write_stack(
            folder / f"{name}.tif", stack, shape=shape, dtype=np.uint8, voxel_size_um=VOXEL_UM
        )
    metadata = {
        "sample": SAMPLE,
        "source": {"files": [], "shape": [14, 90, 60], "dtype": "uint16"},
        "voxel_size_um": VOXEL_UM,
        "shape": shape,
        "dtype": "uint8",
        "origin": [0, 0, 4],
        "window": {"low": 1000.0, "high": 30000.0, "percentiles": [0.1, 99.9]},
        "grey_max": GREY_MAX,
        "field_of_view": {"mode": "auto"},
    }
    (folder / "slices.json").write_text(json.dumps(metadata), encoding="utf-8")


def write_fit(path, noise_slope=0.0001):
    """What `fit_degradation` writes of a pair of scans."""
    grey = [60.0, 80.0, 100.0]
    fit = {
        "sample": SAMPLE,
        "scale": SCALE,
        "fine_voxel_size_um": VOXEL_UM,
        "coarse_voxel_size_um": [2.0, 8.0, 8.0],
        "psf_sigma": [3.2, 3.4, 3.6],
        "grey": {"fine": grey, "coarse": [70.0, 85.0, 104.0]},
        "grey_bins": {"fine": grey, "coarse": [71.0, 84.0, 104.5], "counts": [400, 50, 2000]},
        "noise": {"noise": 0.015, "noise_slope": noise_slope, "correlation": [0.9, 0.8, 0.8]},
        "noise_bins": {"grey": [0.2, 0.7], "variance": [2.4e-4, 3e-4], "counts": [300, 900]},
        "residual": {"deviation": 0.016, "correlation": 0.99},
        "spectrum": {
            "frequency_per_um": [0.01, 0.03, 0.06],
            "coarse": [9.0, 0.2, 0.003],
            "model": [8.9, 0.15, 1e-5],
        },
    }
    path.write_text(json.dumps(fit), encoding="utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("inputs")
    write_pairs(path / "pairs.h5")
    write_slices(path)
    for method in METHODS:
        write_predictions(path / f"{method}.h5", path / "pairs.h5", method)
        write_metrics(path / f"{method}.csv", method)
        write_spectrum(path / f"{method}.spectrum.csv", method)
    write_summary(path / "summary.csv")
    write_fit(path / "fit.json")
    write_history(path / "gan.csv", adversarial=True)
    generator = options.generator_config(batch_norm=True)
    discriminator = options.discriminator_config()
    for name, network in (("generator", generator), ("discriminator", discriminator), ("no", {})):
        (path / f"{name}.json").write_text(json.dumps(network), encoding="utf-8")
    return path


ARGUMENTS = {
    "pairs": ["plot_pairs", "--pairs", "pairs.h5"],
    "histogram": [
        *("plot_histogram", "--slices", "slices.tif"),
        *("--mask", "mask.tif", "--metadata", "slices.json"),
    ],
    "split": ["plot_split", "--pairs", "pairs.h5", "--metadata", "slices.json"],
    "degradation": ["plot_degradation", "--fit", "fit.json"],
    "generator": ["plot_network", "--network", "generator.json"],
    "training": ["plot_training", "--history", "gan.csv", "--model", "gan"],
    "comparison": [
        *("plot_comparison", "--pairs", "pairs.h5"),
        *("--predictions", "bicubic.h5", "srresnet.h5"),
        *("--metrics", "bicubic.csv", "srresnet.csv"),
    ],
    "metrics": [
        *("plot_metrics", "--metrics", "bicubic.csv", "srresnet.csv"),
        *("--summary", "summary.csv"),
    ],
    "spectra": [
        *("plot_spectra", "--spectra", "bicubic.spectrum.csv", "srresnet.spectrum.csv"),
        *("--pairs", "pairs.h5"),
    ],
}


def call(arguments, stem):
    script, *flags = arguments
    main = importlib.import_module(script).main
    main([*flags, "--png", f"{stem}.png", "--pdf", f"{stem}.pdf"])


@pytest.mark.parametrize("figure", ARGUMENTS)
def test_every_figure_is_the_same_bytes_twice(figure, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
    for stem in ("first", "second"):
        call(ARGUMENTS[figure], tmp_path / stem)
    assert_same_figures(tmp_path)


def test_another_process_writes_the_same_bytes(folder, tmp_path, monkeypatch, run_script):
    monkeypatch.chdir(folder)
    call(ARGUMENTS["metrics"], tmp_path / "first")
    script, *flags = ARGUMENTS["metrics"]
    absolute = [folder / flag if (folder / flag).is_file() else flag for flag in flags]
    second = tmp_path / "second"
    result = run_script(script, *absolute, "--png", f"{second}.png", "--pdf", f"{second}.pdf")
    assert (result.returncode, result.stderr) == (0, "")
    assert_same_figures(tmp_path)


def assert_same_figures(folder):
    for suffix in ("png", "pdf"):
        first, second = ((folder / f"{stem}.{suffix}").read_bytes() for stem in ("first", "second"))
        assert first == second
    height, width, _ = matplotlib.image.imread(folder / "first.png").shape
    assert min(height, width) >= 200
    assert (folder / "first.pdf").read_bytes().startswith(b"%PDF")


@pytest.fixture
def refuse(folder, tmp_path, monkeypatch):
    """Check that a script refuses its arguments and writes nothing."""
    monkeypatch.chdir(folder)

    def check(arguments, match):
        with pytest.raises(InputError, match=match):
            call(arguments, tmp_path / "figure")
        assert not list(tmp_path.glob("*figure*"))

    return check


def swapped(figure, **replacements):
    return [replacements.get(word.split(".")[0], word) for word in ARGUMENTS[figure]]


@pytest.mark.parametrize(
    ("figure", "content", "match"),
    [
        ("training", "step,loss\n1,2\n", "lacks the column learning_rate"),
        ("training", ",".join(history.COLUMNS) + "\n", "has no rows"),
        ("training", "", "is no CSV table"),
        ("generator", "{", "is not valid JSON"),
        ("generator", "[]", "holds no JSON object"),
        ("generator", '{"scale": 4, "colour": 1}', "another program or version"),
        ("split", "{}", "lacks sample"),
        ("degradation", "{}", "lacks sample; delete it and run fit_degradation.py again"),
        ("metrics", "sample,method\n", "lacks the column tile"),
        ("spectra", "sample,method\n", "lacks the column frequency_per_um"),
        ("pairs", "nonsense", "wrong"),
    ],
)
def test_wrong_files_are_refused_and_leave_nothing(figure, content, match, tmp_path, refuse):
    wrong = tmp_path / "wrong"
    wrong.write_text(content, encoding="utf-8")
    names = ("gan", "generator", "slices", "bicubic", "fit") if figure != "pairs" else ("pairs",)
    arguments = swapped(figure, **dict.fromkeys(names, str(wrong)))
    refuse(arguments, match)


@pytest.mark.parametrize("figure", ["pairs", "histogram", "split", "training", "spectra"])
def test_missing_files_are_named(figure, refuse):
    missing = dict.fromkeys(("pairs", "slices", "gan", "bicubic"), "missing.file")
    refuse(swapped(figure, **missing), "missing.file")


def test_a_missing_network_is_one_sentence_and_exit_code_2(tmp_path, run_script):
    flags = ("--network", "no.json", "--png", tmp_path / "a.png", "--pdf", tmp_path / "a.pdf")
    result = run_script("plot_network", *flags)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.count("\n") == 1
    assert "no.json" in result.stderr


def test_a_split_map_needs_the_metadata_of_its_sample(folder, tmp_path, refuse):
    metadata = json.loads((folder / "slices.json").read_text(encoding="utf-8"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps(metadata | {"sample": "other"}), encoding="utf-8")
    arguments = swapped("split", slices=str(other))
    refuse(arguments, "describes other but the pairs are of plug")


@pytest.mark.parametrize("figure", ["comparison", "spectra"])
def test_tables_of_another_sample_are_refused(figure, tmp_path, refuse):
    other = tmp_path / "other.csv"
    write = write_metrics if figure == "comparison" else write_spectrum
    write(other, "srresnet", sample="other")
    arguments = [
        str(other) if word.startswith("srresnet") and word.endswith("csv") else word
        for word in ARGUMENTS[figure]
    ]
    refuse(arguments, "is of other but the pairs are of plug")


def test_predictions_without_their_metrics_are_refused(refuse):
    arguments = [word for word in ARGUMENTS["comparison"] if word != "srresnet.csv"]
    refuse(arguments, "srresnet is in only one of")


def test_predictions_of_other_pairs_are_refused(folder, tmp_path, refuse):
    other = tmp_path / "other.h5"
    write_predictions(other, folder / "pairs.h5", "srresnet", sample="other")
    arguments = [str(other) if word == "srresnet.h5" else word for word in ARGUMENTS["comparison"]]
    refuse(arguments, "does not hold the test tiles")


def test_metrics_of_other_tiles_are_refused(tmp_path, refuse):
    other = tmp_path / "other.csv"
    write_metrics(other, "srresnet")
    other.write_text("".join(other.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]))
    arguments = [str(other) if word == "srresnet.csv" else word for word in ARGUMENTS["comparison"]]
    refuse(arguments, "measures 2 tiles but the pairs have 3 to test")


def test_a_summary_must_hold_every_method(tmp_path, refuse):
    write_summary(tmp_path / "other.csv", methods=["bicubic"])
    arguments = swapped("metrics", summary=str(tmp_path / "other.csv"))
    refuse(arguments, "lacks psnr_db of srresnet on plug")


def test_a_method_is_drawn_once(refuse):
    arguments = swapped("metrics", srresnet="bicubic.csv")
    refuse(arguments, "names a method twice")


def test_spectra_must_agree_about_hr(tmp_path, refuse):
    write_spectrum(tmp_path / "other.csv", "srresnet", hr=2.0)
    arguments = swapped("spectra", srresnet=str(tmp_path / "other.csv"))
    refuse(arguments, "another spectrum of hr")


def test_metrics_without_interval_and_of_identical_tiles_are_drawn(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(folder)
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


def test_a_model_without_discriminator_says_so(folder):
    import plot_network

    [sentence] = plot_network.draw(plot_network.read_network(folder / "no.json")).texts
    assert sentence.get_text().startswith("no discriminator")


def test_a_diagram_shows_every_parameter_once(folder):
    import plot_network

    network = plot_network.read_network(folder / "generator.json")
    boxes = plot_network.boxes(network)
    assert sum(box.parameters for box in boxes) == description.parameter_count(network)
    names = [name for box in boxes for name in box.names]
    assert names == [row["name"] for row in description.describe(network)]


@pytest.mark.parametrize(("adversarial", "expected"), [(True, 6), (False, 4)])
def test_training_shows_only_what_was_measured(adversarial, expected, tmp_path):
    import plot_training

    write_history(tmp_path / "history.csv", adversarial=adversarial)
    read = tables.read(tmp_path / "history.csv", history.COLUMNS)
    figure = plot_training.draw(read, "model")
    assert sum(axes.axison for axes in figure.axes) == expected


def test_training_shows_a_term_that_the_history_alone_names(tmp_path):
    import plot_training

    write_history(tmp_path / "history.csv", adversarial=True)
    read = tables.read(tmp_path / "history.csv", history.COLUMNS)
    figure = plot_training.draw(read.assign(loss_edge_strength=0.2), "model")
    _, labels = figure.axes[0].get_legend_handles_labels()
    assert labels == ["sum, weighted", "pixel", "content", "adversarial", "edge strength"]


@pytest.mark.parametrize("column", ["loss_pixel", "val_ssim"])
def test_text_for_a_number_of_a_training_is_refused(column, tmp_path):
    import plot_training

    path = tmp_path / "history.csv"
    write_history(path, adversarial=False)
    tables.read(path, history.COLUMNS).assign(**{column: "much"}).to_csv(path, index=False)
    words = ["--history", str(path), "--model", "m", "--png", "a", "--pdf", "b"]
    with pytest.raises(InputError, match=f"no numbers in the column {column}"):
        plot_training.main([*words, "--provenance", "c"])


def test_a_residual_block_is_drawn_as_its_steps(folder):
    import plot_network

    network = plot_network.read_network(folder / "generator.json")
    [block] = [box for box in plot_network.boxes(network) if box.row["kind"] == "residual_block"]
    conv = "3 × 3 conv, 32, norm"
    assert block.notes == [f"{conv}, PReLU, {conv}, add"]


def test_training_marks_the_best_validation(tmp_path):
    import plot_training

    write_history(tmp_path / "history.csv", adversarial=False)
    figure = plot_training.draw(tables.read(tmp_path / "history.csv", history.COLUMNS), "model")
    texts = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert "★ best: 29.00 dB at step 40" in texts


@pytest.mark.parametrize("steps", [3, 400])
def test_what_is_said_of_the_best_validation_stands_clear_of_curve_and_title(steps):
    import pandas as pd

    import plot_training

    step = np.arange(1, steps + 1)
    rows = pd.DataFrame({"step": step, "learning_rate": 1e-3, "loss": 0.1, "loss_pixel": 0.1})
    rows["loss_discriminator"] = np.nan
    rows["val_psnr_db"] = 25.0 + step / steps
    rows["val_ssim"] = 0.9 - step / steps / 10
    figure = plot_training.draw(rows, "model")
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_title().startswith("validation")]
    assert len(panels) == 2
    for axes in panels:
        [stars] = [line for line in axes.lines if line.get_marker() == "*"]
        assert len(stars.get_xdata()) == 1
        assert axes.get_legend() is None  # its star would look like another best
        [text] = axes.texts
        box = text.get_window_extent()
        assert box.y0 > axes.bbox.y1
        assert box.y1 < axes.title.get_window_extent().y0
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1


def test_the_histogram_counts_rock_alone(folder):
    import plot_histogram

    with slices.open_slices(*(folder / n for n in ("slices.tif", "mask.tif", "slices.json"))) as s:
        counts = plot_histogram.count_rock(s)
    assert (counts.sum(), counts[0], counts[GREY_MAX]) == (300, 0, 30)


def test_the_example_is_the_median_tile_of_bicubic(tmp_path):
    import plot_comparison

    write_metrics(tmp_path / "a.csv", "srresnet", psnr=(1.0, 2.0, 3.0))
    write_metrics(tmp_path / "b.csv", "bicubic", psnr=(26.0, 28.0, 27.0))
    paths = [tmp_path / "a.csv", tmp_path / "b.csv"]
    tables = plot_comparison.read_tables(paths, SAMPLE, tiles=3)
    assert plot_comparison.representative_tile(tables) == (2, "bicubic")
    assert plot_comparison.representative_tile({"srresnet": tables["srresnet"]}) == (1, "srresnet")


def test_the_detail_lies_where_hr_changes_most_on_whole_lr_pixels():
    import plot_comparison

    hr = np.zeros((64, 64), np.uint8)
    hr[33:47, 17:31] = np.indices((14, 14)).sum(axis=0) % 4 // 2 * 200
    y, x = plot_comparison.most_detailed(hr, edge=16, step=4)
    assert (y, x) == (32, 16)


def test_guards_are_the_slices_between_the_splits():
    import plot_split

    assert plot_split.guards([(10, 13), (0, 3), (6, 7)]) == [(4, 6), (8, 10)]
    assert plot_split.guards([(0, 5), (6, 6), (7, 7)]) == []


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (9, [2, 6])])
def test_examples_are_spread_over_the_list(count, expected):
    import plot_pairs

    assert plot_pairs.evenly_spaced(count, 2) == expected


def test_the_noise_of_a_fit_has_its_variance_as_parseval_says(folder):
    """Over all frequencies of an image, the density of white noise is its variance."""
    import plot_degradation

    fit = json.loads((folder / "fit.json").read_text())
    fit["noise"] |= {"noise_slope": 0.0, "correlation": [0.9, 0.0, 0.0]}
    white = plot_degradation.noise_power(fit, np.array([0.01, 0.05]))
    np.testing.assert_allclose(white, 0.015**2 * 64)
    fit["noise"]["correlation"] = [0.9, 1.0, 1.0]
    low, high = plot_degradation.noise_power(fit, np.array([0.001, 0.06]))
    assert low == pytest.approx(0.015**2 * 64 * 4 * np.pi, rel=0.02)
    assert high < low / 5
