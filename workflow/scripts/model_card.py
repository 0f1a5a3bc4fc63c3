"""Describe a trained model from its files: data, parameters, metrics with intervals, limits.

After Mitchell et al. (2019), "Model cards for model reporting", FAT* '19. Every number is read
from a result; nothing is typed by hand.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import pandas as pd

    from sandstone.dataset.pairs import Pairs

USES = {"train": "weights", "val": "curves, best weights", "test": "the metrics below"}
SHORT_HASH = 16  # hexadecimal digits that tell files apart to the eye; the record has all


def data_section(pairs: "Sequence[Pairs]", sources: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what the model was trained on, and which slices it never saw."""
    lines = ["## Data", ""]
    for each in pairs:
        attrs = each.attrs
        lines += [
            (
                f"**{attrs.sample}**, HR voxels of {_size(attrs.hr_voxel_size_um)} µm "
                f"(z × y × x), LR voxels of {_size(attrs.lr_voxel_size_um)} µm; LR made from HR "
                f"by {_degradation(attrs.degradation)}."
            ),
            _raw_volume(sources[attrs.sample]),
            "",
            "| split | slices (z of the raw volume) | tiles | used for |",
            "|---|---|---|---|",
            *_split_rows(each),
            "",
            (
                f"Between splits lie at least {attrs.guard_slices} slice(s) "
                f"({attrs.guard_um:g} µm) that no split uses."
            ),
            "",
        ]
    return lines


def _raw_volume(slices: Mapping[str, Any]) -> str:
    source, window = slices["source"], slices["window"]
    first, *others = source["files"]
    more = f" and {len(others)} more" if others else ""
    low, high = window["percentiles"]
    return (
        f"Raw volume: {' × '.join(map(str, source['shape']))} voxels of {source['dtype']}, "
        f"`{first['name']}` (SHA-256 `{first['sha256'][:SHORT_HASH]}…`){more}; its grey levels "
        f"{window['low']:g} to {window['high']:g}, percentiles {low:g} and {high:g} of the rock, "
        "became black and white."
    )


def _split_rows(pairs: "Pairs") -> Iterator[str]:
    for name, use in USES.items():
        split = pairs.split(name)
        first, last = split.slices
        yield f"| {name} | {first} to {last} | {len(split)} | {use} |"


def _size(edges: Sequence[float]) -> str:
    return " × ".join(f"{edge:g}" for edge in edges)


def _degradation(degradation: Mapping[str, Any]) -> str:
    settings = (f"{name} {value:g}" for name, value in degradation.items() if name != "kernel")
    return f"`{degradation['kernel']}` {', '.join(settings)}".rstrip()


def network_section(generator: Mapping[str, Any]) -> list[str]:
    """Return what the generator is made of."""
    from sandstone.models import description

    options = (f"{name} {value}" for name, value in generator.items() if name != "scale")
    return [
        "## Network",
        "",
        (
            f"×{generator['scale']} in both directions of a slice; depth is not upscaled. "
            f"{', '.join(options)}. {description.parameter_count(generator):,} parameters; an HR "
            f"pixel depends on LR pixels up to {description.receptive_field(generator)} away."
        ),
        "",
    ]


def training_section(record: Mapping[str, Any], history: "pd.DataFrame") -> list[str]:
    """Return parameters, inputs and the course of the training."""
    packages = (f"{name} {version}" for name, version in record["packages"].items())
    return [
        "## Training",
        "",
        (
            f"{len(history)} steps, seed {record['seed']}. "
            f"Weights that it read: {_weights(record)}. {_course(history)}"
        ),
        "",
        "| parameter | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in record["parameters"].items()),
        "",
        f"Packages: {', '.join(packages)}.",
        "",
        f"Made by `{record['command']}`",
        "",
    ]


def _weights(record: Mapping[str, Any]) -> str:
    """Name the weights to start from and those of a content loss."""
    weights = [
        f"`{file.get('path') or file['name']}` (SHA-256 `{file['sha256'][:SHORT_HASH]}…`)"
        for file in record["inputs"]
        if "results/pairs/" not in file.get("path", "")
    ]
    return " and ".join(weights) or "none"


def _course(history: "pd.DataFrame") -> str:
    validated = history.dropna(subset=["val_psnr_db"])
    if validated.empty:
        return "Never validated."
    best, last = validated.loc[validated["val_psnr_db"].idxmax()], validated.iloc[-1]
    return (
        f"Validation PSNR {last['val_psnr_db']:.2f} dB at the last step, "
        f"{best['val_psnr_db']:.2f} dB at best (step {best['step']:.0f})."
    )


