"""Tell what upscaling a volume will take: tiles, memory, disk and hours, before it is computed.

The rate is measured on one batch of tiles by an untrained network of the model's architecture.
"""

import argparse
import json
import math
import resource
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.volumes import flags

if TYPE_CHECKING:
    from sandstone.upscaling.blocks import Cut
    from sandstone.volumes.volume import Volume

PYRAMID = {"z": 4 / 3, "mean": 8 / 7}  # of all levels, times the finest
RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10  # bytes, of ru_maxrss


def measure_call(cut: "Cut", generator: dict[str, object], threads: int) -> float:
    """Return the seconds of one call of the network, after one that compiles it."""
    from sandstone.models import backend

    backend.start(threads=threads)

    import numpy as np

    from sandstone.models import inference, networks

    model = networks.build_generator(**generator)
    edges = [edge + 2 * cut.halo for edge in cut.block[1:]]
    lr = np.zeros((cut.call, *edges, 1), np.float32)
    inference.predict(model, lr)
    start = time.monotonic()
    inference.predict(model, lr)
    return time.monotonic() - start


def calls(cut: "Cut") -> int:
    """Return how often the network is called for the whole volume."""
    from sandstone.models.cubic import BICUBIC_RADIUS

    if cut.axes == "mean":
        each = sum(-(-(edge + 2 * BICUBIC_RADIUS) // cut.call) for edge in cut.block)
        return each * len(cut)
    _, across, along = cut.counts
    layers, depth = cut.counts[0], cut.block[0]
    last = cut.shape[0] - (layers - 1) * depth
    return across * along * ((layers - 1) * depth // cut.call + -(-last // cut.call))


def describe(args: argparse.Namespace, volume: "Volume", cut: "Cut", seconds: float) -> list[str]:
    """Return the lines of the plan."""
    from sandstone.progress import duration
    from sandstone.upscaling.blockwise import AHEAD

    itemsize = volume.dtype.itemsize
    voxels = math.prod(cut.sr_shape)
    finest = voxels * itemsize
    waiting = (2 * AHEAD + 2) * math.prod(cut.block) * math.prod(cut.factors) * 4
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT + waiting
    if volume.in_memory:
        memory += math.prod(cut.shape) * itemsize
    total = calls(cut) * seconds
    slabs = min(args.slabs, len(cut))
    disk = finest * PYRAMID[cut.axes] + finest * ("tiff" in args.formats)
    free = shutil.disk_usage(_existing(Path(args.output).absolute())).free
    shape, fine = (" x ".join(map(str, each)) for each in (cut.shape, cut.sr_shape))
    unpacked = " (its compression has no parts: all of it is unpacked)" if volume.in_memory else ""
    rates = math.prod(cut.shape) / total / 1e3, voxels / total / 1e6
    lines = {
        "blocks": f"{len(cut)} of {' x '.join(map(str, cut.block))} voxels, halo {cut.halo}",
        "memory": f"about {memory / 1e9:.1f} GB a slab{unpacked}",
        "disk": f"{disk / 1e9:.2f} GB before compression; {free / 1e9:.1f} GB are free",
        "rate": f"{rates[0]:.1f} kvoxels/s of the input, {rates[1]:.3f} Mvoxels/s of the output",
        "time": f"{duration(total)} on a machine like this",
    }
    if slabs > 1:
        lines["time"] += f", {duration(total / slabs)} with all {slabs} slabs at once on as many"
    head = f"{args.name}: {shape} voxels of {volume.dtype} become {fine} (axes {cut.axes})"
    return [head, *(f"  {key:8}{line}" for key, line in lines.items())]


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--name", required=True, help="of the volume")
    flags.add(arguments)
    add("--generator", required=True, type=json.loads, help="architecture of the model, JSON")
    add("--axes", choices=["z", "mean"], default="z", help="slices only, or all three axes alike")
    add("--tile", type=cli.positive_int, default=256, help="largest edge of a block, LR pixels")
    add("--batch", type=cli.positive_int, default=1, help="slices in one call of the network")
    add("--slabs", type=cli.positive_int, default=1, help="jobs at once")
    add("--formats", nargs="+", choices=["zarr", "tiff"], default=["zarr"], help="to be written")
    add("--threads", type=cli.positive_int, default=2, help="of one operation")
    add("--output", type=cli.WorkPath, required=True, help="the plan, to write (.txt)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the volume, measure the rate, tell the plan."""
    args = parser().parse_args(argv)

    from sandstone.files import write_text
    from sandstone.models.description import receptive_field
    from sandstone.models.options import generator_config
    from sandstone.upscaling.blocks import Cut

    generator = generator_config(**args.generator)
    with flags.open_named(args) as volume:
        halo = receptive_field(generator)
        cut = Cut(volume.shape, generator["scale"], args.axes, args.tile, args.batch, halo)
        seconds = measure_call(cut, generator, args.threads)
        plan = describe(args, volume, cut, seconds)
    print("\n".join(plan), flush=True)
    write_text(args.output, "\n".join(plan) + "\n")


if __name__ == "__main__":
    sys.exit(cli.run(main))
