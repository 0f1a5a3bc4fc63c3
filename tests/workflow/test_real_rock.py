"""Real volumes through the workflow, where the shared data are present."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from .conftest import Clone, Snakemake


def _overlay(directory: Path, overlay: dict) -> tuple[str, str]:
    (directory / "overlay.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    return "--configfile", "overlay.yaml"


@pytest.fixture
def bentheimer(clone: Clone, shared_data: Path, tmp_path: Path) -> Path:
    """A clone with an overlay of one real volume twice, headerless and as a TIFF."""
    directory = clone(tmp_path)
    raw = yaml.safe_load((directory / "tests/config/bentheimer.yaml").read_text(encoding="utf-8"))
    raw["samples"]["bentheimer"]["path"] = str(shared_data / "bentheimer_pair_hr2um.raw")
    raw["samples"]["tiff"] = {
        "path": str(shared_data / "bentheimer_pair_hr2um.tif"),
        "voxel_size_um": 2.0,
    }
    raw["evaluation"]["samples"] = ["bentheimer", "tiff"]
    _overlay(directory, raw)
    return directory


def test_headerless_and_tiff_give_identical_slices(bentheimer: Path, snakemake: Snakemake) -> None:
    slices = [f"results/slices/{name}" for name in ("bentheimer", "tiff")]
    targets = tuple(f"{each}.tif" for each in slices)
    done = snakemake(bentheimer, "--configfile", "overlay.yaml", targets=targets)
    assert done.returncode == 0, done.stderr[-6000:]
    for suffix in (".tif", ".mask.tif"):
        first, second = ((bentheimer / f"{each}{suffix}").read_bytes() for each in slices)
        assert first == second


@pytest.mark.soak
def test_real_rock_goes_all_the_way(bentheimer: Path, snakemake: Snakemake) -> None:
    target = "results/metrics/summary.csv"
    done = snakemake(bentheimer, "--configfile", "overlay.yaml", targets=(target,))
    assert done.returncode == 0, done.stderr[-6000:]
    summary = (bentheimer / target).read_text(encoding="utf-8")
    assert "bentheimer,srgan,psnr_db," in summary
    assert "tiff,bicubic,ssim," in summary


def test_a_missing_volume_is_fetched_in_parts(
    clone: Clone, snakemake: Snakemake, shared_data: Path, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    files = [shared_data / f"bentheimer_drsrd1_0801_{name}.tif" for name in ("hr", "lr4")]
    (directory / "upstream").mkdir()
    parts = [Path(shutil.copy2(files[0], directory / f"upstream/z {i}.tif")) for i in range(2)]
    sample = {
        "path": "data/raw/parts",
        "url": [part.as_uri() for part in parts],
        "sha256": [hashlib.sha256(part.read_bytes()).hexdigest() for part in parts],
        "voxel_size_um": 3.8,
    }
    overlay = {"samples": {"parts": sample}, "evaluation": {"samples": ["parts"]}}
    done = snakemake(
        directory, *_overlay(directory, overlay), targets=("results/slices/parts.tif",)
    )
    assert done.returncode == 0, done.stderr[-6000:]
    fetched = sorted((directory / "data/raw/parts").iterdir())
    assert [file.read_bytes() for file in fetched] == [part.read_bytes() for part in parts]


def test_a_wrong_hash_leaves_nothing_behind(
    clone: Clone, snakemake: Snakemake, tmp_path: Path
) -> None:
    directory = clone(tmp_path)
    (directory / "rock.tif").write_bytes(b"not what was promised")
    sample = {
        "path": "data/raw/rock.tif",
        "url": [(directory / "rock.tif").as_uri()],
        "sha256": ["0" * 64],
        "voxel_size_um": 2.0,
    }
    overlay = {"samples": {"rock": sample}, "evaluation": {"samples": ["rock"]}}
    done = snakemake(directory, *_overlay(directory, overlay), targets=("results/slices/rock.tif",))
    assert done.returncode != 0
    assert "error: " in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (directory / "data/raw/rock.tif").exists()
