"""The terms of a training's losses: pixel, content, adversarial.

Only `keras.ops`. Images are float32 (n, y, x, 1) in [0, 1]; every loss is a scalar mean, so
that its weight means the same for every size of batch and image.
"""

from collections.abc import Callable, Sequence

from keras import KerasTensor as Tensor
from keras import ops

PixelLoss = Callable[[Tensor, Tensor], Tensor]
AdversarialLosses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

CHARBONNIER_EPSILON = 1e-3


def pixel_loss(kind: str) -> PixelLoss:
    """Return the pixel loss `kind`, a function of (hr, sr).

    Parameters
    ----------
    kind : {"l1", "l2", "charbonnier"}
        Mean absolute error; mean squared error; sqrt(d² + 1e-6), a smooth L1 (Charbonnier et
        al. 1994, "Two deterministic half-quadratic regularization algorithms", ICIP).
    """
    return {"l1": _l1, "l2": mean_squared, "charbonnier": _charbonnier}[kind]


def mean_squared(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean squared difference: of images, or of VGG features (Johnson et al. 2016)."""
    return ops.mean(ops.square(first - second))


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Return the mean L1 distance between a discriminator's features of HR and of SR.

    Each level is divided by the mean size of its HR features, so that no level rules the
    others and the discriminator cannot shrink the loss by shrinking its features. The HR
    features are a fixed target.

    References
    ----------
    Wang et al. (2018), High-resolution image synthesis with conditional GANs, CVPR, eq. 4.
    """
    levels = [
        _l1(target, features) / (ops.mean(ops.abs(target)) + 1e-6)
        for target, features in zip(map(ops.stop_gradient, real), fake, strict=True)
    ]
    return ops.mean(ops.stack(levels))


def adversarial_losses(kind: str) -> AdversarialLosses:
    """Return the adversarial losses `kind`, a function of the logits (real, fake).

    It returns the generator's loss and the discriminator's.

    Parameters
    ----------
    kind : {"bce", "relativistic", "hinge"}
        Binary cross-entropy, non-saturating (Goodfellow et al. 2014, NeurIPS); relativistic
        average (Jolicoeur-Martineau 2019, ICLR); hinge (Lim & Ye 2017, arXiv 1705.02894).
    """
    return {"bce": _bce, "relativistic": _relativistic, "hinge": _hinge}[kind]


def _l1(first: Tensor, second: Tensor) -> Tensor:
    return ops.mean(ops.abs(first - second))


def _charbonnier(hr: Tensor, sr: Tensor) -> Tensor:
    return ops.mean(ops.sqrt(ops.square(hr - sr) + CHARBONNIER_EPSILON**2))


# softplus(-x) is the cross-entropy of a logit x that should say "real", and softplus(x) of one
# that should say "fake"; neither overflows.


def _bce(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    discrimination = ops.mean(ops.softplus(-real)) + ops.mean(ops.softplus(fake))
    return ops.mean(ops.softplus(-fake)), discrimination / 2


def _relativistic(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    real_above, fake_above = real - ops.mean(fake), fake - ops.mean(real)
    generation = ops.mean(ops.softplus(-fake_above)) + ops.mean(ops.softplus(real_above))
    discrimination = ops.mean(ops.softplus(-real_above)) + ops.mean(ops.softplus(fake_above))
    return generation / 2, discrimination / 2


def _hinge(real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    discrimination = ops.mean(ops.relu(1 - real)) + ops.mean(ops.relu(1 + fake))
    return -ops.mean(fake), discrimination / 2
