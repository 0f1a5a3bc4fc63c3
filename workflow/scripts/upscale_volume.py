"""Join the slabs of an upscaled volume to one OME-Zarr image and measure its jitter along z.

The image is a pyramid with voxel sizes; the table compares it with the low-resolution volume.
"""

import argparse
import math
import re
import shutil
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.provenance.record import RECORD_SUFFIX, add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import zarr

    from sandstone.metrics.jitter import Jitter, Read
    from sandstone.upscaling.chunk_store import ChunkStore
    from sandstone.upscaling.layout import Layout
    from sandstone.volumes.volume import Volume

DIGITS = 6  # significant digits in the table
SAME_VOXEL = 0.02  # relative difference; scanners round the voxel size in their metadata


def read_marker(slab: str | Path, blocks: int) -> tuple[str, range]:
    """Return the fingerprint of a finished slab, and the numbers of its blocks.

    Raises
    ------
    InputError
        If its marker is missing or damaged.
    """
    from sandstone.fields import are, check_fields, is_whole
    from sandstone.files import read_json

    kinds = {
        # It names a folder, whose neighbours are deleted at the end.
        "fingerprint": lambda value: (
            isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{64}", value))
        ),
        "blocks": lambda value: are(is_whole, value, 2) and 0 <= value[0] <= value[1] <= blocks,
    }
    remedy = "run again with --forcerun upscale_slab"
    marker = read_json(slab, keys=kinds, remedy=remedy)
    check_fields(marker, kinds, slab, remedy)
    return marker["fingerprint"], range(*marker["blocks"])


def find_store(layout: "Layout", folder: Path, slabs: Sequence[str]) -> "ChunkStore":
    """Return the store that all slabs filled.

    Raises
    ------
    InputError
        If a slab is not finished, slabs have different fingerprints, or a chunk is missing.
    """
    from sandstone.upscaling.chunk_store import ChunkStore

    markers = [read_marker(slab, len(layout.tiling)) for slab in slabs]
    fingerprints = {fingerprint for fingerprint, _ in markers}
    covered = sorted(number for _, numbers in markers for number in numbers)
    if len(fingerprints) > 1:
        raise InputError(
            "the slabs were computed by different code, libraries or threads; compute them again "
            "in one environment, with --forcerun upscale_slab"
        )
    store = ChunkStore(folder / fingerprints.pop() / "0", layout.tiling, layout.dtype)
    missing = [i for i in range(len(layout.tiling)) if not store.is_whole(layout.tiling[i])]
    if covered != list(range(len(layout.tiling))) or missing:
        raise InputError(
            f"{folder}: {len(missing)} of {len(layout.tiling)} blocks are missing; compute the "
            "slabs again, with --forcerun upscale_slab"
        )
    return store


def remove_others(store: "ChunkStore", slabs: Sequence[str]) -> None:
    """Remove chunks of other fingerprints, and records of slabs that no longer exist."""
    own = store.folder.parent
    for other in own.parent.iterdir():
        if other != own and other.is_dir():  # file managers add files
            shutil.rmtree(other, ignore_errors=True)
    markers = [Path(slab) for slab in slabs]
    records = {marker.with_suffix(RECORD_SUFFIX) for marker in markers}
    for folder in {marker.parent for marker in markers}:
        for record in folder.glob(f"[0-9]*{RECORD_SUFFIX}"):
            if record not in records:
                record.unlink()


class Scales:
    """The distances over which jitter is measured in the volumes of a layout.

    Attributes
    ----------
    cell : tuple of int
        Voxels of the upscaled volume in the cell of an LR voxel, along z and within slices.
    resolved, detail : Lags
        Steps of both bands, in cells and in voxels.
    """

    def __init__(self, layout: "Layout") -> None:
        from sandstone.metrics.jitter import Lags

        tiling, (depth, _, width) = layout.tiling, layout.voxel_size_um
        plane = max(1, round(depth / width))  # LR pixels that are as long as an LR voxel is deep
        self.cell = (tiling.factors[0], tiling.scale)
        self.resolved = Lags(1, plane)
        self.detail = Lags(1, plane if tiling.axes == "mean" else plane * tiling.scale)


def measure_jitter(
    layout: "Layout", volume: "Volume", upscaled: "zarr.Array", hr: "Volume | None"
) -> "list[Jitter]":
    """Return the rows of the jitter's table: of the input, the upscaled volume, and HR."""
    from sandstone.metrics import jitter
    from sandstone.upscaling import pyramid

    scales, tiling = Scales(layout), layout.tiling
    low, high = layout.grey_window

    def lr(z0: int, z1: int, rows: slice, columns: slice) -> "np.ndarray":
        # What saturates does not change from slice to slice in the upscaled volume either.
        return volume.read(z0, z1, rows)[:, :, columns].clip(low, high)

    def sr(z0: int, z1: int, rows: slice, columns: slice) -> "np.ndarray":
        return pyramid.read_region(upscaled, (slice(z0, z1), rows, columns))

    measured = {
        "input": jitter.measure(
            lr, tiling.shape, cell=(1, 1), resolved=scales.resolved, detail=None
        ),
        "upscaled": _measure(sr, tiling.sr_shape, scales),
    }
    if hr:
        measured["hr"] = _measure(*spaced(hr, layout.sr_voxel_size_um), scales)
    distances = {"resolved": layout.voxel_size_um[0], "detail": layout.sr_voxel_size_um[0]}
    return [
        jitter.row(source, band, distances[band], bands[band])
        for band in distances
        for source, bands in measured.items()
        if band in bands
    ]


