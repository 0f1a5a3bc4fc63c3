"""Train one super-resolution model on tile pairs, continuing from its newest checkpoint."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.config import validity
from sandstone.errors import InputError
from sandstone.models.architectures import DISCRIMINATORS, GENERATORS, UPSAMPLING
from sandstone.provenance.record import add_record_flag, code_of, write_record
from sandstone.training.losses import TERMS, column, kind_of
from sandstone.training.schedules import SCHEDULES

if TYPE_CHECKING:
    from contextlib import ExitStack

    from sandstone.dataset.pairs import Pairs
    from sandstone.training.loop import Checkpointing, Record
    from sandstone.training.trainer import Trainer

WEIGHTS = ("init_weights", "vgg19_weights", "lpips_weights")
FOLDERS = ("model_dir", "checkpoint_dir", "tensorboard_dir")
PUBLISHED = {"vgg19": "vgg19_weights", "lpips_alex": "lpips_weights"}  # the flags of their files

# What a training does not depend on: places, how often it saves, which of its weights count.
NOT_IN_FINGERPRINT = {
    "pairs",
    *WEIGHTS,
    *FOLDERS,
    "provenance",
    "checkpoint_every",
    "use_weights",
}


def open_training_pairs(paths: Sequence[str], crop: int, stack: "ExitStack") -> "list[Pairs]":
    """Open all pairs files and check that they fit together and hold crops of `crop` LR pixels."""
    from sandstone.dataset.pairs import open_pairs

    files = [stack.enter_context(open_pairs(path)) for path in paths]
    for path, pairs in zip(paths[1:], files[1:], strict=True):
        for what in ("scale", "grey_max"):
            first, own = (getattr(each.attrs, what) for each in (files[0], pairs))
            if first != own:
                raise InputError(
                    f"{path} has {what} {own} but {paths[0]} has {first}; make both alike"
                )
        if pairs.hr_size != files[0].hr_size:
            raise InputError(
                f"{path} has tiles of {pairs.hr_size} voxels but {paths[0]} of "
                f"{files[0].hr_size}; make both alike"
            )
    validity.check_crop(crop, files[0].lr_size, key=_flag)
    for split in ("train", "val"):
        if not any(len(pairs.split(split)) for pairs in files):
            raise InputError(
                f"{', '.join(paths)}: split {split} has no tiles; make pairs with a larger one"
            )
    return files


def settings_of(args: argparse.Namespace, part: str) -> dict[str, Any]:
    """Return the flags `--<part>-*` as keyword arguments."""
    flags = vars(args)
    return {name.removeprefix(f"{part}_"): flags[name] for name in flags if _is_of(name, part)}


def _is_of(name: str, part: str) -> bool:
    return name.startswith(f"{part}_") and name != "discriminator_learning_rate"


def check_losses(args: argparse.Namespace) -> None:
    """Raise an `InputError` where a loss lacks what it needs."""
    published = {name: vars(args)[flag] for name, flag in PUBLISHED.items()}
    validity.check_losses(settings_of(args, "loss"), published, key=_flag)


def check_files(args: argparse.Namespace) -> None:
    """Raise an `InputError` where weights are missing or a folder cannot be written into."""
    flags = vars(args)
    for name in WEIGHTS:
        if flags[name] and not Path(flags[name]).is_file():
            raise InputError(f"{_flag(name)} {flags[name]} does not exist; give another file")
    for name in FOLDERS:
        folder = Path(flags[name]).absolute()
        existing = next(each for each in (folder, *folder.parents) if each.exists())
        if not (existing.is_dir() and os.access(existing, os.W_OK)):
            raise InputError(
                f"{_flag(name)} {flags[name]} cannot be written into; give another folder"
            )


def _flag(setting: str) -> str:
    """Return the flag of a setting: of "loss.pixel", "weights.vgg19" or "model_dir"."""
    part, _, name = setting.partition(".")
    setting = PUBLISHED[name] if part == "weights" else setting.replace(".", "_")
    return f"--{setting.replace('_', '-')}"


def check_edges(args: argparse.Namespace, scale: int) -> None:
    """Raise an `InputError` where crops are too small for what a loss compares."""
    settings, edge = vars(args), args.crop * scale
    for term in TERMS:
        least = kind_of(term, settings).least_edge
        if settings[column(term)] and edge < least:
            kind = settings[f"{column(term)}_kind"]
            raise InputError(
                f"--crop {args.crop} makes HR crops of {edge} pixels but "
                f"{_flag(column(term))}-kind {kind} needs {least}; "
                f"set --crop {-(-least // scale)}"
            )


def domain_of(pairs: "Sequence[Pairs]") -> dict[str, Any]:
    """Return what the training tiles of each sample that has some look like, for the record."""
    from sandstone.metrics import domain

    splits = {each.attrs.sample: each.split("train") for each in pairs}
    return {
        sample: domain.of_tiles(split.lr).plain() for sample, split in splits.items() if len(split)
    }


def build_trainer(args: argparse.Namespace, scale: int) -> "Trainer":
    """Build networks and optimisers from the flags."""
    from sandstone.training.losses import objective
    from sandstone.training.trainer import Optimisation, Trainer

    optimisation = Optimisation(
        steps=args.steps,
        learning_rate=args.learning_rate,
        discriminator_learning_rate=args.discriminator_learning_rate or args.learning_rate,
        schedule=args.schedule,
        decay_every=args.decay_every,
        decay_rate=args.decay_rate,
        ema=args.ema,
        clip_norm=args.clip_norm,
        mixed_precision=args.mixed_precision,
    )
    return Trainer(
        generator={**settings_of(args, "generator"), "scale": scale},
        discriminator={**settings_of(args, "discriminator"), "hr_size": args.crop * scale},
        objective=objective({**vars(args), "scale": scale}),
        optimisation=optimisation,
        init_weights=Path(args.init_weights) if args.init_weights else None,
    )


def fingerprint(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the result depends on: settings, hashes of inputs and code."""
    from sandstone.files import sha256_of

    settings = {name: value for name, value in vars(args).items() if name not in NOT_IN_FINGERPRINT}
    weights = {name: sha256_of(vars(args)[name]) for name in WEIGHTS if vars(args)[name]}
    pairs = [sha256_of(path) for path in args.pairs]
    beside = {"pairs": pairs, "code": code_of("train"), "versions": _versions()}
    return {**settings, **weights, **beside}


