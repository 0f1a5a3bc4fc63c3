"""Measure a trained model with more and more back-projection, on tile pairs of a finished run.

Takes the folder of results, the sample and the model, by default those of `make demo`. Prints PSNR,
SSIM and the LR error of the test tiles, all from one run of this script.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
METRICS = ("psnr_db", "ssim", "lr_rmse")


def run(script: str, **flags: object) -> None:
    """Run a script of the workflow; its failure ends this one."""
    words = [
        word for name, value in flags.items() for word in (f"--{name.replace('_', '-')}", value)
    ]
    command = [str(word) for word in (sys.executable, SCRIPTS / script, *words)]
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def measure(results: Path, sample: str, model: str, iterations: int) -> dict[str, float]:
    """Return the mean of each metric over the test tiles of a sample."""
    pairs = results / "pairs" / f"{sample}.h5"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        predictions, table = folder / "predictions.h5", folder / "metrics.csv"
        run(
            "super_resolve.py",
            pairs=pairs,
            method=model,
            model_dir=results / "models" / model,
            back_projection=iterations,
            output=predictions,
            provenance=folder / "predictions.json",
        )
        run(
            "compute_metrics.py",
            pairs=pairs,
            predictions=predictions,
            border=4,
            output=table,
            spectrum=folder / "spectrum.csv",
            provenance=folder / "metrics.json",
        )
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    return {metric: fmean(float(row[metric]) for row in rows) for metric in METRICS}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("results", type=Path, nargs="?", default=Path("results"))
    parser.add_argument("sample", nargs="?", default="phantom")
    parser.add_argument("model", nargs="?", default="srresnet")
    parser.add_argument("--iterations", type=int, nargs="+", default=[0, 1, 3, 10])
    arguments = parser.parse_args()
    if not arguments.results.is_dir():
        sys.exit(f"back_projection: {arguments.results} is absent; run make demo, or name another")
    print(f"{arguments.model} on {arguments.sample}")
    print("iterations  psnr_db    ssim  lr_rmse")
    for iterations in arguments.iterations:
        means = measure(arguments.results, arguments.sample, arguments.model, iterations)
        print(
            f"{iterations:10} {means['psnr_db']:8.3f} {means['ssim']:7.4f} {means['lr_rmse']:8.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
