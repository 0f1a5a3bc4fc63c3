"""Write one page that shows what a run brought: verdict, slider, scores, figures, provenance.

The page holds everything that it shows, opens without a network, and asks for nothing.
"""

import argparse
import base64
import io
import json
import math
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sandstone.dataset.pairs import Pairs, Predictions

TEMPLATE = Path(__file__).resolve().parents[1] / "report" / "overview.html.jinja"
# What an interval says of a gain.
SURE = {
    "better": "It is better, as the interval excludes zero",
    "worse": "It is worse, as the interval excludes zero",
    "not distinguishable": "That is not distinguishable from no gain",
}
UNSURE = "How sure that is cannot be said, since the test tiles lie in one depth block"
CUBIC = "cubic"  # the interpolation that upscaled volumes are held against
# What a figure shows, by the name of its file.
CAPTIONS = {
    "comparison": "Test tiles of every method beside LR and HR, with a detail",
    "metrics": "Scores of every test tile, by method",
    "spectra": "Power by spatial frequency, and how much of it is true",
    "simulated_to_real": "What a real coarse scan costs each method",
    "transfer": "What each model gains on each sample; a frame marks rock that it has seen",
    "trade_off": "How faithful and how sharp each method is",
    "rock_slices": "How far pores are from those of HR, over thresholds",
    "rock_blocks": "The same in three dimensions",
    "slice": "The middle slice of a whole volume before and after, and how it changes along z",
    "spread": "What another seed of the model would change in a whole volume, and in its pores",
}


