"""Show where trainings that differ in their seed alone disagree on an upscaled volume.

A map holds their standard deviation, voxel by voxel. A table says what that means for the pores in
the middle of the volume: where the number of one more training would lie.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.upscaling.layout import Layout
    from sandstone.volumes.volume import Volume

BYTES_AT_ONCE = 1 << 27  # of each volume
PER_WINDOW = 10_000  # steps of the map in the width of the grey window
SHARE = 0.7  # of each axis: the square within a round plug
BLOCK = 160  # voxels along each edge of the block whose pores are measured, at most
SLICES, EDGE = 16, 1024  # the same of slices, where voxels are longer along z
SPREAD = "grey_spread"  # the row of the table that sums up the map


def check_alike(volumes: "Sequence[Volume]") -> None:
    """Refuse volumes of different shapes or types, which no spread can be taken of."""
    first, *others = volumes
    for other in others:
        if other.shape != first.shape or other.dtype != first.dtype:
            raise InputError(
                f"{other.files[0].parent}: shape or type differ from {first.files[0].parent}; "
                "upscale both again"
            )


def deviations(
    volumes: "Sequence[Volume]", window: tuple[float, float], sums: list[float]
) -> "Iterator[np.ndarray]":
    """Yield the map slice by slice, uint16, and append the sum of each to `sums`."""
    import numpy as np

    depth, height, width = volumes[0].shape
    at_once = max(1, BYTES_AT_ONCE // (height * width * volumes[0].dtype.itemsize))
    for z in range(0, depth, at_once):
        slabs = [volume.read(z, min(z + at_once, depth)) for volume in volumes]
        for planes in zip(*slabs, strict=True):
            levels = np.stack([np.asarray(plane, np.float32) for plane in planes])
            deviation = levels.std(axis=0, ddof=1) * (PER_WINDOW / (window[1] - window[0]))
            steps = np.rint(deviation).clip(0, np.iinfo(np.uint16).max).astype(np.uint16)
            sums.append(float(steps.sum(dtype=np.int64)))
            yield steps


def middle(length: int, most: int) -> slice:
    """Return the middle of an axis: its central share, at most so many voxels."""
    edge = min(max(1, round(SHARE * length)), most)
    start = (length - edge) // 2
    return slice(start, start + edge)


def boxes(shape: Sequence[int], *, flat: bool) -> list[tuple[slice, slice, slice]]:
    """Return the places whose pores are measured: one block in the middle, or slices (`flat`)."""
    if not flat:
        z, y, x = (middle(length, BLOCK) for length in shape)
        return [(z, y, x)]
    depth, height, width = shape
    z, y, x = middle(depth, depth), middle(height, EDGE), middle(width, EDGE)
    step = -(-(z.stop - z.start) // SLICES)
    return [(slice(each, each + 1), y, x) for each in range(z.start, z.stop, step)]


def images_of(
    volume: "Volume", layout: "Layout", places: "Sequence[tuple[slice, slice, slice]]"
) -> "list[np.ndarray]":
    """Return images of some places, uint16 grey levels of the layout's window."""
    import numpy as np

    from sandstone.imaging import grey, window

    def image(z: slice, y: slice, x: slice) -> "np.ndarray":
        voxels = volume.read(z.start, z.stop, y)[:, :, x]
        return np.squeeze(grey.from_unit(window.to_unit(voxels, *layout.grey_window), np.uint16))

    return [image(*place) for place in places]


