"""Rules of a model's settings that no schema can say, for the config and the command line alike.

`key` tells how the caller calls a setting: "loss.pixel" is models.<name>.loss.pixel in the
config and --loss-pixel on the command line. `start` begins the sentence.
"""

from collections.abc import Callable, Mapping
from typing import Any

from sandstone.errors import InputError

Key = Callable[[str], str]

# Networks with published weights; a kind of loss of that name needs them.
PUBLISHED = ("lpips_alex", "vgg19")


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
