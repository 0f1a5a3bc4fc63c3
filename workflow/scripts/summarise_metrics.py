"""Make the summary of means, medians and gains from the per-tile tables of all methods.

A gain is the mean difference from the best interpolation on the same tiles. Intervals come from a
bootstrap of depth blocks, each as long as the guard that keeps the splits of the sample apart. The
noise of HR is estimated, and the PSNR told that the rock without it would have.
"""

import argparse
import math
import statistics
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sandstone import cli
from sandstone.choices import BASELINES, SCANNED
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sandstone.dataset.pairs import PairsAttributes, Split
    from sandstone.metrics.bootstrap import MeanInterval
    from sandstone.metrics.domain import Domain
    from sandstone.metrics.gains import Gain
    from sandstone.provenance.trainings import Training

RAW_PSNR = "psnr_db"  # the metric that the noise of HR puts a ceiling on
NOISE_VOXELS = 8_000_000  # about as many are looked at for that noise
FEW_BLOCKS = 10  # with 5, a 95 % interval covers the truth in 83 % of simulations
ROUNDING = 1e-6  # of the per-tile tables


@dataclass(frozen=True)
class TileTable:
    """The metrics of one method on the test tiles of one sample.

    `corners` holds z, y, x of each tile in voxels of the raw volume, shape (n, 3); `metrics`
    holds one value a tile, shape (n,), under each metric's name.
    """

    path: str
    sample: str
    method: str
    corners: "np.ndarray"
    metrics: dict[str, "np.ndarray"]


def read_table(path: str) -> TileTable:
    """Read one per-tile table.

    Raises
    ------
    InputError
        If the file is missing, is no such table, is empty, mixes samples or methods, holds
        no metric or something else than numbers, or names a tile twice.
    """
    from sandstone.metrics import tables

    table = tables.read(path, tables.TILE_COLUMNS)
    sample, method = (tables.only_value(table, name, path) for name in ("sample", "method"))
    corners, names = list(tables.CORNER_COLUMNS), tables.metric_columns(table)
    if not names or not all(_numeric(table[name]) for name in [*corners, *names]):
        raise InputError(
            f"{path} does not give each tile its corner and metrics as numbers:"
            " delete it and run compute_metrics.py again"
        )
    if table.duplicated(corners).any():
        raise InputError(f"{path} names a tile twice: delete it and run compute_metrics.py again")
    metrics = {name: table[name].to_numpy(float) for name in names}
    return TileTable(path, sample, method, table[corners].to_numpy(), metrics)


@dataclass(frozen=True)
class Score:
    """One metric of one method on one sample.

    `gain` is over `baseline`, the best interpolation. That one has none itself, nor has any method
    where no interpolation is measured. `of_seeds` holds the mean of each training that differs in
    its seed alone, this one's first; it is empty where there is no other.
    """

    values: "np.ndarray"
    mean: "MeanInterval"
    baseline: str | None
    gain: "Gain | None"
    of_seeds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle tile's value."""
        import numpy as np

        return float(np.median(self.values))

    @property
    def seed_sd(self) -> float:
        """The standard deviation of the means of the seeds, NaN where there is one."""
        return statistics.stdev(self.of_seeds) if len(self.of_seeds) > 1 else math.nan

    @property
    def mean_is_pulled(self) -> bool:
        """Whether a few tiles unlike the others pull the mean out of the middle half."""
        import numpy as np

        # Without interpolation: the values may be infinite.
        low, high = np.quantile(self.values, [0.25, 0.75], method="inverted_cdf")
        return not low - ROUNDING <= self.mean.mean <= high + ROUNDING


@dataclass(frozen=True)
class Result:
    """What the summary says of one method on one sample: a score for each metric.

    `rock` is seen, unseen or unknown, and empty for interpolation; `outside` says how LR differs
    from what a model has learned from, and is empty where it does not; `depths` holds z of each
    tile, shape (n,).
    """

    sample: str
    method: str
    rock: str
    outside: str
    depths: "np.ndarray"
    scores: dict[str, Score]


class Sample(NamedTuple):
    """What the pairs file of a sample says of it, and what its test tiles look like.

    `noise` is the standard deviation of that of HR in grey levels, NaN where none can be told;
    `domain` describes LR, where there is any.
    """

    attributes: "PairsAttributes"
    noise: float
    domain: "Domain | None"

    @property
    def ceiling(self) -> float:
        """The PSNR of the rock without noise against HR, dB; NaN where no noise is known."""
        from sandstone.metrics import noise

        return noise.ceiling(self.noise, self.attributes.grey_max)