def pore_rows(
    args: argparse.Namespace, volumes: "Sequence[Volume]", layout: "Layout"
) -> Iterator[list[object]]:
    """Yield a row a measure: the mean over trainings, and where one more would lie."""
    import numpy as np

    from sandstone.petrophysics import beside_hr, measures
    from sandstone.petrophysics.spread import prediction_interval
    from sandstone.progress import Progress

    places = boxes(volumes[0].shape, flat=layout.tiling.axes == "z")
    images = [images_of(volume, layout, places) for volume in volumes]
    grey_max = np.iinfo(np.uint16).max
    pooled = (image for own in images for image in own)
    threshold = beside_hr.threshold_of(pooled, grey_max, args.phases)
    dimensions = images[0][0].ndim
    chosen = measures.chosen(dimensions, permeability=args.permeability)
    measuring = beside_hr.Measuring(
        chosen, [(0.0, threshold)], args.speckle, layout.sr_voxel_size_um[-1]
    )
    progress = Progress("pores of every training", len(volumes) * len(places), "images")
    found: list[list[dict[str, float]]] = []
    for own in images:
        found.append([])
        for image in own:
            found[-1] += measuring.measured(image)
            progress.add(1)
    for measure in chosen:
        values = np.array([[each[measure.column] for each in own] for own in found])
        known = values[:, np.isfinite(values).all(axis=0)]
        means = known.mean(axis=1) if known.size else np.full(len(values), np.nan)
        ends = prediction_interval(means, args.confidence)
        unit = measure.unit.format(d=dimensions)
        yield [measure.column, unit, means.mean(), *ends, known.shape[1]]


def table_text(rows: "Sequence[Sequence[object]]", volume: str, seeds: int) -> str:
    """Return the table as CSV text, and print it."""
    from sandstone.files import cell, csv_text
    from sandstone.petrophysics.columns import SPREAD_COLUMNS
    from sandstone.petrophysics.measures import described

    for measure, unit, mean, low, high, _ in rows:
        if measure == SPREAD:
            print(f"trainings differ by {mean:.2f} % of the grey window", flush=True)
            continue
        name = described(str(measure)).name
        print(f"{name}: {mean:.4g} {unit}; one more training: {low:.4g} to {high:.4g}", flush=True)
    cells = (
        [volume, measure, unit, *map(cell, map(float, numbers)), seeds, n]  # type: ignore[arg-type]
        for measure, unit, *numbers, n in rows
    )
    return csv_text(SPREAD_COLUMNS, cells)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--layout", type=cli.InputPath, required=True, help="what prepare_upscale.py wrote (.json)")
    add("--upscaled", type=cli.InputPath, required=True, help="the volume by the first training")
    add(
        "--siblings",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="the same by trainings that differ in their seed alone",
    )
    add("--phases", type=int, choices=[2, 3], default=2, help="of the volume, the darkest is pore")
    add("--speckle", type=cli.non_negative_int, default=3, help="edge of the largest speck, voxels")
    add("--permeability", type=cli.boolean, default=False, help="of the block; minutes for each")
    add("--confidence", type=cli.fraction, default=0.95, help="of the intervals, 0 to 1")
    add("--map", type=cli.OutputPath, required=True, help="standard deviations to write (.tif)")
    add("--table", type=cli.OutputPath, required=True, help="what they mean for pores (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the volumes, write the map and the table."""
    args = parser().parse_args(argv)

    import math

    import numpy as np

    from sandstone import files
    from sandstone.tiff_stack import write_stack
    from sandstone.upscaling.layout import read_layout
    from sandstone.volumes.volume import open_volume

    layout = read_layout(Path(args.layout))
    with ExitStack() as opened:
        volumes = [
            opened.enter_context(open_volume(path)) for path in (args.upscaled, *args.siblings)
        ]
        check_alike(volumes)
        shape = volumes[0].shape
        sums: list[float] = []
        rows = list(pore_rows(args, volumes, layout))
        write_stack(
            args.map,
            deviations(volumes, layout.grey_window, sums),
            shape=shape,
            dtype=np.uint16,
            voxel_size_um=layout.sr_voxel_size_um,
        )
        read = [file for volume in volumes for file in volume.files]
    percent = sum(sums) / math.prod(shape) * 100 / PER_WINDOW
    rows.insert(0, [SPREAD, "%", percent, math.nan, math.nan, shape[0]])
    files.write_text(args.table, table_text(rows, layout.volume, len(volumes)))
    write_record(__file__, args, voxel_size_um=layout.sr_voxel_size_um, inputs=read)


if __name__ == "__main__":
    sys.exit(cli.run(main))