def _versions() -> str:
    import keras
    import tensorflow as tf

    return f"Keras {keras.__version__}, TensorFlow {tf.__version__}"


def train(args: argparse.Namespace, trainer: "Trainer", pairs: "list[Pairs]") -> "Record":
    """Run the training to its end and return its record."""
    from sandstone.training import batches, loop, validation
    from sandstone.training.progress import Board, ProgressLines

    checkpointing = _checkpointing(args)
    record = loop.resume(trainer, checkpointing)
    board = Board(Path(args.tensorboard_dir), resumed=record.step > 0)
    lines = ProgressLines(steps=args.steps)
    try:
        loop.run(
            trainer,
            record,
            batches=batches.Batches(
                tiles=batches.hold_in_memory([each.split("train") for each in pairs]),
                batch=args.batch,
                crop=args.crop,
                scale=pairs[0].attrs.scale,
                seed=args.seed,
                augment=args.augment,
            ),
            tiles=validation.choose_tiles(
                [each.split("val") for each in pairs], args.validation_tiles
            ),
            cadence=loop.Cadence(
                steps=args.steps,
                validate_every=args.validate_every,
                checkpoint_every=args.checkpoint_every,
            ),
            checkpointing=checkpointing,
            observers=[board.show, lines.show],
        )
    finally:
        board.close()
    return record


def _checkpointing(args: argparse.Namespace) -> "Checkpointing":
    from sandstone.training.loop import Checkpointing

    return Checkpointing(folder=Path(args.checkpoint_dir), fingerprint=fingerprint(args))


def write_model(
    args: argparse.Namespace, trainer: "Trainer", record: "Record", scale: int
) -> list[Path]:
    """Write architecture, history, and the last and the best weights; return the files."""
    from sandstone.files import write_text
    from sandstone.models.options import discriminator_config, generator_config
    from sandstone.models.weights import save_network_json, save_weights
    from sandstone.training import history

    folder = Path(args.model_dir)
    networks_json = [folder / f"{network}.json" for network in ("generator", "discriminator")]
    generator = generator_config(**settings_of(args, "generator"), scale=scale)
    save_network_json(networks_json[0], generator)
    discriminator = {}
    if trainer.discriminator:
        discriminator = discriminator_config(
            **settings_of(args, "discriminator"), hr_size=args.crop * scale
        )
    save_network_json(networks_json[1], discriminator)
    curves = folder / "history.csv"
    write_text(curves, history.to_csv(record.rows))
    weights = {"last": trainer.averaged.get_weights(), "best": record.best_weights}
    names = {"_last": "last", "_best": "best", "": args.use_weights}
    written = {folder / f"generator{suffix}.weights.h5": names[suffix] for suffix in names}
    for file, which in written.items():
        trainer.averaged.set_weights(weights[which])
        save_weights(trainer.averaged, file)
    return [*networks_json, curves, *written]


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script; one flag for each key of a model's config."""
    arguments = cli.argument_parser(__doc__)
    _add_files(arguments)
    _add_networks(arguments)
    _add_losses(arguments)
    _add_optimisation(arguments)
    add_record_flag(arguments)
    return arguments


