"""Start TensorFlow: quiet, seeded, deterministic. Call `start` before anything imports Keras."""

import contextlib
import os
from collections.abc import Iterator

from sandstone import cards

# Variables with these beginnings choose Keras's settings and TensorFlow's kernels and rounding.
# What a user set for other work must not act here; those that concern memory alone may.
FOREIGN = ("KERAS_", "TF_", "ONEDNN_", "DNNL_")
MEMORY = frozenset({"TF_GPU_ALLOCATOR", "TF_PER_DEVICE_MEMORY_LIMIT_MB"})

EPSILON = 1e-7  # Keras's own default


def start(*, seed: int = 0, threads: int) -> None:
    """Import TensorFlow and settle everything that results may depend on.

    Operations are deterministic and run one after another. Each splits its sums over
    `threads` threads, so that this number is part of the result and may not follow the
    machine. TensorFloat-32 is off: it would round factors to ten bits. Neither a keras.json nor
    variables of Keras, TensorFlow and oneDNN act. Of several GPUs it takes a free one, and memory
    as it needs it.

    Parameters
    ----------
    seed : int
        Of Python's, NumPy's and TensorFlow's global generators.
    threads : int
        Of one operation on CPU.
    """
    _clean_environment()
    cards.take()
    with _without_stderr():
        import keras
        import tensorflow as tf

    _grow_memory()  # first: TensorFlow refuses it once anything has touched the card
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    _settle_keras()
    keras.utils.set_random_seed(seed)


def _clean_environment() -> None:
    """Let this process's Keras, TensorFlow and oneDNN find no settings from outside."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) and name not in MEMORY:
            del os.environ[name]
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Keras reads keras.json in this folder, else in ~/.keras, and writes one if there is none.
    # The null device is no folder: nothing is read, and nothing is written to a user's home.
    os.environ["KERAS_HOME"] = os.devnull


def _grow_memory() -> None:
    """Take a GPU's memory as it is needed, not all at once, so that jobs can share a card."""
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        tf.config.experimental.set_memory_growth(gpu, enable=True)


def _settle_keras() -> None:
    """Set what keras.json may set, for a process that imported Keras before the start."""
    import keras

    keras.config.set_floatx("float32")
    keras.config.set_epsilon(EPSILON)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy("float32")


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Silence the notes on missing GPUs that TensorFlow prints before its log level counts."""
    kept = os.dup(2)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(silent)
