"""Determine the grey window and the tiling of a volume to upscale, once for all jobs.

Reads the whole low-resolution volume for its grey levels and its SHA-256, and checks that it can
be upscaled.
"""

import argparse
import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.config import flags
from sandstone.config.validity import check_levels, check_window
from sandstone.errors import InputError, note
from sandstone.models.options import generator_files
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.imaging.field_of_view import FieldOfView
    from sandstone.upscaling.blocks import Tiling
    from sandstone.volumes.volume import Volume

CUBIC = 0.01  # relative difference of voxel edges that still counts as cubic
SQUARE, IN_PLUG = 256, 0.7  # voxels; share of a slice's edge, within a round plug
LOOKED_AT = 16  # slices
ALIKE = 1.1  # ratio of voxel edges up to which grains look the same to a network


def back_projection_of(args: argparse.Namespace) -> dict[str, Any]:
    """Return how often and by which degradation to project back; {} for not at all.

    The degradation is that of the tiles that the model was trained on.

    Raises
    ------
    InputError
        If it is unknown, or not the same for all of them.
    """
    if not args.back_projection:
        return {}
    from sandstone.dataset.pairs import open_pairs
    from sandstone.imaging.back_projection import known

    if not args.pairs:
        raise InputError(
            "--back-projection needs --pairs, the tiles that the model has learned from"
        )
    found = []
    for path in args.pairs:
        with open_pairs(path) as pairs:
            found.append(known(pairs.attrs.degradation, path).effective())
    if any(each != found[0] for each in found):
        raise InputError(
            f"{' and '.join(args.pairs)} were degraded in different ways, so which one to project "
            "back by is unknown; set back_projection to 0, or train on one of them"
        )
    return {"iterations": args.back_projection, "degradation": found[0]}


def tiling_of(
    args: argparse.Namespace, shape: tuple[int, int, int], projected: Mapping[str, Any]
) -> "Tiling":
    """Return the tiling of the volume for the network.

    Raises
    ------
    InputError
        If the network's description is missing, or the volume too thin.
    """
    from sandstone.files import read_json
    from sandstone.imaging.back_projection import known, reach
    from sandstone.models.description import receptive_field
    from sandstone.upscaling.blocks import Tiling

    description, _ = generator_files(args.model_dir)
    generator = read_json(description, keys=["scale"], remedy="train the model first")
    scale = generator["scale"]
    halo = receptive_field(generator)
    if projected:
        made = known(projected["degradation"], "--pairs")
        halo += reach(scale, made, projected["iterations"])
    if args.scale is not None and args.scale != scale:
        raise InputError(
            f"the model in {args.model_dir} enlarges by {scale}, not by {args.scale}; train it "
            "again with this scale, or name another model"
        )
    return Tiling(shape, scale, args.axes, args.tile, args.batch, halo)


def check_volume(args: argparse.Namespace, volume: "Volume", tiling: "Tiling") -> None:
    """Refuse a volume whose result cannot be written as asked; say if it costs much memory."""
    from sandstone.sizes import LARGEST_BLOCK, voxel_bytes
    from sandstone.tiff_stack import check_ome_type

    sizes = volume.voxel_size_um
    if args.axes == "mean" and max(sizes) > (1 + CUBIC) * min(sizes):
        shown = " x ".join(f"{size:g}" for size in sizes)
        raise InputError(
            f"{volume.files[0]}: voxels of {shown} µm are not cubic, as axes mean needs them; "
            "use axes z, or resample the volume"
        )
    if "tiff" in args.formats:
        check_ome_type(volume.dtype, volume.files[0])
        sr_slice = voxel_bytes(tiling.sr_shape[1:], volume.dtype)
        if sr_slice > LARGEST_BLOCK:
            raise InputError(
                f"{volume.files[0]}: its upscaled slices take {sr_slice / 1e9:.1f} GB each, and "
                f"TIFF is written slice by slice, of at most {LARGEST_BLOCK / 1e9:.1f} GB; take "
                "tiff out of formats"
            )
    if volume.in_memory:
        size = voxel_bytes(volume.shape, volume.dtype)
        print(
            f"{volume.files[0]}: one compressed stream, so each job decompresses all of it, "
            f"{size / 1e9:.2f} GB, into memory; save it uncompressed to avoid that",
            flush=True,
        )


