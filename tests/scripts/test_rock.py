"""What pores say of a method: the table of each image, the errors against HR, and the figure."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import tile_pairs
from scipy.ndimage import gaussian_filter

import measure_rock
import plot_rock
import summarise_rock
from sandstone.errors import InputError
from sandstone.petrophysics import beside_hr, rock_tables
from sandstone.petrophysics.measures import MEASURES

SIZE = 48


def rock(n: int = 12, seed: int = 1) -> np.ndarray:
    """Return slices of a noisy volume with dark pores, uint8."""
    random = np.random.default_rng(seed)
    shape = gaussian_filter(random.normal(size=(n, SIZE, SIZE)), 2)
    levels = np.where(shape < 0, 60, 180) + random.normal(scale=12, size=shape.shape)
    return levels.clip(0, 255).astype(np.uint8)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture
def measure(tmp_path: Path):
    """Measure `sr` beside `hr` and return the path of the table."""

    def run(hr: np.ndarray, sr: np.ndarray, *flags: object, method: str = "blur", **settings):
        reference = tmp_path / "rock.h5"
        if not reference.exists():
            tile_pairs.write(reference, {"test": hr}, **settings)
        predictions = tile_pairs.predict(tmp_path / f"{method}.h5", reference, sr, method=method)
        output = tmp_path / f"{method}.csv"
        words = ["--pairs", reference, "--predictions", predictions, "--output", output, *flags]
        measure_rock.main([*map(str, words)])
        return output

    return run


def test_hr_itself_has_no_error(measure, tmp_path: Path) -> None:
    hr = rock()
    rows = rows_of(measure(hr, hr))
    assert len(rows) == len(hr) * 5
    assert list(rows[0])[:8] == [*rock_tables.IMAGE_COLUMNS]
    for row in rows:
        for name, value in row.items():
            if name + "_hr" in row:
                assert value == row[name + "_hr"]
    assert [row["offset"] for row in rows[:5]] == ["-4", "-2", "0", "2", "4"]
    assert [bool(row["width_um"]) for row in rows[:5]] == [False, False, True, False, False]


def test_the_threshold_is_that_of_hr_whatever_sr_is(measure) -> None:
    hr = rock()
    middle = [row for row in rows_of(measure(hr, hr // 2)) if row["offset"] == "0"]
    assert {row["threshold"] for row in middle} == {middle[0]["threshold"]}
    assert 60 <= float(middle[0]["threshold"]) < 180
    assert {row["porosity"] for row in middle} == {"1"}
    assert float(middle[0]["porosity_hr"]) == pytest.approx(
        (hr[0, 4:-4, 4:-4] < 100).mean(), abs=0.02
    )


def test_blocks_are_measured_in_three_dimensions(measure) -> None:
    hr = rock()
    rows = rows_of(measure(hr, hr, "--depth", 6, "--steps", 0, "--permeability", "true"))
    assert [(row["image"], row["z"]) for row in rows] == [("0", "40"), ("1", "46")]
    assert float(rows[0]["conductance_z"]) > 0
    assert float(rows[0]["permeability_z"]) > 0
    without = rows_of(measure(hr, hr, "--depth", 6, "--steps", 0))
    assert "permeability_z" not in without[0]
    assert without[0]["conductance_z"] == rows[0]["conductance_z"]


def test_slices_apart_make_no_block(measure) -> None:
    hr = rock(4)
    places = (np.array([40, 41, 50, 51]), np.full(4, 3), np.full(4, 7))
    with pytest.raises(InputError, match=r"no 3 test tiles of .* one above the other, at most 2"):
        measure(hr, hr, "--depth", 3, corners={"test": places})


def test_voxels_that_are_longer_along_z_make_no_block(measure) -> None:
    hr = rock(6)
    with pytest.raises(InputError, match=r"blocks need cubic voxels, and these are 6 × 2 × 2 µm"):
        measure(hr, hr, "--depth", 3, hr_voxel_size_um=(6.0, 2.0, 2.0))


def test_rock_of_one_phase_is_refused_and_an_image_of_one_phase_is_not(measure) -> None:
    hr = rock(3)
    hr[0] = 180
    rows = rows_of(measure(hr, hr))
    assert rows[0]["porosity"] == "0"
    assert rows[0]["chord_um"] == ""
    assert rows[0]["percolates_x"] == "0"


def test_rock_without_pores_is_one_sentence(measure) -> None:
    flat = np.full((2, SIZE, SIZE), 90, np.uint8)
    with pytest.raises(InputError, match="choose slices with pores"):
        measure(flat, flat)


@pytest.mark.parametrize(
    ("lengths", "words"),
    [
        ([20.0, 30.0, float("nan")], "96 µm is 3.8 correlation lengths wide"),
        ([float("nan")], "no image tells how far its pores reach"),
        ([10.0], ""),
    ],
)
def test_small_images_say_so(
    capsys: pytest.CaptureFixture[str], lengths: list[float], words: str
) -> None:
    beside_hr.Measuring([], [], 3, 2.0, lengths).tell_if_small((48, 60))
    told = capsys.readouterr().out
    assert words in told
    assert bool(words) == bool(told)


@pytest.fixture
def summary(measure, tmp_path: Path):
    """Measure two methods and summarise them."""
    hr = rock(40)
    smooth = np.stack([gaussian_filter(tile.astype(float), 2).astype(np.uint8) for tile in hr])
    tables = [
        measure(hr, smooth, method="bicubic", guard_um=4.0, guard_slices=2),
        measure(hr, hr, method="perfect"),
    ]
    output = tmp_path / "summary.csv"
    words = ["--rock", *tables, "--pairs", tmp_path / "rock.h5", "--output", output]
    summarise_rock.main([*map(str, words)])
    return tables, rows_of(output)


def test_trainings_with_other_seeds_give_an_interval_that_is_held_against_hr(
    measure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hr = rock(24)
    rng = np.random.default_rng(3)
    tables = [measure(hr, hr, method="bicubic", guard_um=4.0, guard_slices=2)]
    for name in ("net", "net_seed2", "net_seed3"):
        noisy = hr + rng.normal(0, 25, hr.shape)
        tables.append(measure(hr, noisy.clip(0, 255).astype(np.uint8), method=name))
    output = tmp_path / "summary.csv"
    words = ["--rock", *tables, "--pairs", tmp_path / "rock.h5", "--output", output]
    summarise_rock.main([*map(str, [*words, "--siblings", "net/net_seed2/net_seed3"])])
    rows = {(row["method"], row["measure"]): row for row in rows_of(output)}
    assert {method for method, _ in rows} == {"bicubic", "net"}
    porosity = rows["net", "porosity"]
    assert porosity["seeds"] == "3"
    low, high = float(porosity["seed_low"]), float(porosity["seed_high"])
    assert low < float(porosity["sr"]) < high
    assert 0 <= float(porosity["held"]) <= 100
    assert [rows["bicubic", "porosity"][key] for key in ("seeds", "held")] == ["1", ""]
    assert "3 seeds: from " in capsys.readouterr().out


def test_errors_are_against_hr_and_gains_over_bicubic(summary) -> None:
    _, rows = summary
    assert [*rows[0]] == [*rock_tables.ROCK_COLUMNS]
    by = {(row["method"], row["measure"]): row for row in rows}
    smooth, perfect = (by[name, "surface_per_mm"] for name in ("bicubic", "perfect"))
    assert float(smooth["error"]) < -5
    assert float(smooth["error_low"]) <= float(smooth["error"]) <= float(smooth["error_high"])
    assert smooth["gain"] == "0.000000"
    assert float(perfect["error"]) == 0
    assert float(perfect["gain"]) == pytest.approx(float(smooth["swept"]))
    assert float(perfect["gain_low"]) > 0
    assert by["perfect", "percolates_x"]["lost"] == "0.000000"
    assert by["perfect", "surface_per_mm"]["lost"] == ""


def test_lost_percolation_is_counted() -> None:
    hr = np.array([[1.0, 1.0], [1.0, 0.0]])
    sr = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert rock_tables._lost(sr, hr) == 2


def test_a_mean_over_images_skips_those_without_a_value() -> None:
    sr = np.array([[2.0], [np.nan], [4.0]])
    hr = np.array([[1.0], [9.0], [3.0]])
    found = rock_tables.errors(sr, hr, np.array([0, 0, 1]), None)
    assert found.found == pytest.approx([50.0])


def test_one_depth_block_has_no_interval_and_says_so(
    measure, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hr = rock(3)
    table = measure(hr, hr, guard_um=100.0, guard_slices=50)
    output = tmp_path / "summary.csv"
    words = ["--rock", table, "--pairs", tmp_path / "rock.h5", "--output", output]
    summarise_rock.main([*map(str, words)])
    assert {row["error_low"] for row in rows_of(output)} == {""}
    assert "so no interval can be given" in capsys.readouterr().out


def test_tables_of_other_thresholds_are_refused(measure, tmp_path: Path) -> None:
    hr = rock(3)
    tables = [measure(hr, hr, method="a"), measure(hr, hr, "--sweep", 3, method="b")]
    words = ["--rock", *tables, "--pairs", tmp_path / "rock.h5", "--output", tmp_path / "s.csv"]
    with pytest.raises(InputError, match="other images or thresholds"):
        summarise_rock.main([*map(str, words)])


def test_the_figure_has_a_line_a_method_in_every_panel(summary, tmp_path: Path) -> None:
    tables, _ = summary
    figure = plot_rock.draw([pd.read_csv(path) for path in tables])
    panels = [axes for axes in figure.axes if axes.lines]
    assert [axes.get_title() for axes in panels] == [
        each.name for each in MEASURES if each.swept and "percolates" not in each.column
    ]
    assert {len(axes.lines) for axes in panels} == {3}
    perfect = panels[1].lines[2]
    assert perfect.get_label() == "perfect"
    assert np.allclose(perfect.get_ydata(), 0)
    words = ["--rock", *tables, "--png", tmp_path / "f.png", "--pdf", tmp_path / "f.pdf"]
    plot_rock.main([*map(str, words)])
    assert (tmp_path / "f.png").stat().st_size > 1000
