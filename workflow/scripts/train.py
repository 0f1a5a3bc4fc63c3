"""Train one super-resolution model on tile pairs, continuing from its newest checkpoint."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, code_of, write_record

if TYPE_CHECKING:
    from contextlib import ExitStack

    from sandstone.dataset.pairs import Pairs
    from sandstone.training.loop import Record, Store
    from sandstone.training.trainer import ContentLoss, Trainer

WEIGHTS = ("init_weights", "vgg19_weights", "lpips_weights")
FOLDERS = ("model_dir", "checkpoint_dir", "tensorboard_dir")
LEAST_CONTENT_EDGE = 32  # HR pixels that AlexNet and VGG19 can shrink down to their last level

# What a training does not depend on: places, how often it looks up, which of its weights count.
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
    if crop > files[0].lr_size:
        raise InputError(
            f"--crop {crop} is larger than the LR tiles ({files[0].lr_size} pixels) of "
            f"{paths[0]}; lower it"
        )
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
    if not (args.loss_pixel or args.loss_content or args.loss_adversarial):
        raise InputError("no loss has a weight above 0; set --loss-pixel 1.0")
    if not args.loss_content:
        return
    if args.loss_content_kind == "discriminator_features" and not args.loss_adversarial:
        raise InputError(
            "--loss-content-kind discriminator_features needs a discriminator; raise "
            "--loss-adversarial above 0, or choose another kind"
        )
    needed = {"vgg19": args.vgg19_weights, "lpips_alex": args.lpips_weights}
    if needed.get(args.loss_content_kind, "none needed") is None:
        flag = f"--{args.loss_content_kind.removesuffix('_alex')}-weights"
        raise InputError(f"--loss-content-kind {args.loss_content_kind} needs {flag}; give it")


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


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def check_content(args: argparse.Namespace, scale: int) -> None:
    """Raise an `InputError` where crops are too small for the network of the content loss."""
    edge, kind = args.crop * scale, args.loss_content_kind
    outside = args.loss_content and kind != "discriminator_features"
    if outside and edge < LEAST_CONTENT_EDGE:
        raise InputError(
            f"--crop {args.crop} makes HR crops of {edge} pixels but --loss-content-kind {kind} "
            f"needs {LEAST_CONTENT_EDGE}; set --crop {-(-LEAST_CONTENT_EDGE // scale)}"
        )


def content_loss(args: argparse.Namespace) -> "ContentLoss | None":
    """Return the content loss that the flags ask for, None where its weight is 0."""
    if not args.loss_content:
        return None
    from sandstone.models import perceptual
    from sandstone.training import losses

    if args.loss_content_kind == "vgg19":
        features = perceptual.Vgg19Features(
            args.vgg19_weights, layer=args.loss_content_layer, sha256=args.vgg19_sha256
        )
        return lambda hr, sr, _real, _fake: losses.mean_squared(features(hr), features(sr))
    if args.loss_content_kind == "lpips_alex":
        from keras import ops

        lpips = perceptual.LpipsAlex(args.lpips_weights)
        return lambda hr, sr, _real, _fake: ops.mean(lpips.distance(hr, sr))
    return lambda _hr, _sr, real, fake: losses.feature_matching(real, fake)


def build_trainer(args: argparse.Namespace, scale: int) -> "Trainer":
    """Build networks and optimisers from the flags."""
    from sandstone.training.trainer import Objective, Optimisation, Trainer

    objective = Objective(
        pixel=args.loss_pixel,
        pixel_kind=args.loss_pixel_kind,
        content=args.loss_content,
        content_loss=content_loss(args),
        adversarial=args.loss_adversarial,
        adversarial_kind=args.loss_adversarial_kind,
    )
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
        objective=objective,
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

    store = _store(args)
    record = loop.resume(trainer, store)
    board = Board(Path(args.tensorboard_dir), resumed=record.step > 0)
    lines = ProgressLines(done=record.step, steps=args.steps)
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
            store=store,
            observers=[board.show, lines.show],
        )
    finally:
        board.close()
    return record


def _store(args: argparse.Namespace) -> "Store":
    from sandstone.training.loop import Store

    return Store(folder=Path(args.checkpoint_dir), fingerprint=fingerprint(args))


def write_model(
    args: argparse.Namespace, trainer: "Trainer", record: "Record", scale: int
) -> list[Path]:
    """Write architecture, history, and the last and the best weights; return the files."""
    from sandstone.files import write_text
    from sandstone.models import architecture, networks
    from sandstone.training import history

    folder = Path(args.model_dir)
    networks_json = [folder / f"{network}.json" for network in ("generator", "discriminator")]
    generator = architecture.generator_config(**settings_of(args, "generator"), scale=scale)
    networks.save_network_json(networks_json[0], generator)
    discriminator = {}
    if trainer.discriminator:
        discriminator = architecture.discriminator_config(
            **settings_of(args, "discriminator"), hr_size=args.crop * scale
        )
    networks.save_network_json(networks_json[1], discriminator)
    curves = folder / "history.csv"
    write_text(curves, history.to_csv(record.rows))
    weights = {"last": trainer.averaged.get_weights(), "best": record.best_weights}
    names = {"_last": "last", "_best": "best", "": args.use_weights}
    written = {folder / f"generator{suffix}.weights.h5": names[suffix] for suffix in names}
    for file, which in written.items():
        trainer.averaged.set_weights(weights[which])
        networks.save_weights(trainer.averaged, file)
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
    add("--vgg19-sha256", help="its SHA-256; Keras's published MD5 when silent")
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
    add("--generator-architecture", choices=["srresnet", "notebook"], default="srresnet")
    add("--generator-blocks", type=cli.positive_int, default=8, help="residual blocks")
    add("--generator-filters", type=cli.positive_int, default=32, help="of a convolution")
    add("--generator-batch-norm", type=cli.boolean, default=False, help="true or false")
    add("--generator-bicubic-skip", type=cli.boolean, default=True, help="true or false")
    add("--discriminator-architecture", choices=["patch", "notebook"], default="patch")
    add("--discriminator-filters", type=cli.positive_int, default=32, help="of the first level")
    add("--discriminator-spectral-norm", type=cli.boolean, default=True, help="true or false")


def _add_losses(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("losses").add_argument
    contents = ["discriminator_features", "vgg19", "lpips_alex"]
    add("--loss-pixel", type=cli.non_negative_float, default=1.0, help="weight")
    add("--loss-pixel-kind", choices=["l1", "l2", "charbonnier"], default="l1")
    add("--loss-content", type=cli.non_negative_float, default=0.0, help="weight")
    add("--loss-content-kind", choices=contents, default=contents[0])
    add("--loss-content-layer", default="block3_conv4", help="layer of VGG19")
    add("--loss-adversarial", type=cli.non_negative_float, default=0.0, help="weight")
    add(
        "--loss-adversarial-kind",
        choices=["bce", "relativistic", "hinge"],
        default="relativistic",
    )


def _add_optimisation(arguments: argparse.ArgumentParser) -> None:
    add = arguments.add_argument_group("optimisation").add_argument
    add("--steps", type=cli.positive_int, required=True, help="optimiser steps")
    add("--batch", type=cli.positive_int, default=16, help="crops a step")
    add("--crop", type=cli.positive_int, default=24, help="edge of a crop, LR pixels")
    add("--augment", type=cli.boolean, default=True, help="flips and quarter turns")
    add("--learning-rate", type=cli.positive_float, default=1e-3, help="of the generator")
    add("--discriminator-learning-rate", type=cli.positive_float, help="the generator's if silent")
    add("--schedule", choices=["constant", "cosine", "step"], default="cosine")
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
        check_content(args, scale)
        backend.start(seed=args.seed, threads=args.threads)
        trainer = build_trainer(args, scale)
        record = train(args, trainer, pairs)
        model = write_model(args, trainer, record, scale)
        sizes = {each.attrs.sample: each.attrs.hr_voxel_size_um for each in pairs}
    acting = argparse.Namespace(**vars(args))
    del acting.checkpoint_every  # no result depends on it, so that another value reruns nothing
    write_record(__file__, acting, voxel_size_um=sizes, outputs=model)
    checkpoints.discard(Path(args.checkpoint_dir))


if __name__ == "__main__":
    sys.exit(cli.run(main))
