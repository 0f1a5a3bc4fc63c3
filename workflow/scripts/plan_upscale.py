"""Plan the upscaling of a volume: tiles, memory, disk and hours, before anything is computed.

The rate is measured on one batch of tiles with an untrained network of the model's architecture.
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
from sandstone.config import flags

if TYPE_CHECKING:
    from sandstone.upscaling.blocks import Tiling
    from sandstone.volumes.volume import Volume

PYRAMID = {"z": 4 / 3, "mean": 8 / 7}  # voxels of all levels, as multiples of the finest
RSS_UNIT = 1 if sys.platform == "darwin" else 1 << 10  # bytes, of ru_maxrss


def measure_call(
    tiling: "Tiling", generator: dict[str, object], threads: int, *, self_ensemble: bool
) -> float:
    """Return the seconds of one call of the network, after one that compiles it.

    With `self_ensemble`, of as many calls as an image has views.
    """
    from sandstone.models import backend

    backend.start(threads=threads)

    import numpy as np

    from sandstone.models import inference, networks

    model = networks.build_generator(**generator)
    edges = [edge + 2 * tiling.halo for edge in tiling.block[1:]]
    lr = np.zeros((tiling.call, *edges, 1), np.float32)
    inference.predict(model, lr)
    start = time.monotonic()
    inference.predict(model, lr)
    views = inference.VIEWS if self_ensemble else 1
    return views * (time.monotonic() - start)


def calls(tiling: "Tiling") -> int:
    """Return the number of calls of the network for the whole volume."""
    from sandstone.models.cubic import BICUBIC_RADIUS

    if tiling.axes == "mean":
        each = sum(-(-(edge + 2 * BICUBIC_RADIUS) // tiling.call) for edge in tiling.block)
        return each * len(tiling)
    _, across, along = tiling.counts
    layers, depth = tiling.counts[0], tiling.block[0]
    last = tiling.shape[0] - (layers - 1) * depth
    return across * along * ((layers - 1) * depth // tiling.call + -(-last // tiling.call))


def describe(
    args: argparse.Namespace, volume: "Volume", tiling: "Tiling", seconds: float
) -> list[str]:
    """Return the lines of the plan."""
    from sandstone.progress import duration
    from sandstone.upscaling.blockwise import AHEAD

    itemsize = volume.dtype.itemsize
    voxels = math.prod(tiling.sr_shape)
    finest = voxels * itemsize
    waiting = (2 * AHEAD + 2) * math.prod(tiling.block) * math.prod(tiling.factors) * 4
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT + waiting
    if volume.in_memory:
        memory += math.prod(tiling.shape) * itemsize
    total = calls(tiling) * seconds
    slabs = min(args.slabs, len(tiling))
    disk = finest * PYRAMID[tiling.axes] + finest * ("tiff" in args.formats)
    free = shutil.disk_usage(_existing(Path(args.output).absolute())).free
    shape, fine, block = (
        " x ".join(map(str, each)) for each in (tiling.shape, tiling.sr_shape, tiling.block)
    )
    stream = " (the file is one compressed stream: all of it is decompressed)"
    unpacked = stream if volume.in_memory else ""
    rates = math.prod(tiling.shape) / total / 1e3, voxels / total / 1e6
    lines = {
        "blocks": f"{len(tiling)} of {block} voxels, halo {tiling.halo}",
        "memory": f"about {memory / 1e9:.1f} GB a slab{unpacked}",
        "disk": f"{disk / 1e9:.2f} GB before compression; {free / 1e9:.1f} GB are free",
        "rate": f"{rates[0]:.1f} kvoxels/s of the input, {rates[1]:.3f} Mvoxels/s of the output",
        "time": f"{duration(total)} on a machine like this",
    }
    if slabs > 1:
        lines["time"] += f", {duration(total / slabs)} with all {slabs} slabs at once on as many"
    head = f"{args.name}: {shape} voxels of {volume.dtype} become {fine} (axes {tiling.axes})"
    return [head, *(f"  {key:8}{line}" for key, line in lines.items())]


def _existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--name", required=True, help="name of the volume")
    flags.add(arguments)
    add("--generator", required=True, type=json.loads, help="architecture of the model, JSON")
    add("--axes", choices=["z", "mean"], default="z", help="enlarge slices, or all three axes")
    add("--tile", type=cli.positive_int, default=256, help="largest edge of a block, LR pixels")
    add("--batch", type=cli.positive_int, default=1, help="slices in one call of the network")
    add("--slabs", type=cli.positive_int, default=1, help="number of jobs")
    add("--formats", nargs="+", choices=["zarr", "tiff"], default=["zarr"], help="formats to write")
    add("--threads", type=cli.positive_int, default=2, help="threads of one operation")
    add(
        "--self-ensemble",
        type=cli.boolean,
        default=False,
        help="mean over the flips and turns of each slice",
    )
    add("--output", type=cli.WorkPath, required=True, help="plan to write (.txt)")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the volume, measure the rate, print and write the plan."""
    args = parser().parse_args(argv)

    from sandstone.files import write_text
    from sandstone.models.description import receptive_field
    from sandstone.models.options import generator_config
    from sandstone.upscaling.blocks import Tiling

    generator = generator_config(**args.generator)
    with flags.open_named(args) as volume:
        halo = receptive_field(generator)
        tiling = Tiling(volume.shape, generator["scale"], args.axes, args.tile, args.batch, halo)
        seconds = measure_call(tiling, generator, args.threads, self_ensemble=args.self_ensemble)
        plan = describe(args, volume, tiling, seconds)
    print("\n".join(plan), flush=True)
    write_text(args.output, "\n".join(plan) + "\n")


if __name__ == "__main__":
    sys.exit(cli.run(main))
