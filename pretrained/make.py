"""Train the models of this folder, or leave one rock out of the training and measure on it.

Needs the shared data (SANDSTONE_DATA), and SPAN's published weights: those of --photo, or fetched.
Each scale runs in a folder of its own, where `make` can continue what was stopped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import yaml

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from sandstone.files import sha256_of, write_json  # noqa: E402
from sandstone.models.folder import PUBLISHED, RECORD  # noqa: E402

DATA = Path(os.environ.get("SANDSTONE_DATA", REPOSITORY.parent / "shared" / "data"))
CONFIG = REPOSITORY / "config" / "pretrained.yaml"
ROCKS = ("versa", "bentheimer", "drsrd1")
SCALES = (2, 3, 4)
PHOTO = Path("data", "photo")  # in the folder of a run
# Of the tiles that single slices are cut into, voxels: multiples of 2, 3 and 4.
EDGES = {"drsrd1": 264, "carbonate": 240}
# A rock that was left out is measured on all but the slices that a split needs; others on few.
ALL_BUT_TWO = {
    "versa": {"train": [0, 0], "val": [1, 1], "test": [2, 7]},
    "bentheimer": {"train": [0, 0], "val": [60, 60], "test": [120, 629]},
    "drsrd1": {"train": [0, 0], "val": [1, 1], "test": [2, 8]},
    "carbonate": {"train": [0, 0], "val": [1, 1], "test": [2, 11]},
}
MODEL = ("generator.json", "generator.weights.h5", "model_card.md", RECORD)


def volumes(folder: Path) -> dict[str, str]:
    """Return the path of each rock; single slices are laid out as stacks of their tiles."""
    from skimage import io

    names = ("test_HR_3601", "train_HR_0001", "val_HR_3201")
    sections = [DATA / "carbonate_masr" / f"masr_{name}.png" for name in names]
    slices = {"drsrd1": [DATA / "bentheimer_drsrd1_0801_hr.tif"], "carbonate": sections}
    for rock, files in slices.items():
        images = [io.imread(file, as_gray=True) for file in files]
        stack = np.concatenate([tiles(image, EDGES[rock]) for image in images])
        tifffile.imwrite(folder / f"{rock}.tif", stack, photometric="minisblack")
    return {
        "versa": str(DATA / "sandstone_versa.tif"),
        "bentheimer": str(DATA / "bentheimer_pair_hr2um.tif"),
        **{rock: str(folder / f"{rock}.tif") for rock in slices},
    }


def tiles(image: np.ndarray, edge: int) -> np.ndarray:
    """Return the whole tiles of an image, shape (n, edge, edge)."""
    rows, columns = (length // edge for length in image.shape)
    whole = image[: rows * edge, : columns * edge]
    return whole.reshape(rows, edge, columns, edge).swapaxes(1, 2).reshape(-1, edge, edge)


def overlay(folder: Path, scale: int, without: str | None) -> dict[str, Any]:
    """Return what a run lays over config/pretrained.yaml: paths, scale, the rock left out."""
    base = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    samples: dict[str, Any] = {name: {"path": path} for name, path in volumes(folder).items()}
    samples["carbonate"]["voxel_size_um"] = [1000, 3.1, 3.1]  # guessed: the source gives none
    for rock in ("carbonate", without) if without else ("carbonate",):
        samples[rock]["split"] = ALL_BUT_TWO[rock]
    trained = base["models"]["sandstone"]["train_on"]
    if without:
        trained = [name for name in trained if name != without]
    measured = [name for name in base["evaluation"]["samples"] if without in (None, name)]
    return {
        "samples": samples,
        "pairs": {"scale": scale},
        "models": {
            "photo": {"weights": str(PHOTO), "published": "span_photo"},
            "sandstone": {"train_on": trained},
        },
        "evaluation": {"samples": [*measured, "carbonate"]},
    }


def run(folder: Path, scale: int, photo: Path | None, without: str | None, cores: int) -> Path:
    """Fetch, train, measure in `folder`; return the folder of the trained model."""
    folder.mkdir(parents=True, exist_ok=True)
    if photo and not (folder / PHOTO).exists():  # otherwise the run fetches it
        script = REPOSITORY / "workflow" / "scripts" / "fetch_span_photo.py"
        call(sys.executable, script, "--scale", scale, "--output", folder / PHOTO, "--file", photo)
    laid_over = folder / "overlay.yaml"
    laid_over.write_text(yaml.safe_dump(overlay(folder, scale, without)), encoding="utf-8")
    call(
        *("snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", folder),
        *("--cores", cores, "--configfile", CONFIG, laid_over),
    )
    return folder / "results" / "models" / "sandstone"


def call(*command: object) -> None:
    """Run a command, and stop where it fails."""
    if subprocess.run([*map(str, command)], check=False).returncode:
        sys.exit(f"make: {command[0]} failed")


def keep(model: Path, photo: Path, folder: Path) -> None:
    """Copy a trained model with its card, its record, and where it started from."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODEL:
        shutil.copyfile(model / name, folder / name)
    published = json.loads((photo / PUBLISHED).read_text(encoding="utf-8"))
    weights = sha256_of(folder / "generator.weights.h5")
    write_json(folder / PUBLISHED, {**published, "weights": weights})


def main(argv: Sequence[str] | None = None) -> None:
    """Make the models of all scales, or measure on a rock that was left out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--scales", type=int, nargs="+", choices=SCALES, default=SCALES)
    parser.add_argument("--without", choices=ROCKS, help="leave this rock out; keep no model")
    parser.add_argument("--photo", type=Path, help="SPAN's published file, where it is at hand")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "results" / "pretrained")
    parser.add_argument("--cores", type=int, default=2)
    args = parser.parse_args(argv)
    for scale in args.scales:
        folder = args.folder.resolve() / (
            f"without_{args.without}" if args.without else f"x{scale}"
        )
        model = run(folder, scale, args.photo, args.without, args.cores)
        if not args.without:
            keep(model, folder / PHOTO, REPOSITORY / "pretrained" / f"sandstone_x{scale}")
        print((folder / "results" / "metrics" / "summary.csv").read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
