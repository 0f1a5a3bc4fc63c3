"""Generators and discriminators, their JSON and their weights.

Only `keras` layers and `keras.ops`, so that weights load under any Keras backend. Random
initial weights come from Keras's global seed: call `keras.utils.set_random_seed` first.
"""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
from keras import layers

from sandstone.errors import InputError, shortened
from sandstone.files import atomic_path, read_json, write_json
from sandstone.hdf5 import check_storage, refuse_links
from sandstone.models.architecture import (
    NOTEBOOK_DENSE_UNITS,
    PATCH_KERNEL,
    STAGES,
    discriminator_config,
    discriminator_widths,
    generator_config,
    generator_files,
)
from sandstone.models.layers import BicubicUpsampling, PixelShuffle, SubPixelInitializer

# Running averages of short trainings must follow quickly; the notebook's are its own.
NORM_MOMENTUM = {"srresnet": 0.9, "notebook": 0.5}
DISCRIMINATOR_NORM_MOMENTUM = 0.8
LEAK = 0.2

# Keras chooses the format of a file by its name.
WEIGHTS_SUFFIX = ".weights.h5"
ROOM_FOR_NAMES = 2**20  # bytes; what HDF5 adds to a few hundred arrays

Tensor = keras.KerasTensor


def build_generator(**options: Any) -> keras.Model:
    """Build a generator that enlarges one-channel images of any size.

    `srresnet` is the residual network of Ledig et al. (2017) without batch normalisation
    (Lim et al. 2017) and with sub-pixel convolutions (Shi et al. 2016); `notebook` is the old
    recipe: 9x9 convolutions at both ends, wide nearest-neighbour upsampling stages. With
    `bicubic_skip` the network adds what bicubic lacks, and starts as bicubic exactly, since
    its last convolution starts at zero.

    Parameters
    ----------
    **options
        Those of `architecture.generator_config`, with the same defaults.

    Returns
    -------
    keras.Model
        float32 (n, y, x, 1) in [0, 1] to float32 (n, scale · y, scale · x, 1). The output is
        not clipped, since clipped pixels would have no gradient; `predict` clips.

    Raises
    ------
    InputError
        If an option has a value that no generator can have.

    References
    ----------
    Ledig et al. (2017), CVPR, "Photo-realistic single image super-resolution using a GAN".
    Lim et al. (2017), CVPR workshops, "Enhanced deep residual networks for single image SR".
    Shi et al. (2016), CVPR, "Real-time single image and video SR using a sub-pixel CNN".
    """
    config = generator_config(**options)
    old = config["architecture"] == "notebook"
    kernel = 9 if old else 3
    upsample = _nearest_stage if old else _subpixel_stage
    filters, scale = config["filters"], config["scale"]

    lr = keras.Input((None, None, 1), name="input")
    head = _prelu("head_prelu")(_conv("head", filters, kernel)(lr))
    x = _residual_body(head, config)
    for number, factor in enumerate(STAGES[scale], start=1):
        x = upsample(x, f"up_{number}", filters, factor)
    if not config["bicubic_skip"]:
        return keras.Model(lr, _conv("tail", 1, kernel)(x), name="generator")
    detail = _conv("tail", 1, kernel, kernel_initializer="zeros")(x)
    # Full precision here, also in mixed precision: float16 cannot hold 16-bit grey levels.
    bicubic = BicubicUpsampling(scale, name="bicubic", dtype="float32")(lr)
    output = layers.Add(name="output", dtype="float32")([detail, bicubic])
    return keras.Model(lr, output, name="generator")


def build_discriminator(**options: Any) -> keras.Model:
    """Build a discriminator that tells HR tiles from super-resolved ones.

    `patch` is fully convolutional and judges every patch of an image of any size (Isola et
    al. 2017); spectral normalisation keeps it Lipschitz (Miyato et al. 2018). `notebook` is
    the old dense one, bound to images of `hr_size` pixels.

    Parameters
    ----------
    **options
        Those of `architecture.discriminator_config`, with the same defaults.

    Returns
    -------
    keras.Model
        float32 (n, y, x, 1) to the list [logits, feature 1, feature 2, ...]. Logits are
        (n, y', x', 1) for `patch` and (n, 1) for `notebook`, without a sigmoid; features are
        the activations of every level, for feature matching. Spectral normalisation takes
        one power iteration a call with `training=True` and none otherwise.

    Raises
    ------
    InputError
        If an option has a value that no discriminator can have.

    References
    ----------
    Isola et al. (2017), CVPR, "Image-to-image translation with conditional adversarial nets".
    Miyato et al. (2018), ICLR, "Spectral normalization for generative adversarial networks".
    """
    config = discriminator_config(**options)
    if config["architecture"] == "notebook":
        return _notebook_discriminator(config)
    return _patch_discriminator(config)