def compare_voxels(record: str, volume: "Volume", scale: int) -> None:
    """Print a note if the model was trained to enlarge voxels of another size.

    That is no error: rock with grains of another size may need it. But no later step says so.

    Parameters
    ----------
    record : str
        Provenance record of the training, with the HR voxel edges of each sample; {} where the
        training is unknown.
    volume : Volume
    scale : int

    Raises
    ------
    InputError
        If the record is missing or damaged.
    """
    from sandstone.fields import are, is_number
    from sandstone.files import read_json

    remedy = "train the model again"
    training = read_json(record, remedy=remedy)
    if sentence := _no_voxels(training):
        note(f"{sentence}; look at the result with care")
        return
    hr_sizes = training.get("voxel_size_um")
    if not (isinstance(hr_sizes, dict) and hr_sizes) or not all(
        are(is_number, sizes, 3) and min(sizes) > 0 for sizes in hr_sizes.values()
    ):
        raise InputError(f"{record} holds no voxel sizes; {remedy}")
    edge = sum(volume.voxel_size_um[1:]) / 2
    learned = {sample: scale * sum(sizes[1:]) / 2 for sample, sizes in hr_sizes.items()}
    if any(1 / ALIKE <= edge / each <= ALIKE for each in learned.values()):
        return
    shown = ", ".join(f"{each:g} µm ({sample})" for sample, each in sorted(learned.items()))
    note(
        f"voxels of {edge:g} µm within slices, while the model has learned to enlarge voxels "
        f"of {shown}; look at the result with care, or train on slices of {edge / scale:g} µm"
    )


def _no_voxels(training: Mapping[str, Any]) -> str | None:
    """Return why no voxels are known that a given model has learned to enlarge, if that is so."""
    if not training:
        return (
            "which voxels the model has learned to enlarge is unknown, since it came without a "
            "record of its training"
        )
    if "published" in training and "voxel_size_um" not in training:
        return f"the model has learned to enlarge {training['published']['seen']}"
    return None


def compare_domain(record: str, volume: "Volume", low: float, high: float) -> None:
    """Print a note if the scan is unlike what the model has learned from.

    Looked at are squares in the middle of slices spread over the depth, of at most `SQUARE` voxels
    along an edge: rock in a plug too.

    Parameters
    ----------
    record : str
        Provenance record of the training; of an older one, or {}, nothing is told.
    volume : Volume
    low, high : float
        Grey levels that the network sees as 0 and 1.
    """
    import numpy as np

    from sandstone.files import read_json
    from sandstone.imaging import window
    from sandstone.metrics import domain

    learned = domain.read(read_json(record, remedy="train the model again"))
    if not learned:
        return
    depth, height, width = volume.shape
    edge = min(SQUARE, max(1, int(IN_PLUG * min(height, width))))
    top, left = (height - edge) // 2, (width - edge) // 2
    middle = np.s_[top : top + edge, left : left + edge]
    slices = np.unique(np.linspace(0, depth - 1, LOOKED_AT).astype(int))
    tiles = np.stack([window.to_unit(volume.read_slice(z)[middle], low, high) for z in slices])
    if told := domain.difference(learned, domain.describe(tiles)):
        note(
            f"the scan is {told}, so the model is used outside of its domain: look at the result "
            "with care, and see docs/real_scans.md for models of real coarse scans"
        )


def find_grey_window(args: argparse.Namespace, volume: "Volume") -> Sequence[float]:
    """Return the grey levels that become 0 and 1: given, or percentiles of the rock."""
    if args.levels:
        return args.levels
    from sandstone.imaging import field_of_view, window

    view = field_of_view.find(args.field_of_view, volume.shape, volume.read_slice)
    grey_window = window.find(
        lambda: _rock(volume, view), volume.dtype, args.window, source=volume.files[0]
    )
    print(f"view {view.mode}: percentiles {args.window} are grey levels {grey_window}", flush=True)
    return grey_window


def _rock(volume: "Volume", view: "FieldOfView") -> "Iterator[np.ndarray]":
    """Yield the rock's voxels slice by slice, shape (n,)."""
    (z0, z1), rows, columns = view.box
    for z in range(z0, z1):
        image = volume.read_slice(z)[slice(*rows), slice(*columns)]
        yield image[view.counted(image)]


