"""The terms of the generator's loss, and what the discriminator learns by.

`TERMS` lists the terms. Flags of train.py, columns of the history, lines of progress, curves of
the figure and the loss itself follow from it, in its order.

Only `keras.ops`, which each function imports, so that the command line lists the terms without
TensorFlow. Images are float32 (n, y, x, 1) in [0, 1]; every loss is a scalar mean, so that its
weight means the same for every size of batch and image.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from keras import KerasTensor as Tensor

    PixelLoss = Callable[[Tensor, Tensor], Tensor]
    AdversarialLosses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

CHARBONNIER_EPSILON = 1e-3
DETAIL_EPSILON = 1e-8  # power of images without any detail
LEAST_EDGE = 32  # HR pixels that AlexNet and VGG19 can shrink down to their last level


@dataclass(frozen=True)
class Seen:
    """What terms compare: HR and SR images, and what the discriminator, if any, makes of both."""

    hr: "Tensor"
    sr: "Tensor"
    real: "Tensor | None" = None
    fake: "Tensor | None" = None
    real_features: Sequence["Tensor"] = ()
    fake_features: Sequence["Tensor"] = ()


Loss = Callable[[Seen], "Tensor"]
Settings = Mapping[str, Any]  # the flags of train.py, as in {"loss_pixel": 1.0}


@dataclass(frozen=True)
class Kind:
    """One way to compute a term: a function from all settings to the loss.

    `least_edge` is how many pixels an HR crop must have along each edge.
    """

    make: Callable[[Settings], Loss]
    least_edge: int = 1


@dataclass(frozen=True)
class Term:
    """One term of the generator's loss.

    Attributes
    ----------
    kinds : mapping of str to Kind
        Choices of the flag `--loss-<name>-kind`, which a term of one kind does not have. The
        first is the default, unless `default` names another.
    weight : float
        Default of the flag `--loss-<name>`.
    always : bool
        Whether it is measured at a weight of 0 too.
    texts : mapping of str to (str, str)
        Further flags `--loss-<name>-<key>`: their default and what they mean.
    """

    kinds: Mapping[str, Kind]
    weight: float = 0.0
    default: str | None = None
    always: bool = False
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The default kind."""
        return self.default or next(iter(self.kinds))


@dataclass(frozen=True)
class Weighted:
    """A term that a training uses, with its weight."""

    name: str
    weight: float
    loss: Loss


@dataclass(frozen=True)
class Objective:
    """The generator's loss: a weighted sum of terms.

    `adversarial_kind` is None where there is no discriminator.
    """

    terms: Sequence[Weighted]
    adversarial_kind: str | None = None

    def measure(self, seen: Seen) -> "dict[str, Tensor]":
        """Return the sum and its terms without their weights, named as in the history."""
        from keras import ops

        images = shared(seen.sr, len(self.terms))
        values = {
            column(term.name): term.loss(replace(seen, sr=sr))
            for term, sr in zip(self.terms, images, strict=True)
        }
        weights = [term.weight for term in self.terms]
        weighted = list(map(operator.mul, weights, values.values()))
        return {"loss": ops.sum(ops.stack(weighted)), **values}


def shared(x: "Tensor", count: int) -> "Sequence[Tensor]":
    """Return a tensor as many times, whose gradients are added in this order.

    TensorFlow adds three and more by taking first whichever memory is free first, so that the last
    bit may differ from run to run. A sum over a stack has an order.
    """
    from keras import ops

    @ops.custom_gradient
    def copies(x: "Tensor") -> Any:
        def gradient(*upstream: "Tensor") -> "Tensor":
            return ops.sum(ops.stack(upstream), axis=0)

        return [x] * count, gradient

    return [x] if count == 1 else copies(x)


def column(term: str) -> str:
    """Return the name of a term in the history, which is that of its weight among the flags."""
    return f"loss_{term}"


def kind_of(term: str, settings: Settings) -> Kind:
    """Return the kind of a term that the settings choose."""
    return TERMS[term].kinds[settings.get(f"{column(term)}_kind", TERMS[term].kind)]


def objective(settings: Settings) -> Objective:
    """Return the generator's loss that the flags of train.py ask for."""
    used = [
        Weighted(name, settings[column(name)], kind_of(name, settings).make(settings))
        for name, term in TERMS.items()
        if settings[column(name)] or term.always
    ]
    adversarial = settings["loss_adversarial_kind"] if settings["loss_adversarial"] else None
    return Objective(used, adversarial)


# --- pixel ---


def pixel_loss(kind: str) -> "PixelLoss":
    """Return the pixel loss `kind`, a function of (hr, sr).

    Parameters
    ----------
    kind : {"l1", "l2", "charbonnier"}
        Mean absolute error; mean squared error; sqrt(d² + 1e-6), a smooth L1 (Charbonnier et
        al. 1994, "Two deterministic half-quadratic regularization algorithms", ICIP).
    """
    return _PIXEL[kind]


def mean_squared(first: "Tensor", second: "Tensor") -> "Tensor":
    """Return the mean squared difference: of images, or of VGG features (Johnson et al. 2016)."""
    from keras import ops

    return ops.mean(ops.square(first - second))


def _l1(first: "Tensor", second: "Tensor") -> "Tensor":
    from keras import ops

    return ops.mean(ops.abs(first - second))


def _charbonnier(hr: "Tensor", sr: "Tensor") -> "Tensor":
    from keras import ops

    return ops.mean(ops.sqrt(ops.square(hr - sr) + CHARBONNIER_EPSILON**2))


_PIXEL: "dict[str, PixelLoss]" = {"l1": _l1, "l2": mean_squared, "charbonnier": _charbonnier}