class Known(NamedTuple):
    """What is known beside the tables.

    Samples by name; trainings by model; which samples share the fine scan of another one; and by
    model itself and those that differ from it in their seed alone.
    """

    samples: Mapping[str, Sample]
    trainings: "Mapping[str, Training]"
    scans: Mapping[str, str]
    siblings: Mapping[str, Sequence[str]]


def check_comparable(tables: Sequence[TileTable]) -> None:
    """Check that each sample's methods are named once and cover the same tiles.

    Raises
    ------
    InputError
        If not; their means would not compare.
    """
    import numpy as np

    first: dict[str, TileTable] = {}
    seen: set[tuple[str, str]] = set()
    for table in tables:
        if (table.sample, table.method) in seen:
            raise InputError(
                f"{table.path} is a second table of method {table.method} on sample"
                f" {table.sample}: name each one once under --metrics"
            )
        seen.add((table.sample, table.method))
        other = first.setdefault(table.sample, table)
        if not np.array_equal(table.corners, other.corners):
            raise InputError(
                f"{table.path} and {other.path} cover different tiles of sample"
                f" {table.sample}: run compute_metrics.py again on the same pairs"
            )


def read_samples(paths: Sequence[str]) -> dict[str, Sample]:
    """Return what the pairs file of each sample says of it.

    Raises
    ------
    InputError
        If a file is none of pairs, or the second one of its sample.
    """
    from sandstone.dataset import pairs
    from sandstone.metrics import domain

    found: dict[str, Sample] = {}
    for path in paths:
        with pairs.open_pairs(path) as reference:
            test = reference.split("test")
            if reference.attrs.sample in found:
                raise InputError(
                    f"{path} is a second pairs file of sample {reference.attrs.sample}:"
                    " name each sample once under --pairs"
                )
            found[reference.attrs.sample] = Sample(
                reference.attrs, noise_of(test), domain.of_tiles(test.lr) if len(test) else None
            )
    return found


