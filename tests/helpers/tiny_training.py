"""Tile pairs and settings of trainings that take seconds, for the tests of that stage."""

import numpy as np

from helpers import tile_pairs
from sandstone.imaging import grey
from sandstone.training.batches import TilesInMemory

HR_SIZE = 64
FLAGS = {
    "generator-blocks": 1,
    "generator-filters": 4,
    "discriminator-filters": 4,
    "discriminator-spectral-norm": "false",
    "steps": 3,
    "batch": 2,
    "crop": 8,
    "validate-every": 1,
    "validation-tiles": 1,
}
SPLITS = {"train": (0, 9), "val": (20, 22), "test": (40, 41)}


def block_mean(hr, scale):
    """Return the means of the squares of `scale` pixels that tile the last two axes."""
    *rest, height, width = hr.shape
    blocks = hr.reshape(*rest, height // scale, scale, width // scale, scale)
    return blocks.mean(axis=(-3, -1))


def tiles(n, *, seed=0, scale=4, hr_size=HR_SIZE, dtype="uint8"):
    """Return n grainy HR tiles and LR tiles that are their exact block means."""
    rng = np.random.default_rng([seed, n])
    top = grey.grey_max(dtype)
    grain = rng.uniform(0.3, 0.7, (n, hr_size // scale, hr_size // scale))
    lr = np.rint(grain * top).astype(int)
    ripple = np.indices((scale, scale)).sum(axis=0) - (scale - 1)  # its mean is zero
    amplitude = rng.integers(-top // 40, top // 40, lr.shape)
    hr = np.repeat(np.repeat(lr, scale, axis=1), scale, axis=2)
    hr = hr + np.kron(amplitude, ripple)
    return hr.astype(dtype), lr.astype(dtype)


def numbered(first, count):
    """Return tiles of one grey level each, the tile's number."""
    levels = np.arange(first, first + count, dtype=np.uint8)[:, np.newaxis, np.newaxis]
    hr, lr = (np.broadcast_to(levels, (count, edge, edge)) for edge in (32, 8))
    return TilesInMemory(hr=hr, lr=lr)


def write(path, *, count=6, seed=0, scale=4, hr_size=HR_SIZE, dtype="uint8", empty=()):
    """Write a pairs file of `count` training tiles, 3 validation tiles and 2 test tiles."""
    counts = {"train": count, "val": 3, "test": 2} | dict.fromkeys(empty, 0)
    hr, lr = {}, {}
    for number, (name, n) in enumerate(counts.items()):
        hr[name], lr[name] = tiles(
            n, seed=10 * seed + number, scale=scale, hr_size=hr_size, dtype=dtype
        )
    settings = {"sample": "grains", "scale": scale, "seed": seed}
    return tile_pairs.write(path, hr, lr, slices=SPLITS, **settings)


def command_line(folder, *, pairs, **changes):
    """Return the flags of a tiny training that writes into `folder`."""
    places = {name: folder / name for name in ("model-dir", "checkpoint-dir", "tensorboard-dir")}
    changes = {name.replace("_", "-"): value for name, value in changes.items()}
    flags = (places | FLAGS | changes).items()
    return ["--pairs", *map(str, pairs), *(f"--{name}={value}" for name, value in flags)]
