"""An upscaled volume held against a true fine scan."""

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import judged
from helpers.judged import FINE_UM, SHAPE, rock

import judge_upscaled
from sandstone import files
from sandstone.errors import InputError
from sandstone.registration.transform import Transform


@pytest.fixture
def judge(tmp_path: Path):
    """Run the script on an upscaled volume and return the rows of both tables."""

    def run(upscaled: np.ndarray, *flags: object, **settings: object) -> list[list[dict]]:
        tables = [tmp_path / "quality.csv", tmp_path / "quality.spectrum.csv"]
        words = judged.words(tmp_path, upscaled, **settings)
        words += ["--output", tables[0], "--spectrum", tables[1], *flags]
        judge_upscaled.main([*map(str, words)])
        return [list(csv.DictReader(table.open(encoding="utf-8"))) for table in tables]

    return run


def test_the_truth_is_far_better_than_cubic(judge):
    noise = np.random.default_rng(1).normal(0, 200, SHAPE)
    quality, spectrum = judge((rock() * 100.0 + noise).clip(0))
    rows = {(row["method"], row["metric"]): row for row in quality}
    assert rows.keys() == {(m, q) for m in ("cubic", "srresnet") for q in ("psnr_db", "ssim")}
    own = rows["srresnet", "psnr_db"]
    # The noise is 2 grey levels of the fine scan.
    assert float(own["mean"]) == pytest.approx(20 * np.log10(255 / 2), abs=0.2)
    assert own["n"] == "12"
    gain = float(own["mean"]) - float(rows["cubic", "psnr_db"]["mean"])
    assert float(own["gain"]) == pytest.approx(gain, abs=1e-5)
    assert 0 < float(own["gain_low"]) < gain < float(own["gain_high"])
    assert rows["cubic", "psnr_db"]["gain"] == ""
    rings = {
        name: np.mean([float(row["ring_correlation"]) for row in spectrum if row["method"] == name])
        for name in ("hr", "srresnet", "cubic")
    }
    assert rings["hr"] == 1 > rings["srresnet"] > rings["cubic"] + 0.1


def test_a_shifted_scan_is_compared_where_it_lies(judge, tmp_path: Path):
    shift = (0.0, 2 * FINE_UM, -4 * FINE_UM)
    files.write_json(tmp_path / "where.json", {"transform": Transform(shift).as_dict()})
    moved = np.roll(rock() * 100.0, (2, -4), axis=(1, 2)) + 50
    rows, _ = judge(moved, "--registration", tmp_path / "where.json")
    # Half a level off, whatever the shift: what is judged lies on what it shows.
    psnr = next(float(row["mean"]) for row in rows if row["method"] == "srresnet")
    assert psnr == pytest.approx(20 * np.log10(255 / 0.5), abs=0.5)


def test_slices_may_follow_another_axis(judge):
    shape = SHAPE[1:] + SHAPE[:1]
    with pytest.raises(InputError, match="share no square"):
        judge(np.zeros(shape), "--axis", "x")


def test_a_place_that_is_too_small_is_refused(judge, tmp_path: Path):
    mask = np.zeros(SHAPE, bool)
    mask[:, :20, :] = True
    with pytest.raises(InputError, match="share no square of 32 x 32 voxels"):
        judge(rock() * 100.0, mask=mask)
    assert not (tmp_path / "quality.csv").exists()


def test_only_slices_of_the_test_split_are_looked_at(judge):
    upscaled = rock() * 100.0
    upscaled[:8] = 0  # elsewhere it may be as wrong as it likes
    rows, _ = judge(upscaled, test=(8, 11))
    assert {row["n"] for row in rows} == {"4"}
    assert float(rows[0]["mean"]) > 0
    own = next(row for row in rows if row["method"] == "srresnet")
    assert float(own["mean"]) == np.inf
