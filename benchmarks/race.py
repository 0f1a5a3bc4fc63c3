"""Race trials of equal compute on three rocks; print what each gains, and what it cost.

Each is a model of benchmarks/race.yaml, told apart on the validation slices and reported on the
test slices: real slices shrunken by four (versa), a real pair of scans (bentheimer) and the
synthetic rock of config.yaml (phantom). Needs the shared data and weights (SANDSTONE_DATA,
SANDSTONE_WEIGHTS); without the file of SPAN it is fetched.
"""

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from quality import LPIPS, REPOSITORY, convert_photo, power_beyond, read_means

DATA = Path(os.environ.get("SANDSTONE_DATA", REPOSITORY.parent / "shared" / "data"))
RACE = REPOSITORY / "benchmarks" / "race.yaml"
ROCKS = ("versa", "bentheimer", "phantom")


def overlay_of(rock: str) -> dict[str, Any]:
    """Return what the race sets of a rock: the sample, how its pairs are made, LPIPS."""

    def read(path: str) -> dict[str, Any]:
        content: dict[str, Any] = yaml.safe_load((REPOSITORY / path).read_text(encoding="utf-8"))
        return content

    if rock == "phantom":
        sample, pairs = read("config.yaml")["samples"]["phantom"], {}
    elif rock == "versa":
        config = read("config/versa.yaml")
        own = {key: config["samples"]["versa"][key] for key in ("voxel_size_um", "split")}
        sample, pairs = {"path": str(DATA / "sandstone_versa.tif"), **own}, config["pairs"]
    else:
        config = read("config/bentheimer.yaml")
        fine, coarse = (str(DATA / f"bentheimer_pair_{name}.tif") for name in ("hr2um", "lr6um"))
        sample, pairs = config["samples"]["bentheimer"], config["pairs"]
        sample = {**sample, "path": fine, "lr": {**sample["lr"], "path": coarse}}
    weights = {"weights": {"lpips_alex": {"path": str(LPIPS)}}} if LPIPS.is_file() else {}
    return {"samples": {"rock": sample}, "pairs": pairs, **weights}


def run(rock: str, directory: Path, cores: int) -> None:
    """Run the race on a rock in `directory`, as far as its tables."""
    overlay = overlay_of(rock)
    convert_photo(directory, overlay["pairs"].get("scale", 4))
    (directory / "rock.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    command = [
        *("snakemake", "--snakefile", REPOSITORY / "Snakefile", "--directory", directory),
        *("--configfile", RACE, directory / "rock.yaml", "--cores", cores),
        "results/metrics/summary.csv",
    ]
    subprocess.run([*map(str, command)], check=True)


def last_validation(history: Path) -> float:
    """Return the PSNR of the last validation of a training, dB."""
    with history.open(encoding="utf-8") as stream:
        found = [row["val_psnr_db"] for row in csv.DictReader(stream) if row["val_psnr_db"]]
    return float(found[-1])


def cpu_seconds(benchmark: Path) -> float:
    """Return the CPU seconds of a job, as Snakemake measured them."""
    with benchmark.open(encoding="utf-8") as stream:
        [row] = csv.DictReader(stream, delimiter="\t")
    return float(row["cpu_time"])


def report(rock: str, results: Path, scale: int) -> None:
    """Print a line a method: validation, gains on the test slices, power, cost."""
    means = read_means(results / "metrics" / "summary.csv")
    base = means["bicubic"]
    print(f"\n{rock}: bicubic has {base['psnr_db']:.2f} dB; gains are over it")
    print(
        f"{'trial':<18}{'val dB':>8}{'gain dB':>9}{'SSIM':>8}{'LPIPS':>8}{'power':>7}{'CPU s':>7}"
    )
    for method, own in means.items():
        history = results / "models" / method / "history.csv"
        trained = history.is_file()
        validation = f"{last_validation(history):.2f}" if trained else ""
        cost = cpu_seconds(results / "benchmarks" / "train" / f"{method}.tsv") if trained else 0
        ratio = f"{own['lpips'] / base['lpips']:.3f}" if "lpips" in own else ""
        power = power_beyond(results / "metrics" / method / "rock.spectrum.csv", scale)
        print(
            f"{method:<18}{validation:>8}{own['psnr_db'] - base['psnr_db']:>+9.2f}"
            f"{own['ssim'] - base['ssim']:>+8.3f}{ratio:>8}{power:>7.2f}{cost:>7.0f}"
        )


def main() -> None:
    """Race on each rock, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rocks", nargs="+", choices=ROCKS, default=ROCKS)
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="folder of the runs; a temporary one by default")
    args = parser.parse_args()
    if not (DATA / "sandstone_versa.tif").is_file():
        sys.exit(f"race: {DATA / 'sandstone_versa.tif'} is absent; see data/README.md")
    with tempfile.TemporaryDirectory() as temporary:
        for rock in args.rocks:
            directory = (args.keep or Path(temporary)) / rock
            directory.mkdir(parents=True, exist_ok=True)
            run(rock, directory, args.cores)
        for rock in args.rocks:
            results = (args.keep or Path(temporary)) / rock / "results"
            report(rock, results, overlay_of(rock)["pairs"].get("scale", 4))
    print(f"\n{platform.machine()}, {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