def survey(args: argparse.Namespace, volume: "Volume") -> tuple[dict[str, Any], str]:
    """Read all slices.

    Returns
    -------
    dict
        The window, with the number of voxels that lie beyond it and will saturate.
    str
        SHA-256 of the voxels as they were read, little-endian: that of the files does not
        depend on the dataset, byte order or reader.
    """
    low, high = find_grey_window(args, volume)
    below = above = total = 0
    digest = hashlib.sha256()
    stored = volume.dtype.newbyteorder("<")
    for image in map(volume.read_slice, range(volume.shape[0])):
        below += int((image < low).sum())
        above += int((image > high).sum())
        total += image.size
        digest.update(image.astype(stored, copy=False).data)
    print(
        f"window {low:g} to {high:g}; beyond it, saturated: {below / total:.2%} of the voxels "
        f"below, {above / total:.2%} above",
        flush=True,
    )
    percentiles = None if args.levels else list(args.window)
    beyond = {"below": below, "above": above}
    window = {"low": low, "high": high, "percentiles": percentiles, **beyond}
    return window, digest.hexdigest()


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--name", required=True, help="name of the volume")
    flags.add(arguments)
    add("--model", required=True, help="name of the model")
    add("--model-dir", type=cli.InputPath, required=True, help="folder of the trained model")
    add("--training", type=cli.InputPath, help="record of its training, {} if that is unknown")
    add("--scale", type=cli.positive_int, help="factor by which the model must enlarge")
    add("--axes", choices=["z", "mean"], default="z", help="enlarge slices, or all three axes")
    add("--tile", type=cli.positive_int, default=256, help="largest edge of a block, LR pixels")
    add("--batch", type=cli.positive_int, default=1, help="slices in one call of the network")
    add("--formats", nargs="+", choices=["zarr", "tiff"], default=["zarr"], help="formats to write")
    add("--window", type=float, nargs=2, default=[0.1, 99.9], help="percentiles of the rock")
    add("--levels", type=float, nargs=2, help="grey levels instead of percentiles")
    add("--back-projection", type=cli.non_negative_int, default=0, help="iterations of it")
    add("--pairs", type=cli.InputPath, nargs="+", help="what the model was trained on, for that")
    add("--field-of-view", default="auto", help="auto, full, or z0:z1,y0:y1,x0:x1 in voxels")
    add(
        "--layout",
        type=cli.OutputPath,
        required=True,
        help="grey window, tiling and hashes for all jobs, to write (.json)",
    )
    add_record_flag(arguments)
    return arguments


def check_flags(args: argparse.Namespace) -> None:
    """Raise an `InputError` for flags that no single flag's type can judge."""
    check_window("--window", args.window)
    if args.levels:
        check_levels("--levels", args.levels)


def main(argv: Sequence[str] | None = None) -> None:
    """Read the volume once and write the layout."""
    args = parser().parse_args(argv)
    check_flags(args)

    from sandstone import unchanged
    from sandstone.sizes import zyx
    from sandstone.upscaling.layout import Layout, network_digests, write_layout

    projected = back_projection_of(args)
    with (
        flags.open_named(args) as volume,
        unchanged.unchanged(volume.files),
    ):
        tiling = tiling_of(args, volume.shape, projected)
        check_volume(args, volume, tiling)
        shown = " x ".join(map(str, volume.shape))
        print(f"{args.name}: {shown} voxels of {volume.dtype}, {volume.voxel_size_um} µm")
        if args.training:
            compare_voxels(args.training, volume, tiling.scale)
        window, voxels_sha256 = survey(args, volume)
        if args.training:
            compare_domain(args.training, volume, window["low"], window["high"])
        layout = Layout(
            volume=args.name,
            model=args.model,
            source={
                "bytes": unchanged.size(volume.files),
                "sha256": unchanged.digest(volume.files),
                "voxels_sha256": voxels_sha256,
            },
            network=network_digests(args.model_dir),
            dtype=volume.dtype.name,
            voxel_size_um=zyx(volume.voxel_size_um),
            tiling=tiling,
            window=window,
            back_projection=projected,
        )
    write_layout(Path(args.layout), layout)
    write_record(
        __file__,
        args,
        voxel_size_um=layout.sr_voxel_size_um,
        inputs=[*volume.files, *generator_files(args.model_dir)],
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
