"""Describe a trained model from its files: data, parameters, metrics with intervals, limits.

After Mitchell et al. (2019), "Model cards for model reporting", FAT* '19. Every number is read
from a result; nothing is typed by hand. Of a model that was trained elsewhere, as of an ancestor
that was, the card says what its record tells, and what nobody here can know.
"""

import argparse
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance import elsewhere
from sandstone.provenance import line as lineage
from sandstone.provenance.line import Line, given, samples_of
from sandstone.provenance.record import add_record_flag, write_record
from sandstone.provenance.records import name_of

if TYPE_CHECKING:
    import pandas as pd

    from sandstone.dataset.pairs import Pairs, PairsAttributes

USES = {"train": "weights", "val": "curves, best weights", "test": "the metrics below"}
SHORT_HASH = 16  # hexadecimal digits that tell files apart to the eye; the record has all


def data_section(
    line: Line,
    pairs: "Sequence[Pairs]",
    sources: Mapping[str, Mapping[str, Any]],
    weights: str | None = None,
) -> list[str]:
    """Return what the model and its ancestors were trained on, and which slices none of them saw.

    `weights` is the SHA-256 of those of the model of the line that was given.

    Raises
    ------
    InputError
        If a rock of the line has no pairs.
    """
    lines = ["## Data", ""]
    if weights and (first := given(line)):
        lines += [elsewhere.seen(first, weights), ""]
    if missing := set(samples_of(line)) - {each.attrs.sample for each in pairs}:
        raise InputError(
            f"--pairs names no file of {', '.join(sorted(missing))}, which {line[0].model} has "
            "seen; name the pairs of all its ancestors too"
        )
    for each in pairs:
        attrs = each.attrs
        lines += [
            (
                f"**{attrs.sample}**, HR voxels of {_size(attrs.hr_voxel_size_um)} µm "
                f"(z × y × x), LR voxels of {_size(attrs.lr_voxel_size_um)} µm; LR made from HR "
                f"by {_degradation(attrs.degradation)}."
            ),
            *_seen_by(line, attrs.sample),
            _raw_volume(sources[attrs.sample]),
            "",
            "| split | slices (z of the raw volume) | tiles | used for |",
            "|---|---|---|---|",
            *_split_rows(each),
            "",
            *_guard(attrs),
            "",
        ]
    return lines


def _seen_by(line: Line, sample: str) -> list[str]:
    """Say which trainings of a line saw a rock, where there were several here."""
    here = [each for each in line if not each.elsewhere]
    if len(here) == 1:
        return []
    return [f"Seen by {_and(each.model for each in here if sample in each.samples)}."]


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


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


def _guard(attrs: "PairsAttributes") -> list[str]:
    """Say what keeps the splits apart, how alike slices are, and whether that suffices."""
    from sandstone.dataset import guard

    measured = guard.Correlation(**attrs.correlation)
    lines = [
        (
            f"Between splits lie at least {attrs.guard_slices} slice(s) ({attrs.guard_um:g} µm) "
            f"that no split uses; {guard.in_words(measured, attrs.hr_voxel_size_um[0])}."
        )
    ]
    if sentence := guard.warning(attrs):
        lines += ["", f"**Note:** {sentence}."]
    return lines


def _size(edges: Sequence[float]) -> str:
    return " × ".join(f"{edge:g}" for edge in edges)


def _degradation(degradation: Mapping[str, Any]) -> str:
    settings = (
        f"{name} {_setting(value)}" for name, value in degradation.items() if name != "kernel"
    )
    return f"`{degradation['kernel']}` {', '.join(settings)}".rstrip()


def _setting(value: str | float | Sequence[float]) -> str:
    match value:
        case str():
            return value
        case float() | int():
            return f"{value:g}"
    return _size(value)


def network_section(generator: Mapping[str, Any]) -> list[str]:
    """Return what the generator is made of."""
    from sandstone.models import description
    from sandstone.models.options import acting
    from sandstone.training import words

    shown = {name: value for name, value in acting(generator).items() if name != "scale"}
    options = (words.option(name, value) for name, value in shown.items())
    return [
        "## Network",
        "",
        (
            f"×{generator['scale']} in both directions of a slice; depth is not upscaled. "
            f"Its options: {', '.join(options)}. "
            f"{description.parameter_count(generator):,} parameters; an HR pixel depends on LR "
            f"pixels up to {description.receptive_field(generator)} away."
        ),
        "",
    ]