def _measure(
    read: "Read", shape: tuple[int, int, int], scales: Scales
) -> dict[str, tuple[float, float]]:
    from sandstone.metrics import jitter

    return jitter.measure(
        read, shape, cell=scales.cell, resolved=scales.resolved, detail=scales.detail
    )


def spaced(hr: "Volume", voxel_size_um: Sequence[float]) -> "tuple[Read, tuple[int, int, int]]":
    """Return a reader of a true fine volume with the upscaled volume's distance of slices.

    The second value is the shape that it reads from.

    Raises
    ------
    InputError
        If its voxels differ from those of the upscaled volume, or do not divide them along z.
    """
    step = max(1, round(voxel_size_um[0] / hr.voxel_size_um[0]))
    expected = (voxel_size_um[0] / step, *voxel_size_um[1:])
    if any(
        not math.isclose(own, other, rel_tol=SAME_VOXEL)
        for own, other in zip(hr.voxel_size_um, expected, strict=True)
    ):
        shown = " x ".join(f"{size:g}" for size in hr.voxel_size_um)
        wanted = " x ".join(f"{size:g}" for size in voxel_size_um)
        raise InputError(
            f"{hr.files[0]}: its voxels are {shown} µm, those of the upscaled volume {wanted}; "
            "name a volume of these voxels as hr, or none"
        )

    def read(z0: int, z1: int, rows: slice, columns: slice) -> "np.ndarray":
        return hr.read(z0 * step, (z1 - 1) * step + 1, rows)[::step, :, columns]

    return read, (-(-hr.shape[0] // step), *hr.shape[1:])


def measure_and_join(args: argparse.Namespace, layout: "Layout", store: "ChunkStore") -> list[Path]:
    """Write the table and the image.

    Returns
    -------
    list of Path
        Files of the volumes that were read.
    """
    from sandstone import unchanged
    from sandstone.upscaling import pyramid
    from sandstone.upscaling.layout import check_volume

    with ExitStack() as stack:
        volume = stack.enter_context(flags.open_named(args))
        check_volume(layout, volume, unchanged.size(volume.files))
        hr = stack.enter_context(flags.open_named(args, "hr")) if args.hr else None
        files = [*volume.files, *(hr.files if hr else ())]
        stack.enter_context(unchanged.unchanged(files))
        store.open()  # writes a damaged zarr.json of the array again
        rows = measure_jitter(layout, volume, store.reader(), hr)
    write_table(Path(args.table), rows)
    pyramid.write(
        Path(args.zarr),
        store,
        name=layout.volume,
        fingerprint=store.folder.parent.name,
        voxel_size_um=layout.sr_voxel_size_um,
        origin_um=layout.origin_um,
        grey_window=layout.grey_window,
    )
    return files


def write_table(path: Path, rows: "list[Jitter]") -> None:
    """Write the jitter's table."""
    from sandstone.files import csv_text, write_text

    cells = (
        [f"{cell:.{DIGITS}g}" if isinstance(cell, float) else cell for cell in row] for row in rows
    )
    write_text(path, csv_text(rows[0]._fields, cells))


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    flags.add(arguments)
    flags.add(arguments, "hr", required=False)
    add("--layout", type=cli.InputPath, required=True, help="what prepare_upscale.py wrote (.json)")
    add(
        "--slabs",
        type=cli.WorkPath,
        required=True,
        nargs="+",
        help="markers of all slabs, which upscale_slab.py wrote (.json)",
    )
    add(
        "--store",
        type=cli.WorkPath,
        required=True,
        help="folder with the chunks of all slabs",
    )
    add("--zarr", type=cli.OutputPath, required=True, help="folder of the OME-Zarr image to write")
    add("--table", type=cli.OutputPath, required=True, help="jitter along z to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Write the image and the table."""
    args = parser().parse_args(argv)

    from sandstone.upscaling import pyramid
    from sandstone.upscaling.layout import read_layout

    layout = read_layout(Path(args.layout))
    store = find_store(layout, Path(args.store), args.slabs)
    try:
        files = measure_and_join(args, layout, store)
    except pyramid.DamagedChunk as error:
        damaged = store.remove_damaged()
        if not damaged:
            raise
        raise InputError(
            f"{store.folder}: {damaged} of {len(layout.tiling)} blocks were damaged and are "
            "removed; run again with --forcerun upscale_slab, which computes only these"
        ) from error
    remove_others(store, args.slabs)
    image = sorted(file for file in Path(args.zarr).rglob("*") if file.is_file())
    write_record(__file__, args, voxel_size_um=layout.sr_voxel_size_um, inputs=files, outputs=image)


if __name__ == "__main__":
    sys.exit(cli.run(main))
