"""Train on the real sandstone in an empty folder; print gains over bicubic and the time.

Needs the shared rock and weights (SANDSTONE_DATA, SANDSTONE_WEIGHTS). With --photo it starts from a
network that saw photographs, as benchmarks/versa_photo.yaml says.
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
WEIGHTS = Path(os.environ.get("SANDSTONE_WEIGHTS", SHARED / "weights"))
LPIPS, SPAN = WEIGHTS / "lpips_alex.npz", WEIGHTS / "team38_span_ch28_slim.pth"
VERSA, PHOTO = REPOSITORY / "config" / "versa.yaml", REPOSITORY / "benchmarks" / "versa_photo.yaml"


def convert_photo(directory: Path, scale: int = 4) -> None:
    """Make the folder of the published network from the file at hand; else the run fetches it."""
    script = REPOSITORY / "workflow" / "scripts" / "fetch_span_photo.py"
    folder = directory / "data" / "weights" / "span_photo"
    if SPAN.is_file() and not folder.exists():
        words = [sys.executable, script, "--file", SPAN, "--scale", scale, "--output", folder]
        subprocess.run([*map(str, words)], check=True)


def run_workflow(directory: Path, cores: int, configs: list[Path]) -> float:
    """Run the workflow with overlays in `directory` and return its wall-clock seconds."""
    command = [
        *("snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", directory),
        *("--configfile", *configs, "--cores", cores, "--config"),
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


def power_beyond(spectrum: Path, scale: int = 4) -> float:
    """Return the power of SR beyond the Nyquist frequency of LR, as a share of that of HR."""
    power: dict[str, float] = {}
    with spectrum.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    highest = max(float(row["frequency_per_um"]) for row in rows)
    for row in rows:
        frequency = float(row["frequency_per_um"])
        if frequency > highest / scale:  # a ring is as long as its frequency
            power[row["method"]] = power.get(row["method"], 0) + float(row["power"]) * frequency
    [own] = (name for name in power if name != "hr")
    return power[own] / power["hr"]


def report(results: Path, reference: str = "bicubic") -> None:
    """Print every method against `reference`: differences for PSNR and SSIM, ratio for LPIPS."""
    means = read_means(results / "metrics" / "summary.csv")
    base = means[reference]
    print(
        "method          psnr_db    gain    ssim    gain   lpips   ratio  power beyond LR Nyquist"
    )
    for method, own in means.items():
        beyond = power_beyond(results / "metrics" / method / "versa.spectrum.csv")
        print(
            f"{method:14} {own['psnr_db']:8.2f} {own['psnr_db'] - base['psnr_db']:+7.2f} "
            f"{own['ssim']:7.4f} {own['ssim'] - base['ssim']:+7.4f} "
            f"{own['lpips']:7.4f} {own['lpips'] / base['lpips']:7.3f}  {beyond:.2f} of HR's"
        )


def main() -> None:
    """Run, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder of the run; a temporary one by default")
    parser.add_argument("--photo", action="store_true", help="start from photographs")
    arguments = parser.parse_args()
    for needed in (ROCK, LPIPS):
        if not needed.is_file():
            sys.exit(f"quality: {needed} is absent; see data/README.md")
    with tempfile.TemporaryDirectory() as temporary:
        directory = arguments.keep or Path(temporary)
        directory.mkdir(parents=True, exist_ok=True)
        if arguments.photo:
            convert_photo(directory)
        configs = [VERSA, PHOTO] if arguments.photo else [VERSA]
        seconds = run_workflow(directory, arguments.cores, configs)
        print(f"\n{platform.machine()}, {os.cpu_count()} cores: {seconds / 60:.1f} min in all\n")
        report(directory / "results")


if __name__ == "__main__":
    main()
