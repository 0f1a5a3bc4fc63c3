"""Upscale a volume by the script, by the bare network, and slice by slice; print the rates.

All three do the same work on the same machine in one run: the whole job upscale_slab.py with its
start; the network alone on as many tiles, which lie in memory; and a loop of `model.predict` over
whole slices, without tiles, halo, files and window. A job of a single block shows how long the
start takes, which does not grow with the volume.
"""

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
NAIVE_SLICES = 8


def save_model(folder: Path, options: argparse.Namespace) -> None:
    """Write a generator of the demo's size; weights do not change its speed."""
    from sandstone.models import networks
    from sandstone.models.options import generator_config
    from sandstone.models.weights import save_network_json

    config = generator_config(scale=4, blocks=options.blocks, filters=options.filters)
    save_network_json(folder / "generator.json", config)
    networks.build_generator(**config).save_weights(folder / "generator.weights.h5")


def run_script(folder: Path, options: argparse.Namespace) -> tuple[float, float]:
    """Prepare and upscale; return the seconds of the job that upscales, with and without start."""
    from sandstone.upscaling.layout import read_layout

    reading = ["--volume", str(folder / "rock.npy"), "--voxel-size-um", "4"]
    model = ["--model-dir", str(folder), "--layout", str(folder / "layout.json")]
    tiling = ["--tile", str(options.tile), "--batch", str(options.batch)]
    prepare = [sys.executable, str(SCRIPTS / "prepare_upscale.py"), *reading, *model, *tiling]
    subprocess.run(
        [*prepare, "--name", "rock", "--model", "m", "--levels", "0", "255"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    blocks = len(read_layout(folder / "layout.json").tiling)
    seconds = []
    for slabs in (1, blocks):
        slab = ["--slab", "0", "--slabs", str(slabs), "--threads", str(options.threads)]
        output = ["--store", str(folder / f"of_{slabs}"), "--output", str(folder / "0.json")]
        start = time.monotonic()
        subprocess.run(
            [sys.executable, str(SCRIPTS / "upscale_slab.py"), *reading, *model, *slab, *output],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(time.monotonic() - start)
    whole, single = seconds
    return whole, (whole - single) / (blocks - 1) * blocks


def run_network(folder: Path) -> float:
    """Return the seconds of as many calls of the compiled network."""
    from plan_upscale import calls
    from sandstone.models import inference, weights
    from sandstone.upscaling.layout import read_layout

    tiling = read_layout(folder / "layout.json").tiling
    edges = [edge + 2 * tiling.halo for edge in tiling.block[1:]]
    tiles = np.random.default_rng(0).random((tiling.call, *edges, 1), dtype=np.float32)
    model = weights.load_generator(folder)
    inference.predict(model, tiles)
    start = time.monotonic()
    for _ in range(calls(tiling)):
        inference.predict(model, tiles)
    return time.monotonic() - start


def run_slices(folder: Path, voxels: np.ndarray) -> float:
    """Return the seconds that `model.predict` takes for all slices, from those of a few."""
    from sandstone.models import weights

    model = weights.load_generator(folder)
    model.jit_compile = False
    lr = voxels[: NAIVE_SLICES + 1].astype(np.float32)[..., np.newaxis] / 255
    model.predict(lr[:1], verbose=0)
    start = time.monotonic()
    for image in lr[1:]:
        model.predict(image[np.newaxis], verbose=0)
    return (time.monotonic() - start) * len(voxels) / NAIVE_SLICES


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--shape", type=int, nargs=3, default=[64, 256, 256], help="z y x")
    parser.add_argument("--blocks", type=int, default=8)
    parser.add_argument("--filters", type=int, default=32)
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    from sandstone.models import backend

    voxels = np.random.default_rng(0).integers(0, 255, options.shape, dtype=np.uint8)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        np.save(folder / "rock.npy", voxels)
        backend.start(threads=options.threads)
        save_model(folder, options)
        whole, started = run_script(folder, options)
        alone = run_network(folder)
        slices = run_slices(folder, voxels)
    print(f"{platform.machine()}, {os.cpu_count()} cores; {options.shape} voxels, uint8")
    print("                                  seconds  LR kvoxels/s  share of the network's")
    rows = {
        "upscale_slab.py, all of it": whole,
        "the same, less its start": started,
        "network on tiles in memory": alone,
        "model.predict slice by slice": slices,
    }
    for name, seconds in rows.items():
        print(
            f"{name:32} {seconds:9.1f} {voxels.size / seconds / 1e3:13.1f} {alone / seconds:12.2f}"
        )
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"peak memory: the script {children:.2f} GB, whole slices {own:.2f} GB")


if __name__ == "__main__":
    main()