def metrics_section(
    summary: "pd.DataFrame", model: str, baselines: Sequence[str], confidence: float
) -> list[str]:
    """Return a table a sample: this model beside plain interpolation, mean and interval."""
    if model not in set(summary["method"]):
        return ["## Metrics", "", "Not evaluated: it is the start of another model.", ""]
    lines = [
        "## Metrics",
        "",
        (
            f"Of test tiles alone: mean [{confidence:.0%} interval, from resampled blocks of "
            "depth]; docs/metrics.md of the project defines each."
        ),
        "",
    ]
    for sample, rows in summary.groupby("sample", sort=True):
        metrics = list(dict.fromkeys(rows["metric"]))
        lines += [
            f"| {sample}, {rows['n'].max()} tiles | {' | '.join(metrics)} |",
            "|---" * (len(metrics) + 1) + "|",
            *(_metric_row(rows, method, metrics) for method in [model, *baselines]),
            "",
        ]
    return lines


def _metric_row(rows: "pd.DataFrame", method: str, metrics: Sequence[str]) -> str:
    own = rows[rows["method"] == method].set_index("metric")
    return f"| {method} | {' | '.join(_interval(own.loc[metric]) for metric in metrics)} |"


def _interval(row: "pd.Series") -> str:
    if row[["ci_low", "ci_high"]].isna().any():
        return f"{row['mean']:.3f} [none]"
    return f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def limits_section(
    record: Mapping[str, Any], samples: Sequence[str], synthetic: Sequence[str]
) -> list[str]:
    """Return what follows from the data and the losses for whoever uses the model."""
    lines = [
        "## Limits",
        "",
        (
            f"- It has seen {' and '.join(samples)} only: on another rock, scanner or voxel size, "
            "measure before you trust it."
        ),
        (
            "- Its LR images were shrunken HR images. A real coarse scan differs in blur, noise "
            "and registration, of which the metrics above say nothing."
        ),
        "- The intervals speak of this test split, not of another plug, scanner or seed.",
    ]
    if made := [sample for sample in samples if sample in synthetic]:
        lines.append(f"- {' and '.join(made)}: synthetic rock, to try the workflow with.")
    if record["parameters"].get("loss_adversarial"):
        lines.append(
            "- An adversarial loss taught it to draw plausible detail that may not be there: do "
            "not measure what only this model shows."
        )
    return [*lines, ""]


def read_sources(paths: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """Return the description of the slices of each sample."""
    from sandstone.files import read_json

    remedy = "delete it and run slice_volume.py again"
    found = [read_json(path, keys=("sample", "source", "window"), remedy=remedy) for path in paths]
    return {slices["sample"]: slices for slices in found}


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--model", required=True, help="name of the model")
    add("--record", type=cli.InputPath, required=True, help="provenance of its training (.json)")
    add("--generator", type=cli.InputPath, required=True, help="its generator.json")
    add("--history", type=cli.InputPath, required=True, help="its history.csv")
    add(
        "--pairs", type=cli.InputPath, nargs="+", required=True, help="what it was trained on (.h5)"
    )
    add("--slices", type=cli.InputPath, nargs="+", required=True, help="their slices (.json)")
    add("--summary", type=cli.InputPath, required=True, help="metrics of all methods (.csv)")
    add("--baselines", nargs="+", required=True, help="methods to show beside it")
    add("--synthetic", nargs="*", default=[], help="samples that are synthetic rock")
    add("--confidence", type=cli.fraction, default=0.95, help="of the intervals, 0 to 1")
    add("--output", type=cli.OutputPath, required=True, help="card to write (.md)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read what the training and the evaluation left, write the card."""
    args = parser().parse_args(argv)

    from contextlib import ExitStack

    from sandstone import files
    from sandstone.dataset.pairs import open_pairs
    from sandstone.metrics import tables
    from sandstone.provenance import records

    record = records.read(args.record).content
    generator = files.read_json(args.generator, remedy="delete it and train again")
    history = tables.read(args.history, ("step", "val_psnr_db"))
    summary = tables.read(args.summary, tables.SUMMARY_COLUMNS)
    with ExitStack() as stack:
        pairs = [stack.enter_context(open_pairs(path)) for path in args.pairs]
        sizes = {each.attrs.sample: each.attrs.hr_voxel_size_um for each in pairs}
        lines = [
            *(f"# Model card: {args.model}", ""),
            *data_section(pairs, read_sources(args.slices)),
            *network_section(generator),
            *training_section(record, history),
            *metrics_section(summary, args.model, args.baselines, args.confidence),
            *limits_section(record, list(sizes), args.synthetic),
        ]
    files.write_text(args.output, "\n".join(lines))
    write_record(__file__, args, voxel_size_um=sizes)


if __name__ == "__main__":
    sys.exit(cli.run(main))
