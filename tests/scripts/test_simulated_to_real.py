"""The gap between shrunken tiles and a real coarse scan, its table and its figure."""

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import tile_pairs

import plot_simulated_to_real
import simulated_to_real
from sandstone.errors import InputError
from sandstone.metrics import bootstrap
from sandstone.metrics.tables import GAP_COLUMNS

DEPTHS = [0, 0, 5, 5, 30, 30, 60, 60]
GUARD_SLICES = 20


def scores(sample: str, method: str) -> np.ndarray:
    seed = sum(map(ord, sample + method))
    return np.round(np.random.default_rng(seed).normal(27, 1, len(DEPTHS)), 6)


def write_table(
    folder: Path, sample: str, method: str, depths: list[int] = DEPTHS, named: str | None = None
) -> Path:
    path = folder / f"{method}.{sample}.csv"
    psnr = scores(sample, method)
    rows = [
        f"{sample},{named or method},{i},{z},0,{i % 2},{psnr[i]},{0.5 + psnr[i] / 100:.6f}"
        for i, z in enumerate(depths)
    ]
    header = "sample,method,tile,z,y,x,psnr_db,ssim"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def compare(tmp_path: Path):
    pairs = tile_pairs.write(tmp_path / "real.h5", {}, sample="real", guard_slices=GUARD_SLICES)

    def run(real: list[Path], simulated: list[Path]) -> list[dict[str, str]]:
        output = tmp_path / "gap.csv"
        words = ["--real", *real, "--simulated", *simulated, "--pairs", pairs, "--output", output]
        simulated_to_real.main(list(map(str, words)))
        with output.open(encoding="utf-8", newline="") as stream:
            return list(csv.DictReader(stream))

    return run


def test_gaps_are_paired_differences_with_their_interval(compare, tmp_path: Path, capsys):
    tables = [write_table(tmp_path, sample, "srresnet") for sample in ("real", "shrunken")]
    row = compare(tables[:1], tables[1:])[0]
    assert tuple(row) == GAP_COLUMNS
    assert [row[name] for name in ("real", "simulated", "method", "metric", "n")] == [
        *("real", "shrunken", "srresnet", "psnr_db", "8")
    ]
    difference = scores("real", "srresnet") - scores("shrunken", "srresnet")
    expected = bootstrap.block_bootstrap(
        difference, DEPTHS, GUARD_SLICES, confidence=0.95, resamples=2000, seed=1
    )
    measured = [float(row[name]) for name in ("gap", "gap_low", "gap_high")]
    assert measured == pytest.approx(list(expected)[:3], abs=1e-6)
    assert float(row["mean_real"]) == pytest.approx(scores("real", "srresnet").mean(), abs=1e-6)
    assert "srresnet, PSNR:" in capsys.readouterr().out


def test_every_method_and_sample_has_its_rows(compare, tmp_path: Path):
    methods = ("bicubic", "srresnet")
    real = [write_table(tmp_path, "real", method) for method in methods]
    simulated = [
        write_table(tmp_path, sample, method)
        for sample in ("binned", "blurred")
        for method in methods
    ]
    rows = compare(real, simulated)
    assert [(row["simulated"], row["method"]) for row in rows[::2]] == [
        (sample, method) for sample in ("binned", "blurred") for method in methods
    ]


def test_only_tiles_of_both_count(compare, tmp_path: Path):
    real = write_table(tmp_path, "real", "srresnet", [*DEPTHS[:6], 90, 90])
    rows = compare([real], [write_table(tmp_path, "shrunken", "srresnet")])
    assert [row["n"] for row in rows] == ["6", "6"]
    difference = (scores("real", "srresnet") - scores("shrunken", "srresnet"))[:6]
    assert float(rows[0]["gap"]) == pytest.approx(difference.mean(), abs=1e-6)


def test_one_depth_block_leaves_the_interval_empty(compare, tmp_path: Path, capsys):
    tables = [write_table(tmp_path, each, "bicubic", [3] * 2) for each in ("real", "shrunken")]
    assert compare(tables[:1], tables[1:])[0]["gap_low"] == ""
    assert "none: fewer than two depth blocks" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"depths": [100] * 8}, "have no tile in common"),
        ({"named": "bicubic"}, "is of srresnet but .* of bicubic"),
    ],
)
def test_what_cannot_be_compared_is_refused(compare, tmp_path: Path, settings, sentence):
    real = write_table(tmp_path, "real", "srresnet")
    with pytest.raises(InputError, match=sentence):
        compare([real], [write_table(tmp_path, "shrunken", "srresnet", **settings)])


def test_each_table_needs_its_counterpart(compare, tmp_path: Path):
    real = [write_table(tmp_path, "real", method) for method in ("bicubic", "srresnet")]
    with pytest.raises(InputError, match="names 1 tables and --real 2"):
        compare(real, [write_table(tmp_path, "shrunken", "srresnet")])


def test_the_figure_tells_each_gap(compare, tmp_path: Path):
    methods = ("bicubic", "srresnet")
    tables = [[write_table(tmp_path, s, m) for m in methods] for s in ("real", "shrunken")]
    rows = compare(*tables)
    files = [tmp_path / f"gap.{suffix}" for suffix in ("csv", "png", "pdf")]
    flags = zip(("--table", "--png", "--pdf"), map(str, files), strict=True)
    words = [word for pair in flags for word in pair]
    plot_simulated_to_real.main(words)
    first = [file.read_bytes() for file in files[1:]]
    plot_simulated_to_real.main(words)
    assert [file.read_bytes() for file in files[1:]] == first
    text = plot_simulated_to_real.gap_text(float(rows[0]["gap"]), 1.0, 2.0, 2)
    assert text == f"{float(rows[0]['gap']):+.2f} [+1.00, +2.00]"
