"""Measure by how much a random split of slices makes a score look better than it is.

Takes the results of a finished run, a sample and a model that learned from it alone, from scratch.
The same slices are dealt to training, validation and test at random, as many to each as before, and
the model is trained again with the same settings. Both models are then measured on the same tiles:
those test slices of the random split that lie in the depth block of the honest test. Neither
training has read them, but that of the random split has read their neighbours.
"""

import argparse
import csv
import json
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

from sandstone.dataset import guard  # noqa: E402
from sandstone.dataset.pairs import Pairs, open_pairs, write_pairs  # noqa: E402
from sandstone.dataset.splits import SPLITS  # noqa: E402
from sandstone.metrics.bootstrap import block_bootstrap  # noqa: E402

METRICS = ("psnr_db", "ssim")
DEALS, FEWEST = 1000, 3


def dealt(pairs: Pairs, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Deal all slices anew, as many to each split as before.

    Returns
    -------
    dict of str to ndarray
        The slices of each split.
    ndarray
        Those that are test slices of both, by which both trainings are measured. Of few slices
        there may be hardly any: then the slices are dealt again.
    """
    own = [np.unique(pairs.split(name).z) for name in SPLITS]
    ends = np.cumsum([len(each) for each in own])[:-1]
    random = np.random.default_rng(seed)
    for _ in range(DEALS):
        every = random.permutation(np.concatenate(own))
        slices = dict(zip(SPLITS, map(np.sort, np.split(every, ends)), strict=True))
        shared = np.intersect1d(slices["test"], pairs.split("test").z)
        if len(shared) >= FEWEST:
            return slices, shared
    sys.exit(f"leakage: no deal of {DEALS} left {FEWEST} test slices to the test; take more slices")


def write_split(pairs: Pairs, slices: Mapping[str, np.ndarray], path: Path) -> None:
    """Write the tiles of some slices as the splits of a new pairs file."""
    ends = {name: (int(zs[0]), int(zs[-1])) for name, zs in slices.items()}
    with write_pairs(path, pairs.attrs, slices=ends, hr_size=pairs.hr_size) as writer:
        for name, zs in slices.items():
            for split in map(pairs.split, SPLITS):
                for tile in np.flatnonzero(np.isin(split.z, zs)):
                    one = slice(tile, tile + 1)
                    corners = (split.z[one], split.y[one], split.x[one])
                    writer.append(name, split.hr[one], split.lr[one], corners)


def run(script: str, *words: object) -> None:
    """Run a script of the workflow; its failure ends this one."""
    command = [str(word) for word in (sys.executable, SCRIPTS / f"{script}.py", *words)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def train_again(record: Mapping[str, Any], pairs: Path, folder: Path) -> Path:
    """Train as a record tells, on other pairs; return the folder of the model."""
    flags: dict[str, list[str]] = {}
    for word in shlex.split(record["command"]):
        if word.startswith("--"):
            flags[word] = []
        elif flags:
            flags[[*flags][-1]].append(word)
    own = {"--pairs": pairs, "--model-dir": folder / "model"}
    own |= {f"--{name}-dir": folder / name for name in ("checkpoint", "tensorboard")}
    kept = [word for name, values in flags.items() if name not in own for word in (name, *values)]
    run("train", *kept, *(word for pair in own.items() for word in pair))
    return folder / "model"


def measure(pairs: Path, method: str, model: Path | None, folder: Path) -> list[dict[str, str]]:
    """Return the rows of the table of metrics of a method on the test tiles."""
    sr, table = folder / f"{method}.h5", folder / f"{method}.csv"
    where = ("--model-dir", model) if model else ()
    run("super_resolve", "--pairs", pairs, "--method", method, *where, "--output", sr)
    spectrum = folder / "spectrum.csv"
    given = ("--pairs", pairs, "--predictions", sr, "--spectrum", spectrum)
    run("compute_metrics", *given, "--border", 4, "--output", table)
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def settings(results: Path, sample: str, model: str) -> dict[str, Any]:
    """Return the record of a training, or stop where it would prove nothing."""
    record: dict[str, Any] = json.loads(
        (results / "models" / model / "training.provenance.json").read_text(encoding="utf-8")
    )
    if "--init-weights" in record["command"] or [*record["voxel_size_um"]] != [sample]:
        sys.exit(f"leakage: {model} has not learned from {sample} alone, from scratch")
    return record


def report(tables: Mapping[str, list[dict[str, str]]], block_slices: int) -> None:
    """Print the gains over bicubic by both splits, and their difference with its interval."""
    z = [int(row["z"]) for row in tables["bicubic"]]
    print(f"{len(z)} tiles of {len(set(z))} slices that neither training has read")
    draws = {"confidence": 0.95, "resamples": 2000, "seed": 1}
    for metric in METRICS:
        values = {
            name: np.array([float(row[metric]) for row in rows]) for name, rows in tables.items()
        }
        honest, leaky = (values[name] - values["bicubic"] for name in ("blocks", "random"))
        found = block_bootstrap(leaky - honest, z, block_slices, **draws)
        interval = f"[{found.ci_low:+.4f}, {found.ci_high:+.4f}]"
        print(
            f"{metric}: over bicubic {honest.mean():+.4f} by depth blocks, {leaky.mean():+.4f} by "
            f"a random split; leakage {found.mean:+.4f} "
            f"{interval if found.ci_low <= found.ci_high else 'in one depth block: no interval'}"
        )


def main() -> None:
    """Deal, train, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("sample", nargs="?", default="phantom")
    parser.add_argument("model", nargs="?", default="srresnet")
    parser.add_argument("--seed", type=int, default=1, help="of the dealing")
    args = parser.parse_args()
    source = args.results / "pairs" / f"{args.sample}.h5"
    if not source.is_file():
        sys.exit(f"leakage: {source} is absent; run make demo, or name other results")
    record = settings(args.results, args.sample, args.model)
    with tempfile.TemporaryDirectory() as temporary, open_pairs(source) as pairs:
        folder = Path(temporary)
        slices, shared = dealt(pairs, args.seed)
        write_split(pairs, slices, folder / "random.h5")
        write_split(pairs, {**slices, "test": shared}, folder / "shared.h5")
        leaky = train_again(record, folder / "random.h5", folder)
        honest = args.results / "models" / args.model
        models = {"bicubic": None, "blocks": honest, "random": leaky}
        tables = {
            name: measure(folder / "shared.h5", name, model, folder)
            for name, model in models.items()
        }
        report(tables, guard.span_slices(pairs.attrs))


if __name__ == "__main__":
    main()
