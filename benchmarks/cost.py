"""Time the notebook's network against ours, in training and inference, and against the machine.

CPU seconds for each million HR pixels, medians of interleaved rounds of one run: a step of training
as config/notebook.yaml, config.yaml and benchmarks/versa_photo.yaml ask for it, and the network
alone on one tile. Beside them, how many floating-point operations of its convolutions a network
does in a second, and how many a large matrix product of float32 does on the same cores. The
notebook's VGG19 loss is left out, which makes its step cheaper than it was. With --profile, the
convolutions of each network alone, by kind, and what is left for all else.
"""

import argparse
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))

SCALE = 4
NOTEBOOK = (
    "--generator-architecture notebook --generator-blocks 16 --generator-filters 64 "
    "--generator-batch-norm true --generator-bicubic-skip false "
    "--discriminator-architecture notebook --discriminator-filters 64 "
    "--discriminator-spectral-norm false --loss-adversarial 1e-3 --loss-adversarial-kind bce "
    "--batch 1 --crop 64 --schedule constant --ema 0"
)
SPAN = "--generator-architecture span --generator-blocks 6 --generator-filters 28"
RECIPES = {"notebook": NOTEBOOK, "srresnet": "", "span": f"{SPAN} --generator-bicubic-skip false"}
TILE = 128  # LR pixels; the notebook's own tiles have 64
MATRIX = 3000


def settings_of(recipe: str) -> argparse.Namespace:
    """Return the flags of a training."""
    import train

    folders = "--pairs none --model-dir none --checkpoint-dir none --tensorboard-dir none"
    return train.parser().parse_args(f"{folders} --steps 1000 {recipe}".split())


def training_step(recipe: str) -> tuple[Callable[[], object], float]:
    """Return one step of a training, and the HR pixels that it sees."""
    import train

    args = settings_of(recipe)
    trainer = train.build_trainer(args, SCALE)
    rng = np.random.default_rng(0)
    lr, hr = (
        rng.random((args.batch, edge, edge, 1), dtype=np.float32)
        for edge in (args.crop, args.crop * SCALE)
    )
    return lambda: trainer.update(1, lr, hr), hr.size


def call(recipe: str) -> tuple[Callable[[], object], float]:
    """Return one call of a network on one tile, and the HR pixels that it makes."""
    import train
    from sandstone.models import inference, networks

    options = train.settings_of(settings_of(recipe), "generator")
    model = networks.build_generator(**options, scale=SCALE)
    lr = np.random.default_rng(0).random((1, TILE, TILE, 1), dtype=np.float32)
    return lambda: inference.predict(model, lr), (TILE * SCALE) ** 2


def cpu_seconds(work: Callable[[], object]) -> float:
    """Return the CPU seconds of all threads that a piece of work takes."""
    start = time.process_time()
    work()
    return time.process_time() - start


def medians(works: dict[str, tuple[Callable[[], object], float]], rounds: int) -> dict[str, float]:
    """Return CPU seconds for a million pixels of each work, one after the other in each round."""
    for work, _ in works.values():
        work()  # compiles
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (work, pixels) in works.items():
            found[name].append(cpu_seconds(work) / pixels * 1e6)
    return {name: statistics.median(values) for name, values in found.items()}


def operations(recipe: str) -> float:
    """Return the floating-point operations of a network's convolutions for one HR pixel."""
    import train
    from sandstone.models import description

    options: dict[str, Any] = train.settings_of(settings_of(recipe), "generator")
    total = 0.0
    for row in description.rows({**options, "scale": SCALE}):
        for inner in row.inside or (row,):
            if inner.kind == "conv":
                total += row.repeat * inner.parameters * row.output_scale**2
    return 2 * total / SCALE**2


def matrix_product() -> float:
    """Return floating-point operations a CPU second of a large matrix product of float32."""
    import tensorflow as tf

    first, second = (tf.random.stateless_normal((MATRIX, MATRIX), (i, 0)) for i in range(2))

    def product() -> None:
        float(tf.reduce_sum(tf.linalg.matmul(first, second)))

    product()
    return 2 * MATRIX**3 / statistics.median(cpu_seconds(product) for _ in range(5))


def alone(layer: Any, values: Any) -> Callable[[], object]:
    """Return a call of one layer alone, on what it is given within the network."""
    import tensorflow as tf

    # TensorFlow may drop a result that nobody looks at.
    return tf.function(lambda: tf.reduce_sum(layer(values)))


def print_profile(name: str, recipe: str, rounds: int, peak: float) -> None:
    """Print the time that convolutions take alone, those of one shape together, and the rest."""
    import keras

    import train
    from sandstone.models import inference, networks

    options = train.settings_of(settings_of(recipe), "generator")
    model = networks.build_generator(**options, scale=SCALE)
    lr = np.random.default_rng(0).random((1, TILE, TILE, 1), dtype=np.float32)
    layers = [each for each in model.layers if isinstance(each, keras.layers.Conv2D)]
    inputs = keras.Model(model.input, [layer.input for layer in layers])(lr)
    works: dict[str, tuple[Callable[[], object], float]] = {
        "all": (lambda: inference.predict(model, lr), 1e6)
    }
    operations_of: dict[str, list[float]] = {}
    for layer, values in zip(layers, inputs, strict=True):
        _, rows, columns, channels = values.shape
        height, width, _, filters = layer.kernel.shape
        kind = f"{height} x {width}, {channels} to {filters} channels, {rows} x {columns} pixels"
        count = 2 * rows * columns * math.prod(layer.kernel.shape)
        operations_of.setdefault(kind, []).append(count)
        works.setdefault(kind, (alone(layer, values), 1e6))
    seconds = medians(works, rounds)
    print(f"\n{name}, one tile of {TILE} x {TILE} LR pixels: {1e3 * seconds['all']:.1f} CPU ms")
    rest = seconds["all"]
    for kind, counts in operations_of.items():
        share = len(counts) * seconds[kind]
        rest -= share
        rate = counts[0] / seconds[kind] / peak
        print(f"{len(counts):4} of {kind:<46}{1e3 * share:8.1f} ms at {rate:.0%}")
    print(f"     {'all else: activations, attention, skips, copies':<49}{1e3 * rest:8.1f} ms")


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--profile", action="store_true", help="convolution by convolution")
    args = parser.parse_args()

    from sandstone.models import backend

    backend.start(seed=1, threads=args.threads)
    peak = matrix_product()
    training = medians({name: training_step(each) for name, each in RECIPES.items()}, args.rounds)
    inference = medians({name: call(each) for name, each in RECIPES.items()}, args.rounds)
    print("CPU seconds for a million HR pixels, and how much cheaper than the notebook's network")
    print(f"{'network':<12}{'training':>10}{'':>9}{'inference':>12}{'':>9}  of the matrix product")
    for name, recipe in RECIPES.items():
        rate = operations(recipe) * 1e6 / inference[name]
        print(
            f"{name:<12}{training[name]:10.3f}{training['notebook'] / training[name]:8.1f}x"
            f"{inference[name]:12.3f}{inference['notebook'] / inference[name]:8.1f}x"
            f"  {rate / peak:.0%}, {rate / 1e9:.1f} GFLOP a CPU second"
        )
    print(f"matrix product {MATRIX} x {MATRIX}: {peak / 1e9:.1f} GFLOP a CPU second")
    if args.profile:
        for name, recipe in RECIPES.items():
            print_profile(name, recipe, args.rounds, peak)
    print(f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} threads")


if __name__ == "__main__":
    main()