def noise_of(test: "Split") -> float:
    """Return the standard deviation of the noise of HR test tiles spread over all, grey levels."""
    import numpy as np

    from sandstone.metrics import noise

    if not len(test):
        return math.nan
    step = math.ceil(len(test) / max(1, NOISE_VOXELS // test.hr[0].size))
    return noise.deviation(np.stack([test.hr[tile] for tile in range(0, len(test), step)]))


def scores(
    table: TileTable,
    alike: Sequence[TileTable],
    interval: "Callable[..., MeanInterval]",
    *,
    scanned: bool,
    seeds: Sequence[str] = (),
) -> dict[str, Score]:
    """Return the scores of one method by metric.

    Parameters
    ----------
    table : TileTable
    alike : sequence of TileTable
        Those of all methods on the same tiles.
    interval : callable
        Takes values and depths of tiles, shape (n,): the bootstrap with its settings, so that
        means and gains have the same draws.
    scanned : bool
        Whether LR is a real coarse scan. It is blurred along z too, which one slice cannot show:
        HR itself has an LR error then, and the least one is no merit.
    seeds : sequence of str
        The method and those that differ from it in their seed alone.
    """
    from sandstone.metrics import bootstrap, gains, quality

    z = table.corners[:, 0]
    found = {}
    for name, values in table.metrics.items():
        metric = quality.described(name)
        by_method = {each.method: each.metrics[name] for each in alike if name in each.metrics}
        ranked = not (scanned and metric.grid == "lr")
        best = gains.best_baseline(metric, by_method) if ranked else None
        gain = None
        if best is not None and best != table.method:
            over = interval(metric.gain(values, by_method[best]), z)
            gain = gains.Gain(best, over.mean, over.ci_low, over.ci_high)
        of_seeds = tuple(bootstrap.mean(by_method[each]) for each in seeds if each in by_method)
        found[name] = Score(values, interval(values, z), best, gain, of_seeds)
    return found


def summarise(
    tables: Sequence[TileTable],
    known: Known,
    bootstrap: "Callable[..., MeanInterval]",
) -> list[Result]:
    """Return the result of every table: samples sorted, their methods in the order given.

    Raises
    ------
    InputError
        If a sample has no pairs file.
    """
    from functools import partial

    from sandstone.dataset import guard

    results = []
    for table in sorted(tables, key=lambda table: table.sample):  # stable: methods as given
        if table.sample not in known.samples:
            raise InputError(
                f"no pairs file of sample {table.sample}, which {table.path} measures:"
                " name it under --pairs"
            )
        alike = [each for each in tables if each.sample == table.sample]
        attributes = known.samples[table.sample].attributes
        length = guard.span_slices(attributes)
        interval = partial(bootstrap, block_slices=length)
        results.append(
            Result(
                sample=table.sample,
                method=table.method,
                rock=rock(table.method, table.sample, known.trainings, known.scans),
                outside=outside(table.method, known.samples[table.sample], known.trainings),
                depths=table.corners[:, 0],
                scores=scores(
                    table,
                    alike,
                    interval,
                    scanned=is_scanned(attributes),
                    seeds=known.siblings.get(table.method, ()),
                ),
            )
        )
    return results


def is_scanned(attributes: "PairsAttributes") -> bool:
    """Say whether the LR tiles of a sample are those of a real coarse scan."""
    return attributes.degradation["kernel"] == SCANNED


def rock(
    method: str, sample: str, trainings: "Mapping[str, Training]", scans: Mapping[str, str]
) -> str:
    """Return what a method knows of the rock, nothing of an interpolation."""
    from sandstone.provenance.trainings import rock_of

    return "" if method in BASELINES else rock_of(method, sample, trainings, scans)


def outside(method: str, sample: Sample, trainings: "Mapping[str, Training]") -> str:
    """Return how LR of a sample differs from what a model has learned from; "" if it does not."""
    from sandstone.metrics import domain

    training = trainings.get(method)
    if training is None or sample.domain is None:
        return ""
    return domain.difference(domain.read(training.record), sample.domain)


def summary_text(results: Iterable[Result], about: Mapping[str, Sample]) -> str:
    """Return the tidy summary as CSV text; what cannot be given is empty."""
    from sandstone.files import cell, csv_text
    from sandstone.metrics.tables import SUMMARY_COLUMNS

    rows = (
        [
            *(result.sample, result.method, metric),
            *map(cell, score.mean[:3]),
            score.mean.n,
            cell(score.median),
            score.baseline or "",
            *(map(cell, score.gain[1:]) if score.gain else [""] * 3),
            result.rock,
            cell(about[result.sample].ceiling) if metric == RAW_PSNR else "",
            len(score.of_seeds) or "",
            cell(score.seed_sd),
            result.outside,
        ]
        for result in results
        for metric, score in result.scores.items()
    )
    return csv_text(SUMMARY_COLUMNS, rows)


def print_summary(
    results: Iterable[Result], about: Mapping[str, Sample], confidence: float
) -> None:
    """Print two tables a sample: the means of every method, and what its models gain."""
    from itertools import groupby

    from sandstone.dataset import guard
    from sandstone.metrics import bootstrap

    for sample, group in groupby(results, key=lambda result: result.sample):
        own, attributes = list(group), about[sample].attributes
        length = guard.span_slices(attributes)
        blocks = int(bootstrap.depth_blocks(own[0].depths, length).max()) + 1
        print(
            f"\n{sample}: {len(own[0].depths)} tiles in {blocks} depth block(s) of {length} slices;"
            f" mean [{confidence:.0%} interval] median"
        )
        print_caveats(own, blocks)
        if sentence := guard.warning(attributes):
            note(sentence)
        print_noise(about[sample])
        print_outside(own)
        if is_scanned(attributes):
            print("LR is a real scan, blurred along z too: its LR error ranks nobody")
        print_means(own)
        print_gains(own, confidence)
        print_seeds(own)


def print_noise(sample: Sample) -> None:
    """Print how noisy HR is, and what that makes of a PSNR."""
    if math.isnan(sample.ceiling):
        return
    share = 100 * sample.noise / sample.attributes.grey_max
    print(
        f"HR has a noise of {share:.1f} % of the data range: the rock without it would have"
        f" {sample.ceiling:.1f} dB"
    )


def print_outside(results: Sequence[Result]) -> None:
    """Print which models are used outside of their domain, and how LR differs."""
    for result in results:
        if result.outside:
            note(
                f"{result.method} is used outside of its domain: LR is {result.outside}; "
                "see docs/metrics.md"
            )


def print_caveats(results: Sequence[Result], blocks: int) -> None:
    """Print why to doubt the intervals, the verdicts and the means of a sample."""
    if blocks == 1:
        print("one depth block leaves no interval and no verdict, see docs/metrics.md")
    elif blocks < FEW_BLOCKS:
        print(
            "so few blocks make the intervals too narrow and the verdicts too sure,"
            " see docs/metrics.md"
        )
    scores = (each for result in results for each in result.scores.items())
    if pulled := dict.fromkeys(metric for metric, score in scores if score.mean_is_pulled):
        print(
            f"a few tiles unlike the others, such as air, pull at means of {', '.join(pulled)}:"
            " read the medians"
        )


def print_means(results: Sequence[Result]) -> None:
    """Print a line a method, a column a metric: mean [interval] median."""
    print(f"{'method':<16}" + "".join(f"{metric:<37}" for metric in results[0].scores))
    for result in results:
        cells = "".join(f"{_printed(score):<37}" for score in result.scores.values())
        print(f"{result.method:<16}{cells}".rstrip(), flush=True)


def print_gains(results: Sequence[Result], confidence: float) -> None:
    """Print a line a model and metric: its gain over the best interpolation, with a verdict."""
    names = [metric for result in results for metric in result.scores]
    width = max(map(len, ("metric", *names))) + 2
    gained = [
        (f"{result.method:<16}{result.rock:<9}{metric:<{width}}{score.baseline:<10}", score.gain)
        for result in results
        if result.rock
        for metric, score in result.scores.items()
        if score.gain
    ]
    if not gained:
        return
    print(
        "\ngain over the best interpolation, tile by tile, positive is better;"
        f" mean [{confidence:.0%} interval]"
    )
    print(f"{'model':<16}{'rock':<9}{'metric':<{width}}{'over':<10}{'gain':<29}verdict")
    for what, gain in gained:
        print(f"{what}{gain.text(4):<29}{gain.verdict}", flush=True)


def print_seeds(results: Sequence[Result]) -> None:
    """Print a line a model and metric of which there are trainings with several seeds."""
    for result in results:
        for metric, score in result.scores.items():
            if len(score.of_seeds) > 1:
                print(
                    f"{result.method}, {metric} of {len(score.of_seeds)} seeds: from"
                    f" {min(score.of_seeds):.4f} to {max(score.of_seeds):.4f},"
                    f" standard deviation {score.seed_sd:.4f}",
                    flush=True,
                )


def _numeric(column: "pd.Series") -> bool:
    return column.dtype.kind in "if" and not column.isna().any()


def _printed(score: Score) -> str:
    mean, low, high, _ = score.mean
    interval = f"{low:.4f}, {high:.4f}" if low <= high else "none"
    return f"{mean:.4f} [{interval}] {score.median:.4f}"


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add(
        "--metrics",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="per-tile tables (.csv), in the order to show",
    )
    add(
        "--pairs",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="tile pairs of each sample (.h5)",
    )
    add(
        "--trainings",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="provenance of the trainings of the models and of those that they descend from"
        " (.json), in folders of their names; they tell seen from unseen rock",
    )
    add(
        "--scans",
        nargs="*",
        default=[],
        help="SAMPLE=OWNER: samples that share the fine scan of another one, so one rock",
    )
    add(
        "--siblings",
        nargs="*",
        default=[],
        help="MODEL/MODEL/...: trainings that differ in their seed alone, the one to show first",
    )
    cli.add_bootstrap(arguments)
    add("--output", type=cli.OutputPath, required=True, help="summary to write (.csv)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the tables, resample their depth blocks, write and print the summary."""
    args = parser().parse_args(argv)
    from functools import partial

    from sandstone import files
    from sandstone.metrics.bootstrap import block_bootstrap
    from sandstone.provenance.trainings import read_trainings

    tables = [read_table(path) for path in args.metrics]
    check_comparable(tables)
    known = Known(
        samples=read_samples(args.pairs),
        trainings=read_trainings(args.trainings),
        scans=dict(pair.split("=") for pair in args.scans),
        siblings={group.split("/")[0]: group.split("/") for group in args.siblings},
    )
    settings = {"confidence": args.confidence, "resamples": args.resamples, "seed": args.seed}
    results = summarise(tables, known, partial(block_bootstrap, **settings))
    files.write_text(args.output, summary_text(results, known.samples))
    write_record(__file__, args)
    print_summary(results, known.samples, args.confidence)


if __name__ == "__main__":
    sys.exit(cli.run(main))