def _pixel_kind(compare: "PixelLoss") -> Kind:
    return Kind(lambda _: lambda seen: compare(seen.hr, seen.sr))


# --- content ---


def feature_matching(real: "Sequence[Tensor]", fake: "Sequence[Tensor]") -> "Tensor":
    """Return the mean L1 distance between a discriminator's features of HR and of SR.

    Each level is divided by the mean size of its HR features, so that no level rules the
    others and the discriminator cannot shrink the loss by shrinking its features. The HR
    features are a fixed target.

    References
    ----------
    Wang et al. (2018), High-resolution image synthesis with conditional GANs, CVPR, eq. 4.
    """
    from keras import ops

    levels = [
        _l1(target, features) / (ops.mean(ops.abs(target)) + 1e-6)
        for target, features in zip(map(ops.stop_gradient, real), fake, strict=True)
    ]
    return ops.mean(ops.stack(levels))


def _discriminator_features(_: Settings) -> Loss:
    return lambda seen: feature_matching(seen.real_features, seen.fake_features)


def _vgg19(settings: Settings) -> Loss:
    from sandstone.models.vgg19 import Vgg19Features

    features = Vgg19Features(
        settings["vgg19_weights"],
        layer=settings["loss_content_layer"],
        sha256=settings["vgg19_sha256"],
    )
    return lambda seen: mean_squared(features(seen.hr), features(seen.sr))


def _lpips_alex(settings: Settings) -> Loss:
    from keras import ops

    from sandstone.models.lpips import LpipsAlex

    lpips = LpipsAlex(settings["lpips_weights"])
    return lambda seen: ops.mean(lpips.distance(seen.hr, seen.sr))


# --- detail ---


def detail_power(images: "Tensor", scale: int) -> "Tensor":
    """Return the power beyond the Nyquist frequency of LR, over all images of a batch.

    As in the metric of that name, the mean of each image is removed and a Hann window fades its
    edges; unlike there, the corners beyond the Nyquist frequency of HR count.
    """
    import numpy as np
    from keras import ops

    height, width = images.shape[1:3]
    fade = np.outer(np.hanning(height), np.hanning(width)).astype(np.float32)
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.fftfreq(width))
    beyond = (frequency > 0.5 / scale).astype(np.float32)
    pixels = images[..., 0] - ops.mean(images[..., 0], axis=(1, 2), keepdims=True)
    real, imaginary = ops.fft2((pixels * fade, ops.zeros_like(pixels)))
    return ops.mean(beyond * (ops.square(real) + ops.square(imaginary)))


def _detail(settings: Settings) -> Loss:
    """Return the squared logarithm of SR's power of detail over HR's.

    A network that guesses the mean of all that LR may have come from shows too little of it. Only
    the sum counts, so texture in the right place is raised before noise is invented, which the
    pixel loss forbids.
    """
    from keras import ops

    def loss(seen: Seen) -> "Tensor":
        powers = [detail_power(images, settings["scale"]) for images in (seen.sr, seen.hr)]
        sr, hr = (ops.log(power + DETAIL_EPSILON) for power in powers)
        return ops.square(sr - hr)

    return loss


# --- adversarial ---


def adversarial_losses(kind: str) -> "AdversarialLosses":
    """Return the adversarial losses `kind`, a function of the logits (real, fake).

    It returns the generator's loss and the discriminator's.

    Parameters
    ----------
    kind : {"bce", "relativistic", "hinge"}
        Binary cross-entropy, non-saturating (Goodfellow et al. 2014, NeurIPS); relativistic
        average (Jolicoeur-Martineau 2019, ICLR); hinge (Lim & Ye 2017, arXiv 1705.02894).
    """
    return _ADVERSARIAL[kind]


# softplus(-x) is the cross-entropy of a logit x that should say "real", and softplus(x) of one
# that should say "fake"; neither overflows.


def _bce(real: "Tensor", fake: "Tensor") -> "tuple[Tensor, Tensor]":
    from keras import ops

    discrimination = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    return ops.mean(ops.softplus(-fake)), discrimination / 2


def _relativistic(real: "Tensor", fake: "Tensor") -> "tuple[Tensor, Tensor]":
    from keras import ops

    real_above, fake_above = real - ops.mean(fake), fake - ops.mean(real)
    generation = ops.mean(ops.softplus(-fake_above)) + ops.mean(ops.softplus(real_above))
    discrimination = ops.mean(ops.softplus(-real_above)) + ops.mean(ops.softplus(fake_above))
    return generation / 2, discrimination / 2


def _hinge(real: "Tensor", fake: "Tensor") -> "tuple[Tensor, Tensor]":
    from keras import ops

    discrimination = ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
    return -ops.mean(fake), discrimination / 2


_ADVERSARIAL: "dict[str, AdversarialLosses]" = {
    "bce": _bce,
    "relativistic": _relativistic,
    "hinge": _hinge,
}


def _adversarial_kind(both: "AdversarialLosses") -> Kind:
    return Kind(lambda _: lambda seen: both(seen.real, seen.fake)[0])


# --- the list ---

TERMS = {
    "pixel": Term(
        kinds={name: _pixel_kind(compare) for name, compare in _PIXEL.items()},
        weight=1.0,
        always=True,
    ),
    "content": Term(
        kinds={
            "discriminator_features": Kind(_discriminator_features),
            "vgg19": Kind(_vgg19, least_edge=LEAST_EDGE),
            "lpips_alex": Kind(_lpips_alex, least_edge=LEAST_EDGE),
        },
        texts={"layer": ("block3_conv4", "layer of VGG19")},
    ),
    "detail": Term(kinds={"power": Kind(_detail)}),
    "adversarial": Term(
        kinds={name: _adversarial_kind(both) for name, both in _ADVERSARIAL.items()},
        default="relativistic",
    ),
}
