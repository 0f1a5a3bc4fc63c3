"""Training batches as a pure function of (seed, step)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sandstone.imaging import grey
from sandstone.seeds import Stage

MEMORY_BUDGET = 4 * 1024**3  # bytes of tiles that are held in memory; more are read as needed

Batch = tuple[np.ndarray, np.ndarray]


class Tiles(Protocol):
    """Aligned tiles: integer arrays or HDF5 datasets of shape (n, y, x)."""

    @property
    def hr(self) -> np.ndarray:
        """The HR tiles."""

    @property
    def lr(self) -> np.ndarray:
        """The LR tiles, in the same order."""


@dataclass(frozen=True)
class Batches:
    """Random crops of the training tiles, the same for the same (seed, step).

    Parameters
    ----------
    tiles : sequence of Tiles
        One entry a pairs file, all with the same tile size; each tile of each file is
        drawn with equal probability.
    batch : int
        Crops in a batch.
    crop : int
        Edge of an LR crop, pixels.
    scale : int
        HR pixels per LR pixel.
    seed : int
        Of the training.
    augment : bool
        Whether crops are flipped and turned by quarters at random.

    Notes
    -----
    Every batch has its own generator, seeded by (seed, stage, step): a resumed training
    sees the batches that it would have seen, and nothing about them needs saving.
    """

    tiles: Sequence[Tiles]
    batch: int
    crop: int
    scale: int
    seed: int
    augment: bool

    def __call__(self, step: int) -> Batch:
        """Return LR and HR crops of a step, float32 in [0, 1], shape (batch, y, x, 1)."""
        rng = np.random.default_rng([self.seed, Stage.TRAINING, step])
        counts = np.cumsum([len(tiles.lr) for tiles in self.tiles])
        room = self.tiles[0].lr.shape[1] - self.crop
        picks = rng.integers(counts[-1], size=self.batch)
        corners = rng.integers(room + 1, size=(self.batch, 2))
        flips = rng.integers(2, size=self.batch) * self.augment
        turns = rng.integers(4, size=self.batch) * self.augment
        sources = np.searchsorted(counts, picks, side="right")

        lr = np.empty((self.batch, self.crop, self.crop, 1), np.float32)
        hr_crop = self.crop * self.scale
        hr = np.empty((self.batch, hr_crop, hr_crop, 1), np.float32)
        for i, (source, pick, (y, x)) in enumerate(zip(sources, picks, corners, strict=True)):
            tiles = self.tiles[source]
            tile = pick - counts[source] + len(tiles.lr)
            for into, array, zoom in ((lr, tiles.lr, 1), (hr, tiles.hr, self.scale)):
                window = array[tile, *_window(y * zoom, x * zoom, self.crop * zoom)]
                into[i, ..., 0] = _orient(grey.to_unit(window), flips[i], turns[i])
        return lr, hr


@dataclass(frozen=True)
class TilesInMemory:
    """Tiles read once from a pairs file, in their integer dtype."""

    hr: np.ndarray
    lr: np.ndarray


def hold_in_memory(tiles: Sequence[Tiles], *, budget: int = MEMORY_BUDGET) -> list[Tiles]:
    """Read all tiles if together they take at most `budget` bytes, else leave them on disk."""
    size = sum(array.size * array.dtype.itemsize for t in tiles for array in (t.hr, t.lr))
    if size > budget:
        return list(tiles)
    return [TilesInMemory(hr=t.hr[:], lr=t.lr[:]) for t in tiles]


def _window(y: int, x: int, size: int) -> tuple[slice, slice]:
    return slice(y, y + size), slice(x, x + size)


def _orient(image: np.ndarray, flip: int, turns: int) -> np.ndarray:
    """Flip left-right and turn by quarters: together all eight symmetries of a square."""
    return np.rot90(image[:, ::-1] if flip else image, turns)
