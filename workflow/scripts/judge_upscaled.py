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
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.judging.place import Place
    from sandstone.metrics.bootstrap import MeanInterval


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


def judge(seen: "Place", pixel_um: float) -> dict[str, Scores]:
    """Return the scores of each method; those of ``hr`` are of the fine scan against itself."""
    from sandstone.imaging import grey
    from sandstone.progress import Progress

    scores = {name: Scores() for name in ("hr", *seen.scans)}
    progress = Progress("judging the upscaled volume", len(seen.zs), "slices")
    for z in seen.zs:
        hr = grey.to_unit(seen.hr(z))
        scores["hr"].add(hr, hr, pixel_um)
        for name in seen.scans:
            scores[name].add(hr, seen.image(name, z), pixel_um)
        progress.add(1)
    return scores


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

    from sandstone.files import cell, csv_text
    from sandstone.judging.place import CUBIC
    from sandstone.metrics.quality import METRICS
    from sandstone.metrics.tables import JUDGED_COLUMNS

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
    flags.add_judged(arguments)
    cli.add_bootstrap(arguments)
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
    from sandstone.judging import place
    from sandstone.metrics import spectra
    from sandstone.metrics.bootstrap import block_bootstrap

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
    pair = place.read_pair(args.registration, args.degradation)
    with ExitStack() as opened:
        stack = opened.enter_context(open_slices(args.slices, args.mask, args.metadata))
        voxel_size_um = stack.metadata["voxel_size_um"]
        volumes = {
            name: opened.enter_context(flags.open_named(args, flag))
            for name, flag in ((place.CUBIC, "lr"), (args.method, "upscaled"))
        }
        seen = place.common_place(stack, volumes, pair, test, place.spread)
        scores = judge(seen, spectra.in_plane_voxel_size_um(voxel_size_um))
        for each in volumes.values():
            each.check_unchanged()
        read = [file for each in volumes.values() for file in each.files]
    files.write_text(args.output, table_text(seen.depths, scores, args.name, interval))
    files.write_text(args.spectrum, spectrum_text(args.name, scores))
    write_record(__file__, args, voxel_size_um=voxel_size_um, inputs=read)


if __name__ == "__main__":
    sys.exit(cli.run(main))
