import json
import subprocess
import sys
from pathlib import Path

import pytest

from sandstone import backend

SCRIPTS = Path(backend.__file__).parents[1]

# One process a test would spend all its time importing TensorFlow: this one tells everything.
PROBE = """
import json, random, sys
from sandstone import backend

light = not {"tensorflow", "keras"} & set(sys.modules)
backend.start(seed=3, threads=1)

import keras, numpy, tensorflow as tf
from tensorflow.python.framework import config

from sandstone import networks

def draw():
    model = networks.build_generator(blocks=1, filters=8, bicubic_skip=False)
    lr = numpy.random.random((1, 9, 9, 1)).astype("float32")
    sr = networks.predict(model, lr)
    return [sr.tobytes().hex(), random.random(), float(tf.random.uniform(()))]

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


def probe():
    return subprocess.run(
        [sys.executable, "-c", PROBE], cwd=SCRIPTS, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def started():
    result = probe()
    assert result.returncode == 0, result.stderr
    return result


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


def test_another_process_with_the_seed_draws_the_same(told):
    assert json.loads(probe().stdout)["draws"] == told["draws"]
