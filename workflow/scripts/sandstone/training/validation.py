"""How good the averaged generator is on tiles that training does not see."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from sandstone.imaging import grey
from sandstone.metrics import quality
from sandstone.models import inference
from sandstone.training.batches import Tiles

BORDER = 4  # HR pixels that are not measured at each side of a tile


@dataclass(frozen=True)
class ValidationTiles:
    """Whole LR and HR tiles, float32 in [0, 1], shapes (n, h, h) and (n, H, H)."""

    lr: np.ndarray
    hr: np.ndarray


def choose_tiles(splits: Sequence[Tiles], count: int) -> ValidationTiles:
    """Read at most `count` tiles, spread evenly over all validation splits."""
    places = [(split, index) for split in splits for index in range(len(split.lr))]
    chosen = np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int)
    pairs = [(places[i][0].lr[places[i][1]], places[i][0].hr[places[i][1]]) for i in chosen]
    lr, hr = (np.stack([grey.to_unit(tile) for tile in side]) for side in zip(*pairs, strict=True))
    return ValidationTiles(lr=lr, hr=hr)


def measure(generator: keras.Model, tiles: ValidationTiles) -> tuple[float, float]:
    """Return PSNR in dB (data range 1) and SSIM, means over the tiles.

    Both are NaN where the generator gives a NaN; an infinite value counts as black or white.
    """
    scores = []
    # One tile at a time: the memory that a validation takes does not grow with its tiles.
    for lr, hr in zip(tiles.lr, tiles.hr, strict=True):
        sr = inference.predict(generator, lr[np.newaxis, ..., np.newaxis])[0, ..., 0]
        if np.isnan(sr).any():
            return math.nan, math.nan
        options: dict[str, Any] = {"data_range": 1.0, "border": BORDER}
        scores.append((quality.psnr(hr, sr, **options), quality.ssim(hr, sr, **options)))
    psnr, ssim = np.mean(scores, axis=0)
    return float(psnr), float(ssim)
