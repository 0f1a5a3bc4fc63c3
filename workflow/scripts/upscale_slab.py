"""Upscale the blocks of one slab of a volume with a trained generator.

A job that was killed continues with the blocks that are missing.
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
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.models.options import generator_files
from sandstone.provenance.record import add_record_flag, code_of, write_record

if TYPE_CHECKING:
    from sandstone.upscaling.blocks import Block
    from sandstone.upscaling.chunk_store import ChunkStore
    from sandstone.upscaling.layout import Layout
    from sandstone.volumes.volume import Volume

# The rooms whose code determines the voxels. The layout holds a hash of the input voxels.
ROOMS = ("imaging", "models", "upscaling")
LIBRARIES = ("keras", "numpy", "pillow", "scipy", "tensorflow", "zarr")


def fingerprint(layout_path: Path, threads: int, *, self_ensemble: bool) -> str:
    """Return a digest of all that the chunks depend on; chunks of another one are not reused."""
    from sandstone.files import sha256_of

    state = {
        "layout": sha256_of(layout_path),
        "code": [file for file in code_of("upscale_slab") if room_of(file["path"]) in ROOMS],
        "libraries": {name: version(name) for name in LIBRARIES},
        "threads": threads,
        "self_ensemble": self_ensemble,
    }
    return hashlib.sha256(json.dumps(state).encode()).hexdigest()


def room_of(module: str) -> str:
    """Return the room of a module's path, as in "imaging" of ".../sandstone/imaging/grey.py"."""
    return Path(module).parent.name


def check_network(layout: "Layout", model_dir: Path) -> None:
    """Refuse a network that is not the one of the layout."""
    from sandstone.upscaling.layout import network_digests

    if network_digests(model_dir) != layout.network:
        raise InputError(
            f"{model_dir}: trained again since the layout was made; make the layout again with "
            "prepare_upscale.py"
        )


def compute(
    args: argparse.Namespace,
    layout: "Layout",
    volume: "Volume",
    store: "ChunkStore",
    pending: "list[Block]",
) -> None:
    """Compute the blocks that are missing.

    Raises
    ------
    InputError
        If the volume changes meanwhile; the blocks computed from it are removed.
    """
    from sandstone import unchanged
    from sandstone.models import inference
    from sandstone.progress import VOXELS, Progress
    from sandstone.upscaling import blockwise

    network = inference.load_network(
        Path(args.model_dir), args.threads, self_ensemble=args.self_ensemble
    )
    voxels = sum(layout.tiling.voxels(block) for block in pending)
    progress = Progress(f"slab {args.slab + 1} of {args.slabs}", voxels, VOXELS)
    store.open()
    try:
        with unchanged.unchanged(volume.files):
            blockwise.upscale(
                volume,
                store,
                layout.faithful(network),
                blocks=pending,
                grey_window=layout.grey_window,
                done=progress.add,
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
    add("--slabs", type=cli.positive_int, default=1, help="number of slabs that share the blocks")
    add(
        "--threads",
        type=cli.positive_int,
        default=2,
        help="threads of one operation; part of the result",
    )
    add(
        "--self-ensemble",
        type=cli.boolean,
        default=False,
        help="mean over the flips and turns of each slice",
    )
    add(
        "--store",
        type=cli.WorkPath,
        required=True,
        help="folder for the chunks of all slabs",
    )
    # The marker is temporary, as the chunks are: what remains is the image joined from them.
    add(
        "--output",
        type=cli.WorkPath,
        required=True,
        help="marker of the finished slab, to write (.json)",
    )
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Compute the missing blocks of the slab and write its marker."""
    args = parser().parse_args(argv)
    if args.slab >= args.slabs:
        raise InputError(f"--slab {args.slab} is not below --slabs {args.slabs}; count from 0")

    from sandstone import unchanged
    from sandstone.files import write_json
    from sandstone.upscaling.chunk_store import ChunkStore
    from sandstone.upscaling.layout import check_volume, read_layout

    layout = read_layout(Path(args.layout))
    check_network(layout, Path(args.model_dir))
    own = fingerprint(Path(args.layout), args.threads, self_ensemble=args.self_ensemble)
    store = ChunkStore(Path(args.store) / own / "0", layout.tiling, layout.dtype)
    numbers = layout.tiling.slab(args.slab, args.slabs)
    with flags.open_named(args) as volume:
        check_volume(layout, volume, unchanged.size(volume.files))
        blocks = [layout.tiling[number] for number in numbers]
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
