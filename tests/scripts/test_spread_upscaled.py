"""Where trainings that differ in their seed alone disagree on an upscaled volume."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from helpers import judged
from helpers.small_figures import assert_same_figures
from scipy.ndimage import gaussian_filter

import plot_spread
import spread_upscaled
from sandstone.errors import InputError
from sandstone.petrophysics.columns import SPREAD_COLUMNS
from sandstone.upscaling import layout as layouts
from sandstone.upscaling.blocks import Tiling
from sandstone.volumes.volume import open_volume

SHAPE = (24, 40, 44)
UM = 2.0


def volume(seed: int, noise: float = 300.0) -> np.ndarray:
    """Return the same rock with other noise, uint16 between 1000 and 11000."""
    random = np.random.default_rng(1)
    shape = gaussian_filter(random.normal(size=SHAPE), 2)
    levels = np.where(shape < 0, 3000.0, 9000.0)
    return (levels + np.random.default_rng(seed).normal(scale=noise, size=SHAPE)).clip(0)


def layout_of(path: Path, axes: str) -> Path:
    """Write the layout of a volume upscaled by 2."""
    along = 2 if axes == "mean" else 1
    z, y, x = SHAPE
    layout = layouts.Layout(
        volume="plug",
        model="net",
        source={"bytes": 1, "sha256": "", "voxels_sha256": ""},
        network={},
        dtype="uint16",
        voxel_size_um=(along * UM, 2 * UM, 2 * UM),
        tiling=Tiling((z // along, y // 2, x // 2), scale=2, axes=axes, tile=16, batch=1, halo=2),
        window={"low": 1000.0, "high": 11000.0},
        back_projection={},
    )
    layouts.write_layout(path, layout)
    return path


@pytest.fixture
def spread(tmp_path: Path):
    """Run the script on volumes and return the rows of its table."""

    def run(*volumes: np.ndarray, axes: str = "mean", **flags: object) -> dict[str, dict]:
        files = [judged.save(tmp_path / f"{k}.tif", each, UM) for k, each in enumerate(volumes)]
        words = [
            *("--layout", layout_of(tmp_path / "layout.json", axes)),
            *("--upscaled", files[0], "--siblings", *files[1:]),
            *("--map", tmp_path / "spread.tif", "--table", tmp_path / "spread.csv"),
            *(word for flag, value in flags.items() for word in (f"--{flag}", value)),
        ]
        spread_upscaled.main([*map(str, words)])
        rows = list(csv.DictReader((tmp_path / "spread.csv").open(encoding="utf-8")))
        assert [*rows[0]] == [*SPREAD_COLUMNS]
        return {row["measure"]: row for row in rows}

    return run


def test_the_map_holds_the_deviation_of_every_voxel(spread, tmp_path: Path) -> None:
    volumes = [volume(seed).astype(np.uint16) for seed in (1, 2, 3)]
    rows = spread(*volumes)
    with open_volume(tmp_path / "spread.tif") as found:
        assert found.voxel_size_um == (UM,) * 3
        steps = found.read(0, SHAPE[0])
    # A step is a hundredth of a percent of the window's 10,000 levels.
    assert np.array_equal(steps, np.rint(np.std(volumes, axis=0, ddof=1)))
    assert float(rows["grey_spread"]["mean"]) == pytest.approx(steps.mean() / 100)
    assert rows["grey_spread"]["low"] == ""


def test_the_table_says_where_one_more_training_would_lie(spread) -> None:
    rows = spread(*(volume(seed, noise=2500) for seed in (1, 2, 3)), speckle=0)
    porosity = rows["porosity"]
    assert float(porosity["low"]) < float(porosity["mean"]) < float(porosity["high"])
    assert float(porosity["mean"]) == pytest.approx(0.5, abs=0.1)
    assert porosity["seeds"] == "3"
    assert "conductance_z" in rows
    assert "permeability_z" not in rows


def test_equal_volumes_leave_nothing_to_chance(spread, tmp_path: Path) -> None:
    rows = spread(volume(1), volume(1))
    assert float(rows["grey_spread"]["mean"]) == 0
    assert rows["surface_per_mm"]["low"] == rows["surface_per_mm"]["high"]
    with open_volume(tmp_path / "spread.tif") as found:
        assert not found.read(0, SHAPE[0]).any()


def test_where_voxels_are_longer_along_z_slices_are_measured(spread) -> None:
    rows = spread(volume(1), volume(2), axes="z")
    assert "conductance_z" not in rows
    assert rows["euler_per_mm"]["unit"] == "1/mm^2"
    assert rows["porosity"]["n"] == "9"


def test_volumes_of_different_shapes_are_refused(spread, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shape or type differ from"):
        spread(volume(1), volume(2)[:20])
    assert not (tmp_path / "spread.csv").exists()


def test_a_block_is_the_middle_of_the_volume() -> None:
    [(z, y, x)] = spread_upscaled.boxes((100, 1000, 10), flat=False)
    assert (z, y, x) == (slice(15, 85), slice(420, 580), slice(1, 8))
    flat = spread_upscaled.boxes((100, 2000, 10), flat=True)
    assert len(flat) <= spread_upscaled.SLICES
    assert flat[0] == (slice(15, 16), slice(488, 1512), slice(1, 8))


def test_the_figure_shows_slice_map_and_intervals(spread, tmp_path: Path) -> None:
    spread(*(volume(seed, noise=2500) for seed in (1, 2)))
    for stem in ("first", "second"):
        words = [
            *("--layout", tmp_path / "layout.json", "--zarr", tmp_path / "0.tif"),
            *("--map", tmp_path / "spread.tif", "--table", tmp_path / "spread.csv"),
            *("--png", tmp_path / f"{stem}.png", "--pdf", tmp_path / f"{stem}.pdf"),
        ]
        plot_spread.main([*map(str, words)])
    assert_same_figures(tmp_path)
    numbers = plot_spread.read_numbers(str(tmp_path / "spread.csv"))
    assert "grey_spread" not in set(numbers["measure"])
    image = np.zeros((20, 30), np.float32)
    figure = plot_spread.draw(image, image, 2.0, numbers, "plug")
    labels = [text.get_text() for text in figure.axes[-1].get_yticklabels()]
    assert len(labels) == len(numbers)
    assert labels[0].startswith("porosity: 0.")
    assert len(plot_spread.draw(image, image, 2.0, pd.DataFrame(), "plug").axes) == 3
