"""Super-resolve the LR tiles of a test split by a trained model or a plain interpolation."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sandstone import cli
from sandstone.choices import BASELINES
from sandstone.errors import InputError, shown
from sandstone.models.options import generator_files
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.pairs import Pairs, PredictionsWriter

    # LR tiles to SR tiles, float32, (n, h, h) to (n, H, H); grey levels in [0, 1].
    Method = Callable[[np.ndarray], np.ndarray]


def check_model_dir(method: str, model_dir: str | None) -> None:
    """Raise an `InputError` unless models, and only models, have a folder."""
    if method in BASELINES and model_dir:
        raise InputError(f"{method} is a baseline and needs no --model-dir; leave it out")
    if method not in BASELINES and not model_dir:
        raise InputError(
            f"{method} is none of the baselines {', '.join(BASELINES)}; "
            "give the folder of a model with --model-dir"
        )


def check_model_scale(model_dir: Path, scale: int) -> None:
    """Raise an `InputError` unless the model enlarges by the scale of the pairs.

    Only the model's description is read, so TensorFlow need not start.
    """
    from sandstone.files import read_json

    description, _ = generator_files(model_dir)
    model_scale = read_json(description, remedy="delete it and train again").get("scale")
    if model_scale is None:
        raise InputError(f"{description} has no scale; delete it and train again")
    if model_scale != scale:
        raise InputError(
            f"the model in {model_dir} enlarges by {shown(model_scale)} but the pairs by "
            f"{scale}; make both with the same scale"
        )


def interpolation(kernel: str, hr_size: int) -> "Method":
    """Return the method that interpolates tile by tile."""
    import numpy as np

    from sandstone.imaging.resample import resize

    def interpolate(lr: "np.ndarray") -> "np.ndarray":
        return np.stack([resize(tile, (hr_size, hr_size), kernel) for tile in lr])

    return interpolate


def write_tiles(
    writer: "PredictionsWriter", pairs: "Pairs", method: "Method", name: str, batch: int
) -> None:
    """Write the SR tiles of the test split in the order of the pairs, `batch` at a time.

    Raises
    ------
    InputError
        If the method gives values that are not finite.
    """
    import numpy as np

    from sandstone.imaging import grey
    from sandstone.progress import Progress

    test = pairs.split("test")
    progress = Progress(name, len(test), "tiles")
    for first in range(0, len(test), batch):
        chosen = slice(first, first + batch)
        sr = method(grey.to_unit(test.lr[chosen]))
        if not np.isfinite(sr).all():
            raise InputError(
                f"{name} gives values that are not finite; train it again with a lower "
                "learning rate"
            )
        corners = (test.z[chosen], test.y[chosen], test.x[chosen])
        writer.append(grey.from_unit(sr, pairs.dtype), corners)
        progress.add(len(sr))


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--pairs", type=cli.InputPath, required=True, help="tile pairs of one sample (.h5)")
    add("--method", required=True, help=f"{', '.join(BASELINES)}, or the name of a model")
    add("--model-dir", type=cli.InputPath, help="folder of the trained model; models only")
    add("--batch", type=cli.positive_int, default=8, help="tiles in memory at once")
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
        help="mean over the flips and turns of each tile; models only",
    )
    add(
        "--back-projection",
        type=cli.non_negative_int,
        default=0,
        help="iterations that make SR agree with its LR; models only",
    )
    add(
        "--output",
        type=cli.OutputPath,
        required=True,
        help="super-resolved test tiles to write (.h5)",
    )
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read test tiles, super-resolve them, write the predictions."""
    args = parser().parse_args(argv)
    check_model_dir(args.method, args.model_dir)
    for flag in ("self_ensemble", "back_projection"):
        if vars(args)[flag] and not args.model_dir:
            named = f"--{flag.replace('_', '-')}"
            raise InputError(f"{args.method} is a baseline and takes no {named}; leave it out")

    from sandstone.dataset.pairs import PredictionsAttributes, open_pairs, write_predictions
    from sandstone.imaging import back_projection
    from sandstone.models import inference

    with open_pairs(args.pairs) as pairs:
        if args.model_dir:
            check_model_scale(Path(args.model_dir), pairs.attrs.scale)
            method = inference.load_network(
                Path(args.model_dir), args.threads, self_ensemble=args.self_ensemble
            )
            if args.back_projection:
                made = back_projection.known(pairs.attrs.degradation, args.pairs)
                method = back_projection.back_projected(
                    method, pairs.attrs.scale, made, args.back_projection
                )
        else:
            method = interpolation(args.method, pairs.hr_size)
        about = PredictionsAttributes(
            method=args.method,
            sample=pairs.attrs.sample,
            scale=pairs.attrs.scale,
            hr_voxel_size_um=pairs.attrs.hr_voxel_size_um,
            grey_max=pairs.attrs.grey_max,
        )
        with write_predictions(args.output, about, hr_size=pairs.hr_size) as writer:
            write_tiles(writer, pairs, method, args.method, args.batch)
    files = generator_files(args.model_dir) if args.model_dir else ()
    write_record(__file__, args, voxel_size_um=about.hr_voxel_size_um, inputs=files)


if __name__ == "__main__":
    sys.exit(cli.run(main))
