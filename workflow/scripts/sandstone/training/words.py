"""Say in words what acted in a training, from the parameters of its record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Parameters = Mapping[str, Any]  # the flags of train.py that name no file, as in {"steps": 500}

# Flags that act with one kind of a term only.
OF_KIND = {"loss_content_layer": ("loss_content_kind", "vgg19")}

# Said elsewhere: in the description of the network, and beside the weights that were read.
ELSEWHERE = ("generator_", "loss_", "vgg19_sha256", "seed")


@dataclass(frozen=True)
class Fact:
    """One thing to say: of which parameters, and how.

    `say` returns the empty text where none of them acted.
    """

    what: str
    of: tuple[str, ...]
    say: Callable[[Parameters], str]


def facts(parameters: Parameters) -> Iterator[tuple[str, str]]:
    """Yield what acted in a training and how, for people.

    Parameters that this module does not know are given by their names, so that none is lost.
    """
    told: set[str] = set()
    yield "losses", losses(parameters)
    for fact in FACTS:
        if not set(fact.of) <= parameters.keys():
            continue
        told.update(fact.of)
        if text := fact.say(parameters):
            yield fact.what, text
    for name, value in parameters.items():
        if name not in told and not name.startswith((*ELSEWHERE, "discriminator_")):
            yield name.replace("_", " "), str(value)


def losses(parameters: Parameters) -> str:
    """Return the terms of the generator's loss that had a weight."""
    weights = {
        name: value
        for name, value in parameters.items()
        if name.startswith("loss_") and isinstance(value, int | float) and value
    }
    return " + ".join(f"{value:g} × {_term(name, parameters)}" for name, value in weights.items())


def is_adversarial(parameters: Parameters) -> bool:
    """Return whether a discriminator taught the generator."""
    return bool(parameters.get("loss_adversarial"))


def option(name: str, value: object) -> str:
    """Return an option of a network in words, as in "filters 32" or "without batch norm"."""
    words = name.replace("_", " ")
    if isinstance(value, bool):
        return f"{'with' if value else 'without'} {words}"
    return f"{words} {value}"


def _term(name: str, parameters: Parameters) -> str:
    """Return the name of a term, with its kind and what else decided it."""
    details = [
        str(value) if key == f"{name}_kind" else option(key.removeprefix(f"{name}_"), value)
        for key, value in parameters.items()
        if key.startswith(f"{name}_") and _acts(key, parameters)
    ]
    words = name.removeprefix("loss_").replace("_", " ")
    return f"{words} ({', '.join(details)})" if details else words


def _acts(key: str, parameters: Parameters) -> bool:
    choice, kind = OF_KIND.get(key, (None, None))
    return choice is None or parameters.get(choice) == kind


def _steps(parameters: Parameters) -> str:
    crop = parameters["crop"]
    turned = ", flipped and turned at random" if parameters["augment"] else ""
    return (
        f"{parameters['steps']}, each of {parameters['batch']} crops of {crop} × {crop} LR "
        f"pixels{turned}"
    )


def _learning_rate(parameters: Parameters) -> str:
    return f"{parameters['learning_rate']:g}, {_schedule(parameters)}"


def _schedule(parameters: Parameters) -> str:
    schedule = parameters["schedule"]
    if schedule == "step":
        return f"times {parameters['decay_rate']:g} after every {parameters['decay_every']} steps"
    return "falling to almost 0 along a cosine" if schedule == "cosine" else str(schedule)


def _discriminator(parameters: Parameters) -> str:
    if not is_adversarial(parameters):
        return ""
    rate = parameters.get("discriminator_learning_rate") or parameters["learning_rate"]
    options = (
        option(name.removeprefix("discriminator_"), value)
        for name, value in parameters.items()
        if name.startswith("discriminator_") and name != "discriminator_learning_rate"
    )
    return f"{', '.join(options)}; learning rate {rate:g}, {_schedule(parameters)}"


def _averaging(parameters: Parameters) -> str:
    decay = parameters["ema"]
    return f"exponential mean over the steps, decay {decay:g}" if decay else ""


def _clipping(parameters: Parameters) -> str:
    norm = parameters["clip_norm"]
    return f"shortened to a norm of {norm:g} where longer" if norm else ""


def _precision(parameters: Parameters) -> str:
    return "float16 where it is safe" if parameters["mixed_precision"] else ""


def _kept(parameters: Parameters) -> str:
    best = parameters["use_weights"] == "best"
    return "those of the best validation PSNR" if best else "those of the last step"


def _validation(parameters: Parameters) -> str:
    return f"every {parameters['validate_every']} steps, on {parameters['validation_tiles']} tiles"


def _threads(parameters: Parameters) -> str:
    return f"{parameters['threads']} for each operation"


RATE = ("learning_rate", "schedule", "decay_every", "decay_rate")
FACTS = (
    Fact("steps", ("steps", "batch", "crop", "augment"), _steps),
    Fact("learning rate", RATE, _learning_rate),
    Fact("discriminator", RATE, _discriminator),
    Fact("averaged weights", ("ema",), _averaging),
    Fact("gradients", ("clip_norm",), _clipping),
    Fact("precision", ("mixed_precision",), _precision),
    Fact("weights in use", ("use_weights",), _kept),
    Fact("validation", ("validate_every", "validation_tiles"), _validation),
    Fact("threads", ("threads",), _threads),
)
