"""Take a model that was trained before into the results: its network, weights and training record.

The files keep their bytes, so that their SHA-256 is the same in the record of whatever is made
with them. What the folder tells of the training is kept under another name than records of this
workflow have, since its paths and its code are those of another study.
"""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sandstone import cli
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record


def tell(folder: str, training: Mapping[str, Any], published: Mapping[str, str]) -> None:
    """Print what is known of the training, or a note that nothing is.

    Raises
    ------
    InputError
        If its settings cannot be put into words, as its card will have to.
    """
    from sandstone.models.folder import RECORD, WITHOUT_RECORD
    from sandstone.training import words

    if published:
        print(f"{published['network']} was published; it saw {published['seen']}", flush=True)
    if not training and published:
        return
    if not training:
        note(
            f"{folder} holds no {RECORD}, so what its model was trained on is unknown; if it has "
            "seen the rock that it is measured on, it looks better than it is"
        )
        return
    parameters = training["parameters"]
    try:
        losses = dict(words.facts(parameters))["losses"]
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{Path(folder) / RECORD} has settings of no training ({error}); {WITHOUT_RECORD}"
        ) from error
    rocks = ", ".join(training["voxel_size_um"])
    print(f"trained on {rocks} for {parameters['steps']} steps; losses: {losses}", flush=True)


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--folder", type=cli.InputPath, required=True, help="folder of the trained model")
    add("--weights", type=cli.OutputPath, required=True, help="its weights, to write (.weights.h5)")
    add("--generator", type=cli.OutputPath, required=True, help="its network, to write (.json)")
    add(
        "--training",
        type=cli.OutputPath,
        required=True,
        help="the record of its training, or {}, to write (.json)",
    )
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Judge the folder, copy its files, say what is known of the training."""
    args = parser().parse_args(argv)

    from sandstone.files import atomic_path, write_json
    from sandstone.models.folder import check, files_of, published_of, training_of
    from sandstone.models.options import generator_files

    check(args.folder)
    training = training_of(args.folder)
    published = published_of(args.folder)
    tell(args.folder, training, published)
    targets = (args.generator, args.weights)
    for source, target in zip(generator_files(args.folder), targets, strict=True):
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
    write_json(args.training, {**training, "published": published} if published else training)
    sizes = training.get("voxel_size_um")
    write_record(__file__, args, voxel_size_um=sizes, inputs=files_of(args.folder))


if __name__ == "__main__":
    sys.exit(cli.run(main))
