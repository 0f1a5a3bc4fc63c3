"""The walk of docs/extending.md that adds a generator, followed in a copy."""

import subprocess
import sys
from pathlib import Path

from .extending import copy_with

# In the copy: built, described and accepted. The name and its options are those of the walk.
CODE = """
import keras
import numpy as np
import yaml

import train
from sandstone.config.checks import validate
from sandstone.models import description, networks
from sandstone.models.options import generator_config

config = yaml.safe_load(open("../../config.yaml", encoding="utf-8"))
for model in config["models"].values():
    model["generator"]["architecture"] = "one_step"
validate(config)

words = "--pairs p --model-dir m --checkpoint-dir c --tensorboard-dir t --steps 1"
args = train.parser().parse_args([*words.split(), "--generator-architecture", "one_step"])
chosen = {**train.settings_of(args, "generator"), "blocks": 1, "filters": 2}

for scale, batch_norm, bicubic_skip in ((4, False, True), (3, True, False)):
    options = chosen | {"scale": scale, "batch_norm": batch_norm, "bicubic_skip": bicubic_skip}
    network = generator_config(**options)
    names = [row.name for row in description.rows(network)]
    assert names[:3] == ["input", "head", "head_prelu"], names
    assert "up_shuffle" in names

    built = networks.build_generator(**network)
    assert description.parameter_count(network) == built.count_params()

    # All kernels above zero and no biases: a bright pixel reaches all that sees it.
    for layer in built.layers:
        for weight in layer.weights:
            weight.assign(np.full(weight.shape, 0.1 if "kernel" in weight.path else 0.0))
        if isinstance(layer, keras.layers.PReLU):
            layer.alpha.assign(np.full(layer.alpha.shape, 0.1))
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.ones(2))
            layer.moving_variance.assign(np.ones(2))
    radius = description.receptive_field(network)
    centre = radius + 2
    lr = np.zeros((1, 2 * centre + 1, 2 * centre + 1, 1), np.float32)
    lr[0, centre, centre, 0] = 1e6
    sr = np.array(built(lr))
    assert sr.shape == (1, scale * lr.shape[1], scale * lr.shape[2], 1)
    touched = np.argwhere(sr[0, ..., 0]) // scale
    assert np.abs(touched - centre).max(axis=0).tolist() == [radius, radius]
"""


def test_a_generator_is_added_by_the_walk(tmp_path: Path):
    scripts = copy_with("A generator", tmp_path) / "workflow" / "scripts"
    environment = {"PATH": "/usr/bin:/bin", "KERAS_BACKEND": "tensorflow", "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        capture_output=True,
        text=True,
        cwd=scripts,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