def training_section(line: Line, history: "pd.DataFrame | None") -> list[str]:
    """Return the trainings of the line, and parameters, inputs and course of the last one.

    A given model brings no history, so its card tells no course.
    """
    from sandstone.training import words

    record = line[0].record
    if not record or line[0].saw_no_rock:
        known = elsewhere.origin(line[0]) if record else elsewhere.UNKNOWN
        return ["## Training", "", f"It took place elsewhere. {known}", ""]
    if line[0].is_between:
        return between_section(line)
    packages = (f"{name} {version}" for name, version in record["packages"].items())
    course = "" if history is None else f" {_course(history)}"
    return [
        "## Training",
        "",
        *(["It took place elsewhere, and its record tells of it.", ""] if given(line[:1]) else []),
        *_line_table(line),
        (
            f"{line[0].parameters['steps']} steps, seed {record['seed']}. "
            f"Weights that it read: {_weights(record)}.{course}"
        ),
        "",
        "| what | how |",
        "|---|---|",
        *(f"| {what} | {how} |" for what, how in words.facts(line[0].parameters)),
        "",
        f"Packages: {', '.join(packages)}.",
        "",
        f"Made by `{record['command']}`",
        "",
    ]


def between_section(line: Line) -> list[str]:
    """Return which two models one lies between."""
    record, alpha = line[0].record, line[0].record["parameters"]["alpha"]
    second, first = lineage.ends(line[0])
    return [
        "## Training",
        "",
        (
            f"None of its own: its weights are {1 - alpha:g} × those of {first} + {alpha:g} × "
            f"those of {second} (network interpolation, Wang et al. 2018). The cards of both tell "
            "what these have gone through."
        ),
        "",
        f"Made by `{record['command']}`",
        "",
    ]


def _line_table(line: Line) -> list[str]:
    """Return one row a training, the oldest first, where the model started from another one."""
    from sandstone.training import words

    if len(line) == 1:
        return []
    total = sum(training.parameters.get("steps", 0) for training in line)
    first = given(line)
    least = "at least " if first and not first.is_told else ""
    return [
        (
            f"It started from the weights of {line[1].model}, so that they have gone through "
            f"{least}{total} steps in {least}{len(line)} trainings:"
        ),
        "",
        "| training | rock | steps | losses |",
        "|---|---|---|---|",
        *(
            f"| {each.model} | {_and(each.samples)} | {each.parameters['steps']} "
            f"| {words.losses(each.parameters)} |"
            if each.parameters
            else f"| {each.model} | {each.published.get('seen', 'unknown')} | unknown | unknown |"
            for each in reversed(line)
        ),
        "",
        f"What follows is the last training, of {line[0].model}.",
        "",
    ]


def _weights(record: Mapping[str, Any]) -> str:
    """Name the weights to start from and those of a content loss."""
    weights = [
        f"`{name_of(file)}` (SHA-256 `{file['sha256'][:SHORT_HASH]}…`)"
        for file in record["inputs"]
        if "results/pairs/" not in name_of(file)
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
    summary: "pd.DataFrame",
    line: Line,
    baselines: Sequence[str],
    confidence: float,
    shared: Collection[str] = (),
) -> list[str]:
    """Return a table a sample: this model beside plain interpolation, mean and interval.

    `shared` are the samples on whose very pairs the training elsewhere was, see `shared_pairs`.
    """
    model = line[0].model
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
            f"| {_rock(sample, line, shared)}, {rows['n'].max()} tiles | {' | '.join(metrics)} |",
            "|---" * (len(metrics) + 1) + "|",
            *(_metric_row(rows, method, metrics) for method in [model, *baselines]),
            "",
            *_outside(rows, model),
        ]
    return lines


