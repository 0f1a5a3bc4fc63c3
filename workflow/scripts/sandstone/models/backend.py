"""Start TensorFlow: quiet, seeded, deterministic. Call `start` before anything imports Keras."""

import contextlib
import os
from collections.abc import Iterator


def start(*, seed: int = 0, threads: int) -> None:
    """Import TensorFlow and settle everything that results may depend on.

    Operations are deterministic and run one after another. Each splits its sums over
    `threads` threads, so that this number is part of the result and may not follow the
    machine. TensorFloat-32 is off: it would round factors to ten bits.

    Parameters
    ----------
    seed : int
        Of Python's, NumPy's and TensorFlow's global generators.
    threads : int
        Of one operation on CPU.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    with _without_stderr():
        import keras
        import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(enabled=False)
    keras.utils.set_random_seed(seed)


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
