"""Judge an upscaled volume by a true fine scan of the same rock, beside cubic interpolation.

Both are brought to the fine scan's slices and grey levels and compared where all three show the
rock, on slices of its test split alone: the model may have learned from the others. The fine scan
itself is not interpolated, since that would smooth its noise.
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.slices import Slices
    from sandstone.degradation.grey_map import GreyMap
    from sandstone.metrics.bootstrap import MeanInterval
    from sandstone.registration.coarse import CoarseScan, Grid
    from sandstone.registration.transform import Transform

MOST_SLICES = 64  # evenly spread over the overlap
EDGE = 1024  # voxels of the middle of each slice that are looked at, at most
LEAST = 32  # voxels along each edge of an overlap that is worth a number
CUBIC = "cubic"


def middle(length: int) -> slice:
    """Return the middle of an axis, at most `EDGE` voxels."""
    start = max(0, (length - EDGE) // 2)
    return slice(start, min(length, start + EDGE))


def window_of(stack: "Slices") -> tuple["Grid", slice, slice]:
    """Return the voxels of the fine slices that are looked at, and their rows and columns."""
    from sandstone.registration.coarse import Grid
    from sandstone.sizes import zyx

    depth, height, width = stack.shape
    rows, columns = middle(height), middle(width)
    z, y, x = stack.metadata["origin"]
    grid = Grid(
        origin=(z, y + rows.start, x + columns.start),
        shape=(depth, rows.stop - rows.start, columns.stop - columns.start),
        scale=1,
        voxel_size_um=zyx(map(float, stack.metadata["voxel_size_um"])),
    )
    return grid, rows, columns


def chosen_slices(depth: int) -> list[int]:
    """Return the slices that are looked at, at most `MOST_SLICES`, evenly spread."""
    import numpy as np

    count = min(depth, MOST_SLICES)
    return np.rint((np.arange(count) + 0.5) * depth / count - 0.5).astype(int).tolist()


def common_square(shown: "np.ndarray") -> tuple[slice, slice]:
    """Return rows and columns of a large square whose voxels are all shown, a mask (y, x).

    Raises
    ------
    InputError
        If it is too small to be worth a number.
    """
    from sandstone.dataset.tiles import largest_tile, place_tiles

    edge = largest_tile(shown, 1)
    if edge < LEAST:
        raise InputError(
            f"the upscaled volume and the fine scan share no square of {LEAST} x {LEAST} voxels; "
            "check that hr names a scan of the same place, or name none"
        )
    y, x = place_tiles(shown, size=edge, stride=edge, multiple_of=1)[0]
    return slice(y, y + edge), slice(x, x + edge)


def read_pair(args: argparse.Namespace) -> "tuple[Transform, GreyMap]":
    """Return how the two scans lie, and their grey levels: those of a pair, or as they are."""
    from sandstone.degradation.grey_map import GreyMap
    from sandstone.files import read_json
    from sandstone.registration.transform import Transform

    transform, greys = Transform(), GreyMap((0.0, 1.0), (0.0, 1.0))
    remedy = "delete it and make it again"
    if args.registration:
        found = read_json(args.registration, keys=["transform"], remedy=remedy)
        transform = Transform.from_dict(found["transform"], args.registration)
    if args.degradation:
        found = read_json(args.degradation, keys=["grey"], remedy=remedy)
        greys = GreyMap.from_dict(found["grey"], args.degradation)
    return transform, greys


@dataclass
class Scores:
    """What one method reaches, slice by slice, and the sums of its spectra."""

    psnr_db: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    frequency: Any = ()  # arrays from the first slice on
    power: Any = 0.0
    shared: Any = 0.0

    def add(self, hr: "np.ndarray", image: "np.ndarray", pixel_um: float) -> None:
        """Take one slice: float32 in [0, 1], both (y, x)."""
        from sandstone.metrics import quality, spectra

        self.psnr_db.append(quality.psnr(hr, image, data_range=1))
        self.ssim.append(quality.ssim(hr, image, data_range=1))
        self.frequency, power = spectra.cross_spectrum(image, image, pixel_um)
        self.power = self.power + power
        self.shared = self.shared + spectra.cross_spectrum(hr, image, pixel_um)[1]


def judge(
    stack: "Slices",
    scans: "Mapping[str, CoarseScan]",
    greys: "GreyMap",
    test: tuple[int, int],
) -> "tuple[list[int], dict[str, Scores]]":
    """Return the depths of the slices that were looked at, and the scores of each method.

    Depths count slices of the raw volume; `test` is the first and the last that may be looked at.
    The scores of ``hr`` are those of the fine scan against itself.

    Raises
    ------
    InputError
        If no place is shown by all.
    """
    import numpy as np

    from sandstone.imaging import grey, window
    from sandstone.metrics import spectra
    from sandstone.progress import Progress

    grid, rows, columns = window_of(stack)
    pixel_um = spectra.in_plane_voxel_size_um(grid.voxel_size_um)
    first, last = (depth - stack.metadata["origin"][0] for depth in test)
    inside = [z for z in range(first, last + 1) if all(s.shown(z).any() for s in scans.values())]
    zs = [inside[k] for k in chosen_slices(len(inside))]
    shown = np.ones(grid.shape[1:], bool)
    for z in zs:
        shown &= stack.read_mask(z)[rows, columns]
        for scan in scans.values():
            shown &= scan.shown(z)
    square = common_square(shown)

    levels = stack.metadata["window"]["low"], stack.metadata["window"]["high"]
    scores = {name: Scores() for name in ("hr", *scans)}
    progress = Progress("judging the upscaled volume", len(zs), "slices")
    for z in zs:
        hr = grey.to_unit(stack.read(z)[rows, columns])[square]
        scores["hr"].add(hr, hr, pixel_um)
        for name, scan in scans.items():
            image = window.to_unit(greys.to_fine(scan.plane(z)), *levels)[square]
            scores[name].add(hr, image, pixel_um)
        progress.add(1)
    return [z + grid.origin[0] for z in zs], scores


def table_text(
    zs: "list[int]",
    scores: "Mapping[str, Scores]",
    volume: str,
    interval: "Callable[..., MeanInterval]",
) -> str:
    """Return mean, gain over cubic and intervals of each method as CSV text, and print them.

    What cannot be given is empty.
    """
    import numpy as np

    from sandstone.files import csv_text
    from sandstone.metrics.quality import METRICS
    from sandstone.metrics.tables import JUDGED_COLUMNS, cell

    rows = []
    for name in scores:
        for metric in METRICS:
            values = getattr(scores[name], metric.column, None)
            if name == "hr" or values is None:
                continue
            mean = interval(values, zs)
            cubic = getattr(scores[CUBIC], metric.column)
            gain = interval(metric.gain(values, cubic), zs) if name != CUBIC else (np.nan,) * 3
            rows.append([volume, name, metric.column, *map(cell, (*mean[:3], *gain[:3])), mean.n])
            over = f", {gain[0]:+.3f} over cubic" if name != CUBIC else ""
            print(f"{name}: {metric.name} {metric.text(mean.mean)}{over}", flush=True)
    return csv_text(JUDGED_COLUMNS, rows)


def spectrum_text(volume: str, scores: "Mapping[str, Scores]") -> str:
    """Return power and ring correlation with the fine scan of each method as CSV text."""
    from sandstone.files import csv_text
    from sandstone.metrics import spectra, tables

    hr = scores["hr"]
    rows = (
        [volume, name, *(f"{value:.9g}" for value in row)]
        for name, each in scores.items()
        for row in zip(
            each.frequency,
            each.power / len(each.ssim),
            spectra.ring_correlation(each.shared, hr.power, each.power),
            strict=True,
        )
    )
    return csv_text(("volume", *tables.SPECTRUM_COLUMNS[1:]), rows)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    flags.add(arguments, "upscaled")
    flags.add(arguments, "lr")
    flags.add_axis(arguments)
    add("--name", required=True, help="of the volume, for the tables")
    add("--method", required=True, help="name of the model that upscaled it")
    add("--slices", type=cli.InputPath, required=True, help="slices of the fine scan (.tif)")
    add("--mask", type=cli.InputPath, required=True, help="their rock mask (.mask.tif)")
    add("--metadata", type=cli.InputPath, required=True, help="their description (.json)")
    add(
        "--pairs",
        type=cli.InputPath,
        required=True,
        help="their tile pairs, for guard and splits (.h5)",
    )
    add("--registration", type=cli.InputPath, help="of the fine and the coarse scan (.json)")
    add("--degradation", type=cli.InputPath, help="fitted to both, for their grey levels (.json)")
    add("--confidence", type=cli.fraction, default=0.95, help="of the intervals")
    add("--resamples", type=cli.positive_int, default=2000, help="bootstrap draws")
    add("--seed", type=cli.non_negative_int, default=1, help="of the bootstrap")
    add("--output", type=cli.OutputPath, required=True, help="table of scores to write (.csv)")
    add("--spectrum", type=cli.OutputPath, required=True, help="table of spectra to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open the three volumes, compare them, write both tables."""
    args = parser().parse_args(argv)

    from sandstone import files
    from sandstone.dataset import guard
    from sandstone.dataset.pairs import open_pairs
    from sandstone.dataset.slices import open_slices
    from sandstone.metrics.bootstrap import block_bootstrap
    from sandstone.registration.coarse import CoarseScan

    with open_pairs(args.pairs) as pairs:
        block_slices = guard.span_slices(pairs.attrs)
        test = pairs.split("test").slices
    interval = partial(
        block_bootstrap,
        block_slices=block_slices,
        confidence=args.confidence,
        resamples=args.resamples,
        seed=args.seed,
    )
    transform, greys = read_pair(args)
    with ExitStack() as opened:
        stack = opened.enter_context(open_slices(args.slices, args.mask, args.metadata))
        grid, _, _ = window_of(stack)
        volumes = {
            name: opened.enter_context(flags.open_named(args, flag))
            for name, flag in ((CUBIC, "lr"), (args.method, "upscaled"))
        }
        scans = {
            name: CoarseScan(each.read, each.shape, each.voxel_size_um, transform, grid)
            for name, each in volumes.items()
        }
        zs, scores = judge(stack, scans, greys, test)
        for each in volumes.values():
            each.check_unchanged()
        read = [file for each in volumes.values() for file in each.files]
    files.write_text(args.output, table_text(zs, scores, args.name, interval))
    files.write_text(args.spectrum, spectrum_text(args.name, scores))
    write_record(__file__, args, voxel_size_um=grid.voxel_size_um, inputs=read)


if __name__ == "__main__":
    sys.exit(cli.run(main))
