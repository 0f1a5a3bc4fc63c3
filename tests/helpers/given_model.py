"""The folder of a model that was trained before, in the form that another study leaves it."""

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from sandstone.files import sha256_of
from sandstone.models.description import parameter_count
from sandstone.models.options import generator_config

PARAMETERS = {"steps": 30, "learning_rate": 0.001, "loss_pixel": 1.0, "loss_pixel_kind": "l1"}


def write(folder: Path, *, seed: int = 0, **options: Any) -> Path:
    """Write a network and as many numbers as it has; no Keras could read them."""
    folder.mkdir(parents=True, exist_ok=True)
    generator = generator_config(**{"scale": 4, "blocks": 1, "filters": 8, **options})
    (folder / "generator.json").write_text(json.dumps(generator))
    numbers = np.random.default_rng(seed).normal(size=parameter_count(generator))
    write_weights(folder, numbers.astype(np.float32))
    return folder


def write_weights(folder: Path, numbers: np.ndarray) -> None:
    """Write weights of one array, shape (n,)."""
    with h5py.File(folder / "generator.weights.h5", "w") as stream:
        stream["layers/all/vars/0"] = numbers


def write_record(folder: Path, **changes: Any) -> Path:
    """Write the record of a training of the weights that are there."""
    sha256 = sha256_of(folder / "generator.weights.h5")
    content = {
        "script": "train",
        "command": "python workflow/scripts/train.py",
        "parameters": PARAMETERS,
        "seed": 7,
        "voxel_size_um": {"castlegate": [3.0, 2.0, 2.0]},
        "inputs": [{"path": "results/pairs/castlegate.h5", "sha256": "cd" * 32}],
        "outputs": [{"path": "results/models/old/generator.weights.h5", "sha256": sha256}],
        "code": [],
        "packages": {"python": "3.12"},
        **changes,
    }
    (folder / "training.provenance.json").write_text(json.dumps(content))
    return folder
