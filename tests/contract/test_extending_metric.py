"""The walk of docs/extending.md that adds a metric, followed in a copy of the project."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .extending import copy_with, diffs

# One process: pairs and predictions, whose error is known, then table, summary and figure.
RUN = """
import sys
import numpy as np
from pathlib import Path
from helpers import tile_pairs
import compute_metrics, plot_metrics, summarise_metrics

folder = Path(sys.argv[1])
hr = np.random.default_rng(1).integers(0, 200, (3, 32, 32), dtype=np.uint8)
pairs = tile_pairs.write(folder / "rock.h5", {"test": hr})
sr = tile_pairs.predict(folder / "sr.h5", pairs, hr + np.uint8(5), method="bright")
table, power, total = (str(folder / f"{name}.csv") for name in ("table", "power", "summary"))
made = ["--output", table, "--spectrum", power]
compute_metrics.main(["--pairs", str(pairs), "--predictions", str(sr), *made])
summarise_metrics.main(["--metrics", table, "--pairs", str(pairs), "--output", total])
metrics = plot_metrics.read_metrics([table])
figure = plot_metrics.draw(metrics, plot_metrics.read_summary(total, metrics))
labels = [panel.get_xlabel() for panel in figure.axes]
(folder / "labels.txt").write_text("\\n".join(labels), encoding="utf-8")
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the changed copy makes of tiles that are five grey levels too bright."""
    folder = tmp_path_factory.mktemp("metric")
    copy = copy_with("A metric", folder)
    paths = os.pathsep.join([str(copy / "workflow" / "scripts"), str(copy / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_walk_changes_the_module_and_its_document_alone():
    changed = [line for diff in diffs("A metric") for line in diff.splitlines() if "+++ " in line]
    assert changed == [
        "+++ b/workflow/scripts/sandstone/metrics/quality.py",
        "+++ b/docs/metrics.md",
    ]


def test_the_table_has_the_column(results: Path):
    table = rows(results / "table.csv")
    assert list(table[0])[-1] == "mae"
    assert [row["mae"] for row in table] == ["5.000000"] * 3


def test_the_summary_has_the_row(results: Path):
    means = {row["metric"]: row["mean"] for row in rows(results / "summary.csv")}
    assert list(means) == ["psnr_db", "ssim", "lr_rmse", "mae"]
    assert means["mae"] == "5.000000"


def test_the_figure_has_a_panel_that_says_which_direction_is_better(results: Path):
    labels = (results / "labels.txt").read_text(encoding="utf-8").splitlines()
    assert labels[-1] == "MAE (grey levels), lower is better"