def save_network_json(path: str | Path, config: Mapping[str, Any]) -> None:
    """Write the options that `build_generator` or `build_discriminator` rebuilds a network from.

    The empty mapping stands for "no discriminator".
    """
    write_json(path, dict(config))


def load_generator(model_dir: str | Path) -> keras.Model:
    """Rebuild the generator of a model folder: `generator.json` and `generator.weights.h5`.

    Raises
    ------
    InputError
        If either file is missing, damaged, or of another network.
    """
    description, weights = generator_files(model_dir)
    options = read_json(description, remedy="delete it and train again")
    try:
        model = build_generator(**options)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{description} does not describe a generator ({error}): delete it and train again"
        ) from error
    load_weights(model, weights)
    return model


def save_weights(model: keras.Model, path: str | Path) -> None:
    """Write the weights of `model` to `path`, whole or not at all.

    Keras writes into a temporary folder first, since a full disk would crash the HDF5 library;
    from there the finished file is copied.

    Raises
    ------
    InputError
        If the disk of `path`, or that of temporary files, is full.
    """
    with tempfile.TemporaryDirectory() as folder:
        _check_room(Path(folder), model)
        made = Path(folder) / f"made{WEIGHTS_SUFFIX}"
        model.save_weights(made)
        with atomic_path(path) as temporary:
            shutil.copyfile(made, temporary)


def _check_room(folder: Path, model: keras.Model) -> None:
    """Refuse to write weights into a temporary folder that cannot take them."""
    needed = 2 * sum(weight.nbytes for weight in model.get_weights()) + ROOM_FOR_NAMES
    if shutil.disk_usage(folder).free < needed:
        raise InputError(
            f"{folder.parent}: temporary files need {needed / 1e6:.0f} MB there; free some, or "
            "name another folder in the environment variable TMPDIR"
        )


def load_weights(model: keras.Model, path: str | Path) -> None:
    """Load weights after checking that every one has its place and its shape.

    Parameters
    ----------
    model : keras.Model
        Left as it was when the file does not fit.
    path : str or Path
        A file that `save_weights` of the same network wrote, `*.weights.h5`.

    Raises
    ------
    InputError
        If the file is missing, misnamed, damaged, or holds the weights of another network.
    """
    path = Path(path)
    if not path.name.endswith(WEIGHTS_SUFFIX):
        raise InputError(f"{path} must be named *{WEIGHTS_SUFFIX}, as Keras knows it: rename it")
    found = _weight_shapes(path)
    with tempfile.TemporaryDirectory() as folder:
        _check_room(Path(folder), model)
        own = Path(folder) / f"own{WEIGHTS_SUFFIX}"
        model.save_weights(own)
        expected = _weight_shapes(own)
    for name in sorted(expected | found):
        if expected.get(name) != found.get(name):
            raise InputError(
                f"{path} holds the weights of another network: {name} is "
                f"{found.get(name, 'absent')} in the file and {expected.get(name, 'absent')} in "
                f"the {model.name}; use the options it was trained with"
            )
    try:
        model.load_weights(path)
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} cannot be read ({shortened(error)}): train it again") from error


def predict(model: keras.Model, lr: np.ndarray) -> np.ndarray:
    """Super-resolve one batch, without training behaviour, clipped to [0, 1].

    Parameters
    ----------
    model : keras.Model
        A generator. Its graph is compiled once for every new shape of `lr`.
    lr : ndarray of float32, shape (n, y, x, 1)
        Grey levels in [0, 1].

    Returns
    -------
    ndarray of float32, shape (n, scale · y, scale · x, 1)
    """
    # XLA would compile anew for every shape and round differently from training.
    model.jit_compile = False
    return np.clip(model.predict_on_batch(lr), 0.0, 1.0)


def _residual_body(head: Tensor, config: dict[str, Any]) -> Tensor:
    """Chain the residual blocks and add the long skip from the head."""
    filters, blocks, batch_norm = config["filters"], config["blocks"], config["batch_norm"]
    momentum = NORM_MOMENTUM[config["architecture"]] if batch_norm else None
    x = head
    for number in range(1, blocks + 1):
        x = _residual_block(x, f"block_{number}", filters, momentum)
    x = _conv("body", filters, 3)(x)
    x = _normalise(x, "body_norm", momentum)
    return layers.Add(name="long_skip")([head, x])


