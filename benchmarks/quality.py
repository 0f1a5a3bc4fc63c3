"""Train on the real sandstone in an empty folder; print gains over bicubic and the time.

Needs the shared rock and weights (SANDSTONE_DATA, SANDSTONE_WEIGHTS).
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = REPOSITORY.parent / "shared"
ROCK = Path(os.environ.get("SANDSTONE_DATA", SHARED / "data")) / "sandstone_versa.tif"
LPIPS = Path(os.environ.get("SANDSTONE_WEIGHTS", SHARED / "weights")) / "lpips_alex.npz"


def run_workflow(directory: Path, cores: int) -> float:
    """Run config/versa.yaml in `directory` and return its wall-clock seconds."""
    command = [
        "snakemake",
        "--snakefile",
        REPOSITORY / "Snakefile",
        "--directory",
        directory,
        "--configfile",
        REPOSITORY / "config" / "versa.yaml",
        "--cores",
        cores,
        "--config",
        f"samples={{versa: {{path: {ROCK}}}}}",
        f"weights={{lpips_alex: {{path: {LPIPS}}}}}",
    ]
    start = time.monotonic()
    subprocess.run([*map(str, command)], check=True)
    return time.monotonic() - start


def read_means(summary: Path) -> dict[str, dict[str, float]]:
    """Return {method: {metric: mean}} of a summary table with one sample."""
    means: dict[str, dict[str, float]] = {}
    with summary.open(encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            means.setdefault(row["method"], {})[row["metric"]] = float(row["mean"])
    return means


def report(means: dict[str, dict[str, float]], reference: str = "bicubic") -> None:
    """Print every method against `reference`: differences for PSNR and SSIM, ratio for LPIPS."""
    base = means[reference]
    print("method      psnr_db    gain    ssim    gain   lpips   ratio")
    for method, own in means.items():
        print(
            f"{method:10} {own['psnr_db']:8.2f} {own['psnr_db'] - base['psnr_db']:+7.2f} "
            f"{own['ssim']:7.4f} {own['ssim'] - base['ssim']:+7.4f} "
            f"{own['lpips']:7.4f} {own['lpips'] / base['lpips']:7.3f}"
        )


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder of the run; a temporary one by default")
    arguments = parser.parse_args()
    for needed in (ROCK, LPIPS):
        if not needed.is_file():
            sys.exit(f"quality: {needed} is absent; see data/README.md")
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        seconds = run_workflow(directory, arguments.cores)
        print(f"\n{platform.machine()}, {os.cpu_count()} cores: {seconds / 60:.1f} min in all\n")
        report(read_means(directory / "results" / "metrics" / "summary.csv"))


if __name__ == "__main__":
    main()