def _outside(rows: "pd.DataFrame", model: str) -> list[str]:
    """Return what to say where a sample lies outside of the domain of a model."""
    told = rows.loc[rows["method"] == model, "domain"].dropna()
    return [f"Outside of its domain: LR of this rock is {told.iloc[0]}.", ""] if len(told) else []


def _rock(sample: str, line: Line, shared: Collection[str]) -> str:
    remark = lineage.remark(sample, line, shared)
    return f"{sample} ({remark})" if remark else sample


def _metric_row(rows: "pd.DataFrame", method: str, metrics: Sequence[str]) -> str:
    own = rows[rows["method"] == method].set_index("metric")
    return f"| {method} | {' | '.join(_interval(own.loc[metric]) for metric in metrics)} |"


def _interval(row: "pd.Series") -> str:
    if row[["ci_low", "ci_high"]].isna().any():
        return f"{row['mean']:.3f} [none]"
    return f"{row['mean']:.3f} [{row['ci_low']:.3f}, {row['ci_high']:.3f}]"


def limits_section(line: Line, synthetic: Sequence[str]) -> list[str]:
    """Return what follows for a user from the data and the losses of the whole line."""
    from sandstone.training import words

    samples, first = samples_of(line), given(line)
    adversarial = [each.model for each in line if words.is_adversarial(each.parameters)]
    lines = ["## Limits", ""]
    if first:
        lines += elsewhere.limits(first, samples, adversarial=bool(adversarial))
    else:
        lines.append(
            f"- It has seen {_and(samples)} only: on another rock, scanner or voxel size, "
            "measure before you trust it."
        )
    lines += [
        (
            "- Its LR images were shrunken HR images. A real coarse scan differs in blur, noise "
            "and registration, of which the metrics above say nothing."
        ),
        "- The intervals speak of this test split, not of another plug, scanner or seed.",
    ]
    if made := [sample for sample in samples if sample in synthetic]:
        lines.append(f"- {_and(made)}: synthetic rock, to try the workflow with.")
    if adversarial:
        where = "" if adversarial[0] == line[0].model else f" in the training of {adversarial[0]}"
        lines.append(
            f"- An adversarial loss{where} taught it to draw plausible detail that may not be "
            "there: do not measure what only this model shows."
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
    add(
        "--given",
        type=cli.InputPath,
        help="weights of the one of the line that was trained elsewhere (.weights.h5)",
    )
    add(
        "--ancestors",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="provenance of the trainings that it descends from (.json), the youngest first",
    )
    add("--generator", type=cli.InputPath, required=True, help="its generator.json")
    add("--history", type=cli.InputPath, help="its history.csv; none of a given model")
    add(
        "--pairs",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="what it and its ancestors were trained on (.h5), but for the one given",
    )
    add("--slices", type=cli.InputPath, nargs="*", default=[], help="their slices (.json)")
    add(
        "--measured",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="what it is measured on (.h5), where one was given",
    )
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

    line = lineage.read(args.model, args.record, args.ancestors, args.given)
    weights = files.sha256_of(args.given) if args.given else None
    generator = files.read_json(args.generator, remedy="delete it and train again")
    history = tables.read(args.history, ("step", "val_psnr_db")) if args.history else None
    summary = tables.read(args.summary, tables.SUMMARY_COLUMNS)
    with ExitStack() as stack:
        pairs = [stack.enter_context(open_pairs(path)) for path in args.pairs]
        measured = [stack.enter_context(open_pairs(path)) for path in args.measured]
        known = [each.attrs for each in (*pairs, *measured)]
        sizes = {each.sample: each.hr_voxel_size_um for each in known}
        shared = lineage.shared_pairs(line, args.measured, [each.attrs.sample for each in measured])
        lines = [
            *(f"# Model card: {args.model}", ""),
            *data_section(line, pairs, read_sources(args.slices), weights),
            *network_section(generator),
            *training_section(line, history),
            *metrics_section(summary, line, args.baselines, args.confidence, shared),
            *limits_section(line, args.synthetic),
        ]
    files.write_text(args.output, "\n".join(lines))
    write_record(__file__, args, voxel_size_um=sizes)


if __name__ == "__main__":
    sys.exit(cli.run(main))
