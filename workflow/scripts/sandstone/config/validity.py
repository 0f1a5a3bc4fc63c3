"""Rules that a key of the config and a flag of a script keep alike: one judge, two callers.

The workflow judges its config before any job; a script judges its flags again, since it may be
called by hand. A `name` is what a sentence calls the value: ``config: slices.window``, or
``--window``. Where a rule looks at several settings, `key` tells how the caller calls each one:
"loss.pixel" is models.<name>.loss.pixel in the config and --loss-pixel on the command line; and
`start` begins the sentence.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandstone.choices import LPIPS_EDGE, SCALES, SSIM_EDGE
from sandstone.errors import InputError

Key = Callable[[str], str]

RATIO_TOLERANCE = 0.25  # beyond, resampling the coarse scan would invent or lose detail

# Networks with published weights; a kind of loss of that name needs them.
PUBLISHED = ("lpips_alex", "vgg19")


def check_window(name: str, percentiles: Sequence[float]) -> None:
    """Raise an `InputError` unless these are two percentiles, the low one first."""
    low, high = percentiles
    if not 0 <= low < high <= 100:
        raise InputError(
            f"{name} {low:g} {high:g} is no range of percentiles; give low before high, as in "
            "0.1 99.9"
        )


def check_levels(name: str, levels: Sequence[float]) -> None:
    """Raise an `InputError` unless these are two grey levels, the low one first."""
    low, high = levels
    if not low < high:
        raise InputError(f"{name} {low:g} {high:g} is empty; give the low one first")


def check_multiple(name: str, value: int, scale_name: str, scale: int) -> None:
    """Raise an `InputError` unless `value` HR voxels fill whole LR pixels."""
    below = value // scale * scale
    if below == value:
        return
    nearest = f"{below} or {below + scale}" if below else f"{scale}"
    raise InputError(f"{name} {value} is not a multiple of {scale_name} {scale}; take {nearest}")


def check_ratio(
    name: str, fine_um: Sequence[float], coarse_um: Sequence[float], scale: int, scale_name: str
) -> None:
    """Refuse a coarse scan whose voxels are not about `scale` times as large as the fine scan's.

    Slices may lie closer or farther than that: they are interpolated in depth.

    Parameters
    ----------
    name : str
        What the sentence calls the coarse scan.
    fine_um, coarse_um : sequence of three floats
        Voxel edges along z, y, x, micrometres.
    scale : int
    scale_name : str
        What the caller calls `scale`.

    Raises
    ------
    InputError
    """
    _, *ratios = (coarse / fine for fine, coarse in zip(fine_um, coarse_um, strict=True))
    coarse, fine = (f"{each[1]:g} x {each[2]:g} µm" for each in (coarse_um, fine_um))
    sizes = f"voxels of {coarse} against {fine}"
    if min(ratios) < 1:
        raise InputError(f"{name} is finer than the fine one ({sizes}); exchange path and lr.path")
    if all(abs(ratio / scale - 1) <= RATIO_TOLERANCE for ratio in ratios):
        return
    nearest = min(SCALES, key=lambda each: abs(math.log(ratios[0] * ratios[1] / each**2)))
    advice = f"set {scale_name} to {nearest}" if nearest != scale else "resample one of the scans"
    raise InputError(
        f"{name} has {sizes}, so {ratios[0]:.3g} x {ratios[1]:.3g} and not {scale_name} {scale}; "
        f"{advice}, or correct the voxel sizes"
    )


def check_border(name: str, border: int, hr_size: int, *, lpips: bool = False) -> None:
    """Raise an `InputError` unless SSIM, and LPIPS where it is asked for, have enough of a tile.

    Parameters
    ----------
    name : str
    border : int
        HR voxels cut from each side of a tile.
    hr_size : int
        Edge of a tile, HR voxels.
    lpips : bool
    """
    metric, least = ("LPIPS", LPIPS_EDGE) if lpips else ("SSIM", SSIM_EDGE)
    largest = (hr_size - least) // 2
    if 0 <= border <= largest:
        return
    if largest < 0:
        raise InputError(
            f"{metric} needs tiles of {least} voxels, not {hr_size}; make pairs with a larger "
            f"hr_size{', or drop the weights of LPIPS' if lpips else ''}"
        )
    raise InputError(
        f"{name} {border} does not fit: {metric} needs {least} of a tile's {hr_size} voxels; "
        f"choose one from 0 to {largest}"
    )


def check_losses(
    loss: Mapping[str, Any], published: Mapping[str, object], *, key: Key, start: str = ""
) -> None:
    """Refuse a loss without terms, and a term that lacks what it needs.

    Parameters
    ----------
    loss : mapping
        Weights and kinds of the terms, as in {"pixel": 1.0, "pixel_kind": "l1"}.
    published : mapping
        What is known of the weights of `PUBLISHED`, by name; nothing, or None, where there are
        none.
    key : callable
    start : str

    Raises
    ------
    InputError
    """
    used = [name for name in loss if _is_number(loss[name]) and loss[name]]
    if not used:
        raise InputError(f"{start}no loss has a weight above 0; set {key('loss.pixel')} to 1.0")
    for name in used:
        kind, of_kind = loss.get(f"{name}_kind"), key(f"loss.{name}_kind")
        if kind == "discriminator_features" and not loss["adversarial"]:
            raise InputError(
                f"{start}{of_kind} {kind} needs a discriminator; raise "
                f"{key('loss.adversarial')} above 0, or choose another kind"
            )
        if kind in PUBLISHED and not published.get(kind):
            raise InputError(f"{start}{of_kind} {kind} needs {key(f'weights.{kind}')}; give it")


def check_crop(crop: int, largest: int, *, key: Key, start: str = "") -> None:
    """Refuse crops larger than an LR tile of `largest` pixels.

    Raises
    ------
    InputError
    """
    if crop > largest:
        raise InputError(
            f"{start}{key('crop')} {crop} is larger than an LR tile ({largest} pixels); lower it"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