def _add_files(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("files").add_argument
    add(
        "--pairs", type=cli.InputPath, required=True, nargs="+", help="tile pairs to train on (.h5)"
    )
    add("--init-weights", type=cli.InputPath, help="generator weights to start from (.weights.h5)")
    add(
        "--vgg19-weights",
        type=cli.InputPath,
        help="VGG19 without top, for --loss-content-kind vgg19 (.h5)",
    )
    add("--vgg19-sha256", help="its SHA-256; without it the MD5 that Keras publishes is checked")
    add(
        "--lpips-weights",
        type=cli.InputPath,
        help="LPIPS-AlexNet, for --loss-content-kind lpips_alex (.npz)",
    )
    add(
        "--model-dir",
        type=cli.OutputPath,
        required=True,
        help="folder to write the trained model into",
    )
    add(
        "--checkpoint-dir",
        type=cli.WorkPath,
        required=True,
        help="folder of the checkpoints, emptied at the end",
    )
    add("--tensorboard-dir", type=cli.WorkPath, required=True, help="folder of TensorBoard's logs")


def _add_networks(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("networks").add_argument
    add("--generator-architecture", choices=[*GENERATORS], default="srresnet")
    add("--generator-blocks", type=cli.positive_int, default=8, help="residual blocks")
    add("--generator-filters", type=cli.positive_int, default=32, help="of a convolution")
    add("--generator-batch-norm", type=cli.boolean, default=False, help="true or false")
    add("--generator-bicubic-skip", type=cli.boolean, default=True, help="true or false")
    add("--generator-upsampling", choices=UPSAMPLING, default="stages", help="of srresnet")
    add("--generator-upsampling-filters", type=cli.positive_int, help="of the stages of srresnet")
    add("--generator-noise", type=cli.non_negative_float, default=0.0, help="of the data range")
    add("--discriminator-architecture", choices=[*DISCRIMINATORS], default="patch")
    add("--discriminator-filters", type=cli.positive_int, default=32, help="of the first level")
    add("--discriminator-spectral-norm", type=cli.boolean, default=True, help="true or false")


def _add_losses(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("losses").add_argument
    for name, term in TERMS.items():
        flag = _flag(column(name))
        add(flag, type=cli.non_negative_float, default=term.weight, help="weight")
        if len(term.kinds) > 1:
            add(f"{flag}-kind", choices=[*term.kinds], default=term.kind)
        for key, (default, text) in term.texts.items():
            add(f"{flag}-{key}", default=default, help=text)


def _add_optimisation(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("optimisation").add_argument
    add("--steps", type=cli.positive_int, required=True, help="optimiser steps")
    add("--batch", type=cli.positive_int, default=16, help="crops a step")
    add("--crop", type=cli.positive_int, default=24, help="edge of a crop, LR pixels")
    add("--augment", type=cli.boolean, default=True, help="flips and quarter turns")
    add("--learning-rate", type=cli.positive_float, default=1e-3, help="of the generator")
    add("--discriminator-learning-rate", type=cli.positive_float, help="without it the generator's")
    add("--schedule", choices=SCHEDULES, default="cosine")
    add("--decay-every", type=cli.positive_int, default=1000, help="steps, for --schedule step")
    add("--decay-rate", type=cli.positive_float, default=0.5, help="for --schedule step")
    add("--ema", type=cli.fraction, default=0.99, help="decay of the averaged weights; 0 for none")
    add("--clip-norm", type=cli.non_negative_float, default=0.0, help="of gradients; 0 for none")
    add("--mixed-precision", type=cli.boolean, default=False, help="float16 where it is safe")
    add("--use-weights", choices=["last", "best"], default="last", help="what inference takes")
    add("--validate-every", type=cli.positive_int, default=100, help="steps")
    add("--validation-tiles", type=cli.positive_int, default=8, help="tiles to validate on")
    add("--checkpoint-every", type=cli.positive_int, default=100, help="steps")
    add("--seed", type=cli.non_negative_int, default=1, help="of weights and batches")
    add("--threads", type=cli.positive_int, default=2, help="of one operation; part of the result")


def main(argv: Sequence[str] | None = None) -> None:
    """Read pairs, train, write the model; then the checkpoints have done their work."""
    args = parser().parse_args(argv)
    check_losses(args)
    check_files(args)

    from contextlib import ExitStack

    from sandstone.models import backend
    from sandstone.training import checkpoints

    with ExitStack() as stack:
        pairs = open_training_pairs(args.pairs, args.crop, stack)
        scale = pairs[0].attrs.scale
        check_edges(args, scale)
        backend.start(seed=args.seed, threads=args.threads)
        trainer = build_trainer(args, scale)
        record = train(args, trainer, pairs)
        model = write_model(args, trainer, record, scale)
        sizes = {each.attrs.sample: each.attrs.hr_voxel_size_um for each in pairs}
        learned = domain_of(pairs)
    acting = argparse.Namespace(**vars(args))
    del acting.checkpoint_every  # no result depends on it, so that another value reruns nothing
    write_record(__file__, acting, voxel_size_um=sizes, outputs=model, domain=learned)
    checkpoints.discard(Path(args.checkpoint_dir))


if __name__ == "__main__":
    sys.exit(cli.run(main))
