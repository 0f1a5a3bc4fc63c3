"""Upscale volumes of growing size and print the peak memory of every job.

The network computes the first batch. After that a stand-in repeats pixels, so that gigabytes take
minutes; everything else is the code of the workflow. Memory should not grow with the volume.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
SCALE = 2
STAND_IN = """
import sys
sys.path.insert(0, {scripts!r})
import upscale_slab
from sandstone import cli
from sandstone.models import inference

load = inference.load_network

def load_for_one_batch(*arguments):
    networks = [load(*arguments)]

    def enlarge(lr):
        if networks:
            return networks.pop()(lr)
        return lr.repeat({scale}, 1).repeat({scale}, 2)

    return enlarge

inference.load_network = load_for_one_batch
sys.exit(cli.run(lambda _: upscale_slab.main({arguments!r})))
"""
MODEL = """
import sys
sys.path.insert(0, {scripts!r})
from pathlib import Path
from sandstone.models import networks
from sandstone.models.options import generator_config
from sandstone.models.weights import save_network_json
config = generator_config(scale={scale}, blocks=1, filters=4)
folder = Path({folder!r})
save_network_json(folder / "generator.json", config)
networks.build_generator(**config).save_weights(folder / "generator.weights.h5")
"""


def shape_of(gigabytes: float, tile: int) -> tuple[int, int, int]:
    """Return a shape of about so many uint8 voxels, whose slices whole tiles cover.

    Slices are about twice as wide as the stack is deep; in other shapes tiles would be smaller.
    """
    edge = max(1, round((2 * gigabytes * 1e9) ** (1 / 3) / tile)) * tile
    return round(gigabytes * 1e9 / edge**2), edge, edge


def write_volume(path: Path, shape: tuple[int, int, int]) -> None:
    """Write noise, a slice at a time."""
    rng = np.random.default_rng(0)
    with path.open("wb") as stream:
        for _ in range(shape[0]):
            stream.write(rng.integers(40, 200, shape[1:], dtype=np.uint8).tobytes())


def peak(command: list[str]) -> tuple[float, float]:
    """Run a command; return its peak resident memory in MB and its seconds."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"upscale_memory: {command[:3]} ended with {status}")
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return usage.ru_maxrss / unit, time.monotonic() - start


def measure(
    folder: Path, gigabytes: float, options: argparse.Namespace
) -> dict[str, tuple[float, float]]:
    """Return peak memory and seconds of the four jobs that upscale one volume."""
    shape, volume = shape_of(gigabytes, options.tile), folder / "rock.raw"
    write_volume(volume, shape)
    layout, store, marker = folder / "layout.json", folder / "store", folder / "0.json"
    reading = ["--volume", volume, "--raw-shape", *shape, "--raw-dtype", "uint8"]
    reading = [*map(str, reading), "--voxel-size-um", "4"]
    model = ["--model-dir", str(folder)]
    tiling = ["--tile", str(options.tile), "--batch", str(options.batch)]
    prepare = ["--name", "rock", "--model", "m", *model, *tiling, "--layout", str(layout)]
    slab = [*model, "--slab", "0", "--layout", str(layout), "--store", str(store)]
    join = ["--slabs", str(marker), "--layout", str(layout), "--store", str(store)]
    join += ["--zarr", str(folder / "rock.ome.zarr"), "--table", str(folder / "table.csv")]
    tiff = ["--zarr", str(folder / "rock.ome.zarr"), "--output", str(folder / "rock.ome.tif")]
    slab_code = STAND_IN.format(
        scripts=str(SCRIPTS), scale=SCALE, arguments=[*reading, *slab, "--output", str(marker)]
    )
    python = sys.executable
    jobs = {
        "prepare": [python, str(SCRIPTS / "prepare_upscale.py"), *reading, *prepare],
        "slab": [python, "-c", slab_code],
        "join": [python, str(SCRIPTS / "upscale_volume.py"), *reading, *join],
        "tiff": [python, str(SCRIPTS / "upscale_tiff.py"), *tiff],
    }
    return {name: peak([*command]) for name, command in jobs.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--gigabytes", type=float, nargs="+", default=[0.25, 1, 4])
    parser.add_argument("--tile", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="where the volumes lie for a while")
    options = parser.parse_args()
    print("input_gb  job       peak_mb  ratio  seconds")
    first: dict[str, float] = {}
    for gigabytes in options.gigabytes:
        with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
            folder = Path(temporary)
            code = MODEL.format(scripts=str(SCRIPTS), scale=SCALE, folder=str(folder))
            subprocess.run([sys.executable, "-c", code], check=True, stderr=subprocess.DEVNULL)
            measured = measure(folder, gigabytes, options)
        for name, (megabytes, seconds) in measured.items():
            ratio = megabytes / first.setdefault(name, megabytes)
            print(
                f"{gigabytes:8g}  {name:8} {megabytes:8.0f} {ratio:6.2f} {seconds:8.0f}", flush=True
            )


if __name__ == "__main__":
    main()
