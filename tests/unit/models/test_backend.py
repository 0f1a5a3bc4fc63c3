import json
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sandstone.models import backend

SCRIPTS = Path(backend.__file__).parents[2]
start = backend.start  # the real one, which a fixture of all tests replaces

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

# Initial weights and an output, to the bit, and the settings that they were made with.
NETWORK = """
import hashlib, json
from sandstone.models import backend

backend.start(seed=3, threads=1)

import keras, numpy
from sandstone.models import inference, networks

def digest(arrays):
    return hashlib.sha256(b"".join(array.tobytes() for array in arrays)).hexdigest()

generator = networks.build_generator(blocks=2, filters=8)
weights = [variable.numpy() for variable in generator.variables]
for variable in generator.variables:
    variable.assign(variable.numpy() + numpy.float32(0.013))  # the last convolution starts at zero
lr = numpy.random.default_rng(0).random((2, 40, 40, 1), numpy.float32)
print(json.dumps({
    "weights": digest(weights),
    "output": digest([inference.predict(generator, lr)]),
    "floatx": keras.config.floatx(),
    "epsilon": keras.config.epsilon(),
    "image_data_format": keras.config.image_data_format(),
}))
"""

FOREIGN_SETTINGS = {
    "backend": "torch",
    "floatx": "float16",
    "epsilon": 0.5,
    "image_data_format": "channels_first",
}
FOREIGN_VARIABLES = {
    "KERAS_BACKEND": "jax",
    "KERAS_NNX_ENABLED": "true",
    "KERAS_MAX_EPOCHS": "a few",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
}


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


def network_of(home, **variables):
    """Return what NETWORK tells, for a user with this home and these variables alone."""
    command = [sys.executable, "-c", NETWORK]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    process = subprocess.run(
        command, cwd=SCRIPTS, env=environment, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    return network_of(home), (home / ".keras").exists()


def test_keras_has_its_own_defaults_and_writes_nothing_to_the_home(undisturbed):
    told, has_folder = undisturbed
    settings = {name: told[name] for name in ("floatx", "epsilon", "image_data_format")}
    assert settings == {
        "floatx": "float32",
        "epsilon": 1e-7,
        "image_data_format": "channels_last",
    }
    assert not has_folder


def test_settings_in_the_home_and_variables_of_a_user_change_no_bit(undisturbed, tmp_path):
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text(json.dumps(FOREIGN_SETTINGS))
    assert network_of(tmp_path, **FOREIGN_VARIABLES) == undisturbed[0]


@pytest.mark.parametrize("content", [json.dumps(FOREIGN_SETTINGS), '["no settings"]'])
def test_settings_in_a_folder_of_keras_change_no_bit(undisturbed, tmp_path, content):
    (tmp_path / "keras.json").write_text(content)
    assert network_of(tmp_path, KERAS_HOME=str(tmp_path)) == undisturbed[0]


@pytest.fixture
def calls(monkeypatch):
    """Pretend that there are two GPUs, and return the calls of TensorFlow and Keras in order."""
    import keras
    import tensorflow as tf

    made = []

    def note(module, name, result=None):
        def call(*args, **keywords):
            made.append((name, *args, *keywords.values()))
            return result

        monkeypatch.setattr(module, name, call)

    # `start` writes into the environment of this process; this puts it back.
    monkeypatch.setattr(os, "environ", os.environ.copy())
    note(tf.config, "list_physical_devices", ["card 0", "card 1"])
    note(tf.config.experimental, "set_memory_growth")
    note(tf.config.experimental, "enable_op_determinism")
    note(tf.config.experimental, "enable_tensor_float_32_execution")
    note(tf.config.threading, "set_intra_op_parallelism_threads")
    note(tf.config.threading, "set_inter_op_parallelism_threads")
    note(keras.utils, "set_random_seed")
    return made


def test_memory_of_gpus_grows_before_anything_touches_a_card(calls):
    start(seed=5, threads=2)
    assert calls[:3] == [
        ("list_physical_devices", "GPU"),
        ("set_memory_growth", "card 0", True),
        ("set_memory_growth", "card 1", True),
    ]
    assert calls[-1] == ("set_random_seed", 5)


def test_variables_that_concern_memory_alone_stay(calls, monkeypatch):
    for name in ("TF_GPU_ALLOCATOR", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.setitem(os.environ, name, "false")
    start(threads=2)
    assert os.environ["TF_GPU_ALLOCATOR"] == "false"
    assert "TF_FORCE_GPU_ALLOW_GROWTH" not in os.environ  # it would overrule the growth
