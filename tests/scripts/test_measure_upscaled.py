"""The pores of an upscaled volume held against those of a true fine scan."""

import csv
from pathlib import Path

import numpy as np
import pytest
from helpers import judged
from helpers.judged import FINE_UM, SHAPE, rock

import measure_upscaled
from sandstone.errors import InputError
from sandstone.petrophysics import rock_tables


@pytest.fixture
def measure(tmp_path: Path):
    """Run the script on an upscaled volume and return the rows of both tables."""

    def run(upscaled: np.ndarray, *flags: object, **settings: object) -> list[list[dict]]:
        tables = [tmp_path / "rock.csv", tmp_path / "rock.each.csv"]
        words = judged.words(tmp_path, upscaled, **settings)
        words += ["--output", tables[0], "--images", tables[1], *flags]
        measure_upscaled.main([*map(str, words)])
        return [list(csv.DictReader(table.open(encoding="utf-8"))) for table in tables]

    return run


def by_measure(rows: list[dict]) -> dict[tuple[str, str], dict]:
    return {(row["method"], row["measure"]): row for row in rows}


def test_the_truth_has_no_error_and_cubic_has(measure) -> None:
    summary, images = measure(rock() * 100.0)
    assert [*summary[0]] == [*rock_tables.ROCK_COLUMNS]
    rows = by_measure(summary)
    assert {method for method, _ in rows} == {"cubic", "srresnet"}
    own, cubic = (rows[name, "surface_per_mm"] for name in ("srresnet", "cubic"))
    assert float(own["error"]) == 0
    assert float(cubic["error"]) < -5
    assert float(own["gain"]) == pytest.approx(float(cubic["swept"]))
    assert float(own["gain_low"]) > 0
    assert own["n"] == "12"
    assert {row["sample"] for row in images} == {"plug"}
    assert len(images) == 2 * 12 * 5


def test_blocks_are_of_slices_that_follow_each_other(measure) -> None:
    summary, images = measure(rock() * 100.0, "--depth", 5, "--steps", 0)
    assert [row["z"] for row in images if row["method"] == "cubic"] == ["0", "5"]
    assert float(by_measure(summary)["srresnet", "conductance_z"]["error"]) == 0


def test_too_few_slices_for_a_block_are_refused(measure, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="share 4 slices, too few for a block of 5"):
        measure(rock() * 100.0, "--depth", 5, test=(8, 11))
    assert not (tmp_path / "rock.csv").exists()


def test_other_trainings_give_an_interval_that_is_held_against_hr(measure, tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    volumes = [(rock() * 100.0 + random.normal(0, 2000, SHAPE)).clip(0) for _ in range(3)]
    further = [
        judged.save(tmp_path / f"sr_{k}.tif", voxels, FINE_UM)
        for k, voxels in enumerate(volumes[1:])
    ]
    summary, _ = measure(volumes[0], "--siblings", *further)
    porosity = by_measure(summary)["srresnet", "porosity"]
    assert porosity["seeds"] == "3"
    assert float(porosity["seed_low"]) < float(porosity["sr"]) < float(porosity["seed_high"])
    assert {row["method"] for row in summary} == {"cubic", "srresnet"}
