"""Learn from a real pair of scans in an empty folder; print what each route gains on the real one.

Needs the shared pair (SANDSTONE_DATA): 2 µm and 6 µm scans of one Bentheimer plug. With the weights
of LPIPS (SANDSTONE_WEIGHTS) it measures that too.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("SANDSTONE_DATA", REPOSITORY.parent / "shared" / "data"))
WEIGHTS = Path(os.environ.get("SANDSTONE_WEIGHTS", REPOSITORY.parent / "shared" / "weights"))
LPIPS = WEIGHTS / "lpips_alex.npz"
FINE, COARSE = (DATA / f"bentheimer_pair_{name}.tif" for name in ("hr2um", "lr6um"))
REAL = "bentheimer"


def run_workflow(directory: Path, cores: int) -> float:
    """Run config/bentheimer.yaml in `directory` and return its wall-clock seconds."""
    command = [
        *("snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", directory),
        *("--configfile", REPOSITORY / "config" / "bentheimer.yaml", "--cores", cores),
        *("--config", f"samples={{{REAL}: {{path: {FINE}, lr: {{path: {COARSE}}}}}}}"),
        f"upscale={{coarse: {{path: {COARSE}}}}}",
    ]
    if LPIPS.is_file():
        command.append(f"weights={{lpips_alex: {{path: {LPIPS}}}}}")
    start = time.monotonic()
    subprocess.run([*map(str, command)], check=True)
    return time.monotonic() - start


def rows_of(table: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV table."""
    with table.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def report_registration(results: Path) -> None:
    """Print the correlation of both scans before and after, and where the coarse one lies."""
    found = json.loads((results / "registration" / f"{REAL}.json").read_text(encoding="utf-8"))
    fit = json.loads((results / "degradation" / f"{REAL}.json").read_text(encoding="utf-8"))
    before, after = (found["correlation"][key] for key in ("before", "after"))
    print(f"correlation on the coarse grid: {before:.4f} as delivered, {after:.4f} registered")
    print(f"transform: {json.dumps(found['transform'])}")
    print(f"blur {fit['psf_sigma']} HR voxels (z, y, x); noise {json.dumps(fit['noise'])}")


def report_scores(results: Path) -> None:
    """Print every method on the real scan: means, and paired gains over bicubic."""
    rows = [row for row in rows_of(results / "metrics" / "summary.csv") if row["sample"] == REAL]
    cubic = {row["metric"]: float(row["mean"]) for row in rows if row["method"] == "bicubic"}
    print(f"\non the real coarse scan, test block ({rows[0]['n']} tiles):")
    print(
        f"{'method':<10}{'metric':<18}{'mean':>9}{'over bicubic':>14}   gain over the best [95 %]"
    )
    for row in rows:
        mean = float(row["mean"])
        gain = f"{row['gain']} [{row['gain_low']}, {row['gain_high']}]" if row["gain"] else ""
        difference = mean - cubic[row["metric"]]
        print(f"{row['method']:<10}{row['metric']:<18}{mean:9.4f}{difference:+14.4f}   {gain}")


def report_gaps(results: Path) -> None:
    """Print what the real scan costs each method against shrunken tiles of the same place."""
    print("\nfrom simulated to real:")
    for row in rows_of(results / "metrics" / f"{REAL}.simulated_to_real.csv"):
        print(
            f"{row['method']:<10}{row['metric']:<18}{row['simulated']:<22}"
            f"{float(row['mean_simulated']):8.3f} -> {float(row['mean_real']):8.3f}"
            f"  {row['gap']} [{row['gap_low']}, {row['gap_high']}]"
        )


def report_volume(results: Path) -> None:
    """Print the upscaled volume against the fine scan, beside cubic interpolation."""
    print("\nthe whole coarse scan, upscaled along all axes, on the test slices of the fine one:")
    for row in rows_of(results / "upscaled" / "coarse" / "quality.csv"):
        over = f"{row['gain']} [{row['gain_low']}, {row['gain_high']}]" if row["gain"] else ""
        print(f"{row['method']:<10}{row['metric']:<18}{float(row['mean']):9.4f}   {over}")


def main() -> None:
    """Run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder to run in; default: a temporary one")
    args = parser.parse_args()
    for needed in (FINE, COARSE):
        if not needed.is_file():
            sys.exit(f"real_scans: {needed} is absent; see data/README.md")
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        seconds = run_workflow(folder, args.cores)
        results = folder / "results"
        report_registration(results)
        report_scores(results)
        report_gaps(results)
        report_volume(results)
    print(f"\n{platform.machine()}, {os.cpu_count()} cores: {seconds / 60:.1f} min in all")


if __name__ == "__main__":
    main()
