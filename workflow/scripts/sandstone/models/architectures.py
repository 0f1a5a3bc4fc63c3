"""Every network, declared once: a function from its options to the list of its steps.

Plain Python, so that figures and tile halos know a network without loading TensorFlow.
`description` counts and measures the steps; `networks` makes them Keras layers, in this order.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

# Factors by which the upsampling stages enlarge, one after another, by the scale.
STAGES = {2: (2,), 3: (3,), 4: (2, 2), 8: (2, 2, 2)}

PATCH_KERNEL = 4
NOTEBOOK_DENSE_UNITS = 1024

# What SPAN was published with: it subtracts the mean colour of photographs and counts in 8 bits.
PHOTO_MEANS = (0.4488, 0.4371, 0.4040)
PHOTO_GREY_MAX = 255

# Of running averages. Those of short trainings must follow quickly; the notebook's are its own.
NORM_MOMENTUM = {"srresnet": 0.9, "notebook": 0.5}
DISCRIMINATOR_NORM_MOMENTUM = 0.8


@dataclass(frozen=True)
class Step:
    """One step of a network; it takes what the step before it gives."""

    name: str


@dataclass(frozen=True)
class Input(Step):
    """Images of one channel and of any size, or of `size` by `size` pixels."""

    size: int | None = None


@dataclass(frozen=True)
class Conv(Step):
    """A convolution with bias, padded so that only a stride shrinks the image.

    `zero` lets its kernels start at zero. `shuffled_by` is the factor of the pixel shuffle that
    follows, whose kernels start equal for all pixels of a block (ICNR).
    """

    filters: int
    kernel: int
    stride: int = 1
    zero: bool = False
    shuffled_by: int | None = None
    spectral: bool = False


@dataclass(frozen=True)
class Dense(Step):
    """A dense layer with bias."""

    units: int
    spectral: bool = False


@dataclass(frozen=True)
class Centre(Step):
    """One channel becomes several: the image less each of the `means`, times `gain`.

    It is fixed. No bias could stand for it, since a convolution pads its input with zeros.
    """

    means: tuple[float, ...]
    gain: float


@dataclass(frozen=True)
class PRelu(Step):
    """A rectifier with one learnt slope a channel."""


@dataclass(frozen=True)
class Silu(Step):
    """The sigmoid-weighted linear unit: x times its own sigmoid."""


@dataclass(frozen=True)
class LeakyRelu(Step):
    """A rectifier with a small fixed slope; a `feature` is compared by feature matching."""

    feature: bool = False


@dataclass(frozen=True)
class BatchNorm(Step):
    """Batch normalisation; `momentum` is that of its running averages."""

    momentum: float


@dataclass(frozen=True)
class Shuffle(Step):
    """Groups of `factor`² channels become blocks of `factor` by `factor` pixels."""

    factor: int


@dataclass(frozen=True)
class Nearest(Step):
    """Nearest-neighbour upsampling."""

    factor: int


@dataclass(frozen=True)
class Flatten(Step):
    """All pixels and channels in one line."""


@dataclass(frozen=True)
class ResidualBlocks(Step):
    """`count` blocks, each of which adds its own input to what its `steps` give.

    Step s of block n has the name `<name>_<n>_<s>`.
    """

    count: int
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class AttentionBlocks(ResidualBlocks):
    """Residual blocks whose sums are weighted by what the `steps` gave; see `Attend`."""


@dataclass(frozen=True)
class Add(Step):
    """Add the output of an earlier step."""

    other: str


@dataclass(frozen=True)
class Attend(Step):
    """Add an earlier step and weight the sum, (x + other) * (sigmoid(x) - 1/2).

    The attention without parameters of SPAN: strong where the step before it found much.
    """

    other: str


@dataclass(frozen=True)
class Concatenate(Step):
    """The channels of earlier steps side by side, `filters` in all."""

    others: tuple[str, ...]
    filters: int


@dataclass(frozen=True)
class AddBicubic(Step):
    """Add an earlier step, enlarged by bicubic interpolation."""

    other: str
    factor: int


@dataclass(frozen=True)
class AddNoise(Step):
    """Add white noise that follows from an earlier step's levels, `factor` times as fine.

    It is fixed. `strength` is its standard deviation, as a share of the data range.
    """

    other: str
    factor: int
    strength: float


Steps = list[Step]
Options = Mapping[str, Any]


def srresnet(options: Options) -> Steps:
    """Chain residual blocks, then sub-pixel convolutions.

    Ledig et al. (2017), CVPR, "Photo-realistic single image super-resolution using a GAN";
    without batch normalisation as Lim et al. (2017), CVPR workshops, "Enhanced deep residual
    networks for single image SR"; sub-pixel convolutions of Shi et al. (2016), CVPR, "Real-time
    single image and video SR using a sub-pixel CNN".
    """
    filters = options["upsampling_filters"] or options["filters"]
    steps = _trunk(options, kernel=3, momentum=NORM_MOMENTUM["srresnet"])
    if options["upsampling"] == "direct":
        return steps + _sub_pixel_tail(options)
    for number, factor in enumerate(STAGES[options["scale"]], start=1):
        steps += [
            Conv(f"up_{number}_conv", filters * factor**2, 3, shuffled_by=factor),
            Shuffle(f"up_{number}_shuffle", factor),
            PRelu(f"up_{number}_prelu"),
        ]
    return steps + _tail(options, kernel=3)


def span(options: Options) -> Steps:
    """Chain blocks with an attention that has no parameters, then one sub-pixel convolution.

    Wan et al. (2024), CVPR workshops, "Swift parameter-free attention network for efficient
    super-resolution" (arXiv:2311.12770), with its convolutions folded: what the published
    network computes once it is trained. Everything in it is local.
    """
    filters, blocks = options["filters"], options["blocks"]
    block = (
        *(Conv("conv_1", filters, 3), Silu("silu_1"), Conv("conv_2", filters, 3)),
        *(Silu("silu_2"), Conv("conv_3", filters, 3)),
    )
    between = [AttentionBlocks("block", blocks - 2, block)] if blocks > 2 else []
    return [
        *(Input("input"), Centre("centre", PHOTO_MEANS, PHOTO_GREY_MAX)),
        *(Conv("head", filters, 3), AttentionBlocks("first", 1, block), *between),
        *(replace(step, name=f"last_{step.name}") for step in block),
        Attend("last", "block" if between else "first"),
        Conv("body", filters, 3),
        Concatenate("gathered", ("head", "body", "first", "last_silu_1"), 4 * filters),
        Conv("join", filters, 1),
        *_sub_pixel_tail(options),
    ]


def notebook_generator(options: Options) -> Steps:
    """Follow the recipe of the notebook that this project grew out of.

    9x9 convolutions at both ends, and four times as many filters in its nearest-neighbour
    upsampling stages.
    """
    steps = _trunk(options, kernel=9, momentum=NORM_MOMENTUM["notebook"])
    for number, factor in enumerate(STAGES[options["scale"]], start=1):
        steps += [
            Conv(f"up_{number}_conv", 4 * options["filters"], 3),
            Nearest(f"up_{number}_nearest", factor),
            PRelu(f"up_{number}_prelu"),
        ]
    return steps + _tail(options, kernel=9)


def _trunk(options: Options, *, kernel: int, momentum: float) -> Steps:
    """Return what comes before the upsampling: residual blocks within a long skip."""
    filters, batch_norm = options["filters"], options["batch_norm"]

    def norm(name: str) -> Steps:
        return [BatchNorm(name, momentum)] if batch_norm else []

    block = [
        *(Conv("conv_1", filters, 3), *norm("norm_1"), PRelu("prelu")),
        *(Conv("conv_2", filters, 3), *norm("norm_2")),
    ]
    return [
        *(Input("input"), Conv("head", filters, kernel), PRelu("head_prelu")),
        ResidualBlocks("block", options["blocks"], tuple(block)),
        *(Conv("body", filters, 3), *norm("body_norm")),
        Add("long_skip", "head_prelu"),
    ]


def _tail(options: Options, *, kernel: int) -> Steps:
    """Return the last convolution; with a bicubic skip the network starts as bicubic exactly."""
    if not options["bicubic_skip"]:
        return [Conv("tail", 1, kernel)]
    return [Conv("tail", 1, kernel, zero=True), AddBicubic("output", "input", options["scale"])]


def _sub_pixel_tail(options: Options) -> Steps:
    """Return one sub-pixel convolution from LR to the image; see `_tail` on the bicubic skip."""
    scale = options["scale"]
    shuffle = Shuffle("shuffle", scale)
    if not options["bicubic_skip"]:
        return [Conv("tail", scale**2, 3, shuffled_by=scale), shuffle]
    start = Conv("tail", scale**2, 3, zero=True)
    return [start, shuffle, AddBicubic("output", "input", scale)]


def patch(options: Options) -> Steps:
    """Judge every patch of an image of any size.

    Isola et al. (2017), CVPR, "Image-to-image translation with conditional adversarial nets";
    spectral normalisation of Miyato et al. (2018), ICLR, "Spectral normalization for generative
    adversarial networks".
    """
    spectral = options["spectral_norm"]
    steps: Steps = [Input("input")]
    for level, filters in enumerate(level_filters(options), start=1):
        steps += [
            Conv(f"level_{level}", filters, PATCH_KERNEL, stride=2, spectral=spectral),
            LeakyRelu(f"level_{level}_relu", feature=True),
        ]
    return [*steps, Conv("logits", 1, 3, spectral=spectral)]


def notebook_discriminator(options: Options) -> Steps:
    """Follow the notebook: two convolutions a level, then dense layers tied to `hr_size`."""
    spectral = options["spectral_norm"]
    steps: Steps = [Input("input", options["hr_size"])]
    for level, filters in enumerate(level_filters(options), start=1):
        for name, stride in ((f"level_{level}_a", 1), (f"level_{level}_b", 2)):
            steps.append(Conv(name, filters, 3, stride, spectral=spectral))
            if name != "level_1_a":
                steps.append(BatchNorm(f"{name}_norm", DISCRIMINATOR_NORM_MOMENTUM))
            steps.append(LeakyRelu(f"{name}_relu", feature=stride == 2))
    return [
        *steps,
        Flatten("flatten"),
        Dense("dense", NOTEBOOK_DENSE_UNITS, spectral=spectral),
        LeakyRelu("dense_relu"),
        Dense("logits", 1, spectral=spectral),
    ]


def level_filters(options: Options) -> list[int]:
    """Return the filters of each level: doubled from level to level, at most 8 times the first."""
    return [options["filters"] * min(2**level, 8) for level in range(options["layers"])]


Declaration = Callable[[Options], Steps]

GENERATORS: dict[str, Declaration] = {
    "srresnet": srresnet,
    "span": span,
    "notebook": notebook_generator,
}
DISCRIMINATORS: dict[str, Declaration] = {
    "patch": patch,
    "notebook": notebook_discriminator,
}


def generator_steps(options: Options) -> Steps:
    """Return the steps of a generator, with the noise that any architecture may add."""
    steps = GENERATORS[options["architecture"]](options)
    if not options["noise"]:
        return steps
    return [*steps, AddNoise("noise", "input", options["scale"], options["noise"])]


# Options that a generator does not have, and the fewest blocks it can be made of.
LACKS = {
    "span": ("batch_norm", "upsampling", "upsampling_filters"),
    "notebook": ("upsampling", "upsampling_filters"),
}
LEAST_BLOCKS = {"span": 2}
UPSAMPLING = ("stages", "direct")
OF_ONE_SIZE = {"notebook"}  # discriminators that take HR images of `hr_size` pixels only