def png(levels: "np.ndarray", grey_max: int) -> str:
    """Return grey levels, shape (y, x), as a PNG of 8 bits in a data address."""
    import numpy as np
    from PIL import Image

    eight = np.rint(levels.astype(np.float64) * (255 / grey_max)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(eight).save(stream, "PNG", optimize=True)
    return address(stream.getvalue())


def address(data: bytes) -> str:
    """Return a PNG file as a data address."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def chosen_tiles(count: int, most: int) -> list[int]:
    """Return up to `most` tiles, spread evenly over all."""
    shown = min(count, most)
    return [tile * count // shown for tile in range(shown)]


def sample_of(pairs: "Pairs", predictions: "Sequence[Predictions]", most: int) -> dict[str, Any]:
    """Return what the slider shows of a sample: images by name for some test tiles."""
    test = pairs.split("test")
    grey_max = pairs.attrs.grey_max
    tiles, places = [], []
    for tile in chosen_tiles(len(test), most):
        images = {"LR": png(test.lr[tile], grey_max)}
        images |= {each.attrs.method: png(each.sr[tile], grey_max) for each in predictions}
        images["HR"] = png(test.hr[tile], grey_max)
        tiles.append(images)
        places.append({"z": int(test.z[tile]), "y": int(test.y[tile]), "x": int(test.x[tile])})
    methods = [each.attrs.method for each in predictions]
    models = [method for method in methods if method not in BASELINES]
    left = "bicubic" if "bicubic" in methods else "LR"
    return {
        "name": pairs.attrs.sample,
        "images": tiles,
        "tiles": places,
        "shown": ["LR", *methods, "HR"],
        "left": left,
        "right": models[-1] if models else "HR",
        "width_um": pairs.hr_size * pairs.attrs.hr_voxel_size_um[-1],
    }


def scores(summary: "pd.DataFrame") -> list[dict[str, Any]]:
    """Return a table for each sample: a row a method, a cell a metric."""
    from sandstone.metrics.quality import described

    tables = []
    for sample in summary["sample"].unique():
        own = summary[summary["sample"] == sample]
        metrics = [described(column) for column in own["metric"].unique()]
        rows = [
            {
                "method": method,
                "cells": [
                    cell(own[(own["method"] == method) & (own["metric"] == metric.column)], metric)
                    for metric in metrics
                ],
            }
            for method in own["method"].unique()
        ]
        tables.append({"sample": sample, "metrics": [each.name for each in metrics], "rows": rows})
    return tables


def cell(rows: "pd.DataFrame", metric: Any) -> dict[str, str]:
    """Return what a cell of the scores says: a mean and, where there is one, the gain."""
    from sandstone.metrics.gains import Gain

    if rows.empty:
        return {"mean": "", "gain": "", "verdict": "", "seeds": ""}
    row = rows.iloc[0]
    shown = {"mean": metric.text(row["mean"]), "gain": "", "verdict": "", "seeds": ""}
    if row["seeds"] > 1:
        spread = f"{row['seed_sd']:.{metric.digits + 1}f}"
        shown["seeds"] = f"{row['seeds']:.0f} seeds, standard deviation {spread}"
    if row["method"] != row["baseline"] and not math.isnan(row["gain"]):
        gain = Gain(row["baseline"], row["gain"], row["gain_low"], row["gain_high"])
        is_sure = gain.verdict in ("better", "worse")
        shown |= {
            "gain": gain.text(metric.digits + 1),
            "verdict": gain.verdict if is_sure else "",
        }
    return shown


def verdicts(summary: "pd.DataFrame") -> list[str]:
    """Return a sentence for each sample: which model is best in PSNR, and how sure that is."""
    from sandstone.metrics.gains import Gain

    sentences = []
    for sample in summary["sample"].unique():
        own = summary[(summary["sample"] == sample) & (summary["metric"] == "psnr_db")]
        models = own[~own["method"].isin(BASELINES)]
        if models.empty or models["gain"].isna().all():
            continue
        best = models.loc[models["gain"].idxmax()]
        gain = Gain(best["baseline"], best["gain"], best["gain_low"], best["gain_high"])
        text = gain.text(2) if gain.verdict in SURE else f"{gain.mean:+.2f}"
        sentences.append(
            f"On {sample}, {best['method']} gains {text} dB of PSNR over {best['baseline']}, the "
            f"best interpolation, on {best['n']:.0f} test tiles. {SURE.get(gain.verdict, UNSURE)}."
        )
        if not math.isnan(best["ceiling"]):
            sentences[-1] += (
                f" It has {best['mean']:.1f} dB, where the rock without the noise of HR would have "
                f"{best['ceiling']:.1f} dB."
            )
        outside = models.dropna(subset=["domain"])
        sentences += [
            f"On {sample}, {row.method} is used outside of its domain: LR is {row.domain}."
            for row in outside.itertuples()
        ]
    return sentences


def rock_verdicts(paths: Sequence[str]) -> list[str]:
    """Return a sentence for each table of pores: whose surface is truest, and who loses paths."""
    from sandstone.metrics import tables
    from sandstone.metrics.gains import Gain
    from sandstone.petrophysics.columns import PERCOLATES, SURFACE

    sentences = []
    for path in paths:
        table = tables.read(path, ["swept", "gain", "gain_low", "gain_high", "lost"])
        sample, images = table["sample"].iloc[0], Path(path).stem.rpartition(".")[2]
        surface = table[table["measure"] == SURFACE].set_index("method")
        interpolated = surface.index.isin([*BASELINES, CUBIC])
        models = surface[~interpolated]["swept"].dropna()
        plain = surface[interpolated]["swept"].dropna()
        if models.empty or plain.empty:
            continue
        best, reference = models.idxmin(), "bicubic" if "bicubic" in plain else plain.index[0]
        verdict = Gain(reference, *surface.loc[best, ["gain", "gain_low", "gain_high"]]).verdict
        paths_lost = table[table["measure"].str.startswith(PERCOLATES)].groupby("method")["lost"]
        lost = paths_lost.sum().astype(int)
        sentences.append(
            f"Of the pores in {images} of {sample}, over the thresholds: {best} errs by "
            f"{models[best]:.1f} % in specific surface, {reference} by {plain[reference]:.1f} %. "
            f"{SURE.get(verdict, UNSURE)}. It loses percolation {times(lost[best])}, {reference} "
            f"{times(lost[reference])}."
        )
    return sentences


def times(number: int) -> str:
    """Return how often something happens, in words."""
    return "once" if number == 1 else f"{number} times"


def methods_text(pairs: "Sequence[Pairs]", trainings: Sequence[Path]) -> str:
    """Return a paragraph on data and trainings, from the files that the results were made of."""
    from sandstone.files import read_json

    sentences = []
    for each in pairs:
        about = each.attrs
        sizes = " × ".join(f"{size:g}" for size in about.hr_voxel_size_um)
        counts = ", ".join(
            f"{len(each.split(name))} for {name}" for name in ("train", "val", "test")
        )
        kernel = about.degradation.get("kernel", "unknown")
        sentences.append(
            f"{about.sample}: tiles of {each.hr_size} × {each.hr_size} voxels of {sizes} µm (z, y, "
            f"x), and LR {about.scale} times coarser ({kernel}); {counts}, from depths that lie "
            f"{about.guard_um:g} µm apart or more."
        )
    for path in trainings:
        record = read_json(path, keys=["parameters"], remedy="train the model again")
        told = record["parameters"]
        if "steps" in told:
            sentences.append(
                f"{path.parent.name}: {told['steps']} steps of {told['batch']} crops of "
                f"{told['crop']} LR pixels, learning rate {told['learning_rate']:g}, seed "
                f"{told['seed']}."
            )
    return " ".join(sentences)


def figures_of(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Return the figures that a page shows, each with its title and caption."""
    return [
        {
            "title": f"{path.parent.name}: {path.stem.replace('_', ' ')}",
            "caption": f"{CAPTIONS.get(path.stem, '')}.",
            "data": address(path.read_bytes()),
        }
        for path in paths
    ]


def rendered(shown: dict[str, Any]) -> str:
    """Return the page as HTML, with everything that comes from files escaped."""
    import jinja2

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(**shown) + "\n"


def as_script(samples: Sequence[dict[str, Any]]) -> str:
    """Return the images of the sliders as JSON that cannot end the element it stands in."""
    data = [{"width_um": each["width_um"], "tiles": each["images"]} for each in samples]
    return json.dumps(data).replace("<", "\\u003c")


def packages_text(trainings: Sequence[Path]) -> str:
    """Return the packages that the trainings ran with, by their records."""
    from sandstone.files import read_json

    found: dict[str, str] = {}
    for path in trainings:
        found |= read_json(path, keys=["packages"], remedy="train the model again")["packages"]
    return ", ".join(f"{name} {found[name]}" for name in sorted(found))


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--summary", type=cli.InputPath, required=True, help="of summarise_metrics.py (.csv)")
    add("--pairs", type=cli.InputPath, nargs="+", required=True, help="of each sample (.h5)")
    add(
        "--predictions",
        type=cli.InputPath,
        nargs="+",
        required=True,
        help="of each method on each sample, sample by sample as --pairs (.h5)",
    )
    add(
        "--trainings",
        type=cli.InputPath,
        nargs="*",
        default=[],
        help="records of trainings (.json)",
    )
    add("--rock", type=cli.InputPath, nargs="*", default=[], help="of summarise_rock.py (.csv)")
    add("--figures", type=cli.InputPath, nargs="*", default=[], help="to show (.png)")
    add("--confidence", type=cli.fraction, default=0.95, help="of the intervals of the summary")
    add("--tiles", type=cli.positive_int, default=4, help="test tiles that the slider shows")
    add("--output", type=cli.OutputPath, required=True, help="page to write (.html)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read the results, write the page."""
    args = parser().parse_args(argv)
    from sandstone import files
    from sandstone.dataset.pairs import check_aligned, open_pairs, open_predictions
    from sandstone.errors import InputError
    from sandstone.metrics import tables

    each, rest = divmod(len(args.predictions), len(args.pairs))
    if rest or not each:
        raise InputError(
            f"--predictions names {len(args.predictions)} files for {len(args.pairs)} samples; "
            "give as many for each sample"
        )
    summary = tables.read(args.summary, tables.SUMMARY_COLUMNS)
    with ExitStack() as stack:
        pairs = [stack.enter_context(open_pairs(path)) for path in args.pairs]
        samples = []
        for number, reference in enumerate(pairs):
            own = args.predictions[number * each : (number + 1) * each]
            predictions = [stack.enter_context(open_predictions(path)) for path in own]
            for prediction in predictions:
                check_aligned(reference, prediction)
            samples.append(sample_of(reference, predictions, args.tiles))
        text = methods_text(pairs, [Path(path) for path in args.trainings])
    sources = [args.summary, *args.pairs, *args.predictions, *args.rock]
    page = rendered(
        {
            "verdicts": [*verdicts(summary), *rock_verdicts(args.rock)],
            "samples": samples,
            "tables": scores(summary),
            "confidence": f"{100 * args.confidence:g}",
            "methods": text,
            "figures": figures_of([Path(path) for path in args.figures]),
            "files": [{"path": path, "sha256": files.sha256_of(Path(path))} for path in sources],
            "packages": packages_text([Path(path) for path in args.trainings]),
            "data": as_script(samples),
        }
    )
    files.write_text(args.output, page)
    write_record(__file__, args)
    print(f"wrote {args.output}, {len(page.encode()) / 1e6:.1f} MB", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
