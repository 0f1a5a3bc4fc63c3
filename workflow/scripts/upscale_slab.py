"""Upscale the blocks of one slab of a volume with a trained generator.

A job that was killed continues with the blocks that are not whole yet.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.models.options import generator_files
from sandstone.provenance.record import add_record_flag, code_of, write_record
from sandstone.volumes import flags

if TYPE_CHECKING:
    from sandstone.upscaling.blocks import Block
    from sandstone.upscaling.chunk_store import ChunkStore
    from sandstone.upscaling.layout import Layout
    from sandstone.volumes.volume import Volume

# The rooms whose code decides the voxels. The input's voxels have a hash in the layout.
ROOMS = ("imaging", "models", "upscaling")
LIBRARIES = ("keras", "numpy", "tensorflow", "zarr")


def fingerprint(layout_path: Path, threads: int) -> str:
    """Return a digest of all that the chunks depend on; what has another one is not reused."""
    from sandstone.files import sha256_of

    state = {
        "layout": sha256_of(layout_path),
        "code": [file for file in code_of("upscale_slab") if room_of(file["path"]) in ROOMS],
        "libraries": {name: version(name) for name in LIBRARIES},
        "threads": threads,
    }
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def room_of(module: str) -> str:
    """Return the room of a module's path, as in "imaging" of ".../sandstone/imaging/grey.py"."""
    return Path(module).parent.name


def check_network(layout: "Layout", model_dir: Path) -> None:
    """Refuse a network that is not the layout's."""
    from sandstone.upscaling.layout import network_digests

    if network_digests(model_dir) != layout.network:
        raise InputError(
            f"{model_dir}: trained anew since the layout was made; make the layout again with "
            "prepare_upscale.py"
        )


def compute(
    args: argparse.Namespace,
    layout: "Layout",
    volume: "Volume",
    store: "ChunkStore",
    pending: "list[Block]",
) -> None:
    """Compute the blocks that are not whole yet.

    Raises
    ------
    InputError
        If the volume changes meanwhile; what was computed from it is removed.
    """
    from sandstone.models import inference
    from sandstone.progress import Rate
    from sandstone.upscaling import blockwise
    from sandstone.volumes import unchanged

    network = inference.load_network(Path(args.model_dir), args.threads)
    voxels = sum(layout.cut.voxels(block) for block in pending)
    rate = Rate(f"slab {args.slab + 1} of {args.slabs}", voxels)
    store.open()
    try:
        with unchanged.unchanged(volume.files):
            blockwise.upscale(
                volume, store, network, blocks=pending, levels=layout.levels, done=rate.add
            )
    except unchanged.Changed:
        for block in pending:
            store.remove(block)
        raise


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    flags.add(arguments)
    add("--layout", type=cli.InputPath, required=True, help="what prepare_upscale.py wrote (.json)")
    add("--model-dir", type=cli.InputPath, required=True, help="folder of the trained model")
    add("--slab", type=cli.non_negative_int, required=True, help="number of the slab, from 0")
    add("--slabs", type=cli.positive_int, default=1, help="slabs into which the blocks are dealt")
    add("--threads", type=cli.positive_int, default=2, help="of one operation; part of the result")
    add(
        "--store",
        type=cli.WorkPath,
        required=True,
        help="folder in which all slabs collect their chunks",
    )
    # It passes like the chunks: the image that is joined from them is what remains.
    add(
        "--output",
        type=cli.WorkPath,
        required=True,
        help="sign that the slab is finished, to write (.json)",
    )
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Compute what is missing of the slab."""
    args = parser().parse_args(argv)
    if args.slab >= args.slabs:
        raise InputError(f"--slab {args.slab} is not below --slabs {args.slabs}; count from 0")

    from sandstone.files import write_json
    from sandstone.upscaling.chunk_store import ChunkStore
    from sandstone.upscaling.layout import check_volume, read_layout
    from sandstone.volumes import unchanged

    layout = read_layout(Path(args.layout))
    check_network(layout, Path(args.model_dir))
    own = fingerprint(Path(args.layout), args.threads)
    store = ChunkStore(Path(args.store) / own / "0", layout.cut, layout.dtype)
    numbers = layout.cut.slab(args.slab, args.slabs)
    with flags.open_named(args) as volume:
        check_volume(layout, volume, unchanged.size(volume.files))
        blocks = [layout.cut[number] for number in numbers]
        pending = [block for block in blocks if not store.is_whole(block)]
        whole = len(blocks) - len(pending)
        print(f"{len(blocks)} blocks, of which {whole} are there already", flush=True)
        if pending:
            compute(args, layout, volume, store, pending)
    write_json(args.output, {"fingerprint": own, "blocks": [numbers.start, numbers.stop]})
    write_record(
        __file__,
        args,
        voxel_size_um=layout.sr_voxel_size_um,
        inputs=[*volume.files, *generator_files(args.model_dir)],
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