def _residual_block(x: Tensor, name: str, filters: int, momentum: float | None) -> Tensor:
    residual = _conv(f"{name}_conv_1", filters, 3)(x)
    residual = _normalise(residual, f"{name}_norm_1", momentum)
    residual = _prelu(f"{name}_prelu")(residual)
    residual = _conv(f"{name}_conv_2", filters, 3)(residual)
    residual = _normalise(residual, f"{name}_norm_2", momentum)
    return layers.Add(name=f"{name}_add")([x, residual])


def _subpixel_stage(x: Tensor, name: str, filters: int, factor: int) -> Tensor:
    initial = SubPixelInitializer(factor)
    x = _conv(f"{name}_conv", filters * factor**2, 3, kernel_initializer=initial)(x)
    x = PixelShuffle(factor, name=f"{name}_shuffle")(x)
    return _prelu(f"{name}_prelu")(x)


def _nearest_stage(x: Tensor, name: str, filters: int, factor: int) -> Tensor:
    x = _conv(f"{name}_conv", 4 * filters, 3)(x)
    x = layers.UpSampling2D(factor, interpolation="nearest", name=f"{name}_nearest")(x)
    return _prelu(f"{name}_prelu")(x)


def _patch_discriminator(config: dict[str, Any]) -> keras.Model:
    normalised = _normaliser(config)
    hr = keras.Input((None, None, 1), name="input")
    x, features = hr, []
    for number, filters in enumerate(
        discriminator_widths(config["filters"], config["layers"]), start=1
    ):
        conv = _conv(f"level_{number}", filters, PATCH_KERNEL, strides=2)
        x = normalised(conv)(x)
        x = layers.LeakyReLU(LEAK, name=f"level_{number}_relu")(x)
        features.append(x)
    logits = normalised(_conv("logits", 1, 3))(x)
    return keras.Model(hr, [logits, *features], name="discriminator")


def _notebook_discriminator(config: dict[str, Any]) -> keras.Model:
    normalised, size = _normaliser(config), config["hr_size"]
    hr = keras.Input((size, size, 1), name="input")
    x, features = hr, []
    for level, filters in enumerate(
        discriminator_widths(config["filters"], config["layers"]), start=1
    ):
        for name, stride in ((f"level_{level}_a", 1), (f"level_{level}_b", 2)):
            x = normalised(_conv(name, filters, 3, strides=stride))(x)
            momentum = None if name == "level_1_a" else DISCRIMINATOR_NORM_MOMENTUM
            x = _normalise(x, f"{name}_norm", momentum)
            x = layers.LeakyReLU(LEAK, name=f"{name}_relu")(x)
        features.append(x)
    x = layers.Flatten(name="flatten")(x)
    x = normalised(layers.Dense(NOTEBOOK_DENSE_UNITS, name="dense"))(x)
    x = layers.LeakyReLU(LEAK, name="dense_relu")(x)
    logits = normalised(layers.Dense(1, name="logits"))(x)
    return keras.Model(hr, [logits, *features], name="discriminator")


def _conv(name: str, filters: int, kernel: int, **options: Any) -> layers.Conv2D:
    return layers.Conv2D(filters, kernel, padding="same", name=name, **options)


def _prelu(name: str) -> layers.PReLU:
    return layers.PReLU(shared_axes=[1, 2], name=name)


def _normalise(x: Tensor, name: str, momentum: float | None) -> Tensor:
    """Batch-normalise `x`; without a momentum leave it as it is."""
    if momentum is None:
        return x
    return layers.BatchNormalization(momentum=momentum, name=name)(x)


def _normaliser(config: dict[str, Any]) -> Callable[[layers.Layer], layers.Layer]:
    """Return what wraps a discriminator's layers: spectral normalisation, or nothing."""
    if not config["spectral_norm"]:
        return lambda layer: layer
    return lambda layer: layers.SpectralNormalization(layer, name=f"{layer.name}_spectral")


def _weight_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every array in a weights file, by its layer's name and number."""
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset):
            check_storage(item, path)
            layer = item.parent.attrs.get("name", item.parent.name)
            shapes[f"{layer}/{Path(name).name}"] = item.shape

    try:
        with h5py.File(path, "r") as stream:
            refuse_links(stream, path)
            stream.visititems(note)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: train the model first") from error
    except (OSError, RuntimeError) as error:
        # HDF5's own words may run over several lines.
        raise InputError(
            f"{path} is damaged or no HDF5 file: delete it and train the model again"
        ) from error
    return shapes
