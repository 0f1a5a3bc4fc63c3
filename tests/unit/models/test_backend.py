import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sandstone.models import backend

SCRIPTS = Path(backend.__file__).parents[2]

# One process a test would spend all its time importing TensorFlow: this one tells everything.
PROBE = """
import json, random, sys
from sandstone.models import backend

light = not {"tensorflow", "keras"} & set(sys.modules)
backend.start(seed=3, threads=1)

import keras, numpy, tensorflow as tf
from tensorflow.python.framework import config

def draw():
    kernel = keras.initializers.GlorotUniform()((5, 5))
    return [
        random.random(),
        numpy.random.random(),
        float(tf.random.uniform(())),
        numpy.asarray(kernel).tobytes().hex(),
    ]

first = draw()
backend.start(seed=3, threads=1)
again = draw()
backend.start(seed=4, threads=1)
other = draw()
print(json.dumps({
    "light": light,
    "backend": keras.backend.backend(),
    "threads": [
        tf.config.threading.get_intra_op_parallelism_threads(),
        tf.config.threading.get_inter_op_parallelism_threads(),
    ],
    "deterministic": config.is_op_determinism_enabled(),
    "tensor_float_32": tf.config.experimental.tensor_float_32_execution_enabled(),
    "draws": [first, again, other],
}))
print("stderr is back", file=sys.stderr)
"""


@pytest.fixture(scope="module")
def started():
    command = [sys.executable, "-c", PROBE]
    return subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=True)


@pytest.fixture(scope="module")
def told(started):
    return json.loads(started.stdout)


def test_importing_the_module_loads_nothing_heavy(told):
    assert told["light"]


def test_tensorflow_starts_quietly_and_stderr_comes_back(started):
    assert started.stderr == "stderr is back\n"


def test_operations_are_deterministic_in_full_precision(told):
    assert told["deterministic"]
    assert not told["tensor_float_32"]


def test_threads_are_those_asked_for(told):
    assert told["threads"] == [1, 1]


def test_keras_runs_on_tensorflow(told):
    assert told["backend"] == "tensorflow"


def test_a_seed_repeats_to_the_bit(told):
    first, again, other = told["draws"]
    assert first == again
    assert all(one != another for one, another in zip(first, other, strict=True))


def test_every_generator_follows_the_seed_in_any_process(told):
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(3)
    kernel = keras.initializers.GlorotUniform()((5, 5))
    drawn = [random.random(), np.random.random(), float(tf.random.uniform(()))]  # noqa: NPY002, S311
    assert [*drawn, np.asarray(kernel).tobytes().hex()] == told["draws"][0]
