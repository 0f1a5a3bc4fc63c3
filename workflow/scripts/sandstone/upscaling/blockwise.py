"""Upscale a volume block by block: read ahead, enlarge, write behind."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

import numpy as np

from sandstone import pipeline
from sandstone.errors import InputError
from sandstone.imaging import window
from sandstone.models import cubic
from sandstone.upscaling.blocks import Block, Tiling
from sandstone.upscaling.chunk_store import ChunkStore
from sandstone.volumes.volume import Volume

# LR slices to SR slices, float32, (n, y, x) to (n, scale · y, scale · x); grey levels in [0, 1].
Network = Callable[[np.ndarray], np.ndarray]

AHEAD = 2  # blocks that wait in memory, both before and after the network


def boxes(
    volume: Volume, tiling: Tiling, blocks: Iterable[Block], grey_window: tuple[float, float]
) -> Iterator[tuple[Block, np.ndarray]]:
    """Yield each block with its box of LR voxels, margin included.

    Blocks that lie beside each other along x are read together.

    Parameters
    ----------
    volume : Volume
    tiling : Tiling
    blocks : iterable of Block
        In the order of their numbers.
    grey_window : tuple of float
        Grey levels (low, high) that become 0 and 1.

    Yields
    ------
    block : Block
    box : ndarray of float32, shape block + 2 · margin
        In [0, 1].
    """
    for _, row in groupby(blocks, key=lambda block: block.place[:2]):
        beside = list(row)
        z, y = (tiling.sources(beside[0], axis) for axis in (0, 1))
        slices = volume.read(z.min(), z.max() + 1, slice(y.min(), y.max() + 1))
        for block in beside:
            x = tiling.sources(block, 2)
            box = slices[np.ix_(z - z.min(), y - y.min(), x)]
            yield block, window.to_unit(box, *grey_window)


def enlarge(network: Network, tiling: Tiling, block: Block, box: np.ndarray) -> np.ndarray:
    """Enlarge a box of LR voxels.

    Parameters
    ----------
    network : callable
    tiling : Tiling
    block : Block
    box : ndarray of float32, shape block + 2 · margin

    Returns
    -------
    ndarray of float32, shape of `tiling.region(block)`
        With axes ``mean`` the mean of three passes: in each the network enlarges the slices
        across one axis, then cubic interpolation enlarges that axis.
    """
    region = tiling.region(block)
    inside = tuple(slice(part.stop - part.start) for part in region)
    if tiling.axes == "z":
        return _enlarge_slices(network, tiling, box[: inside[0].stop])[inside]
    total = np.zeros([n * tiling.scale for n in tiling.block], np.float32)
    for axis in range(3):
        total += _pass_along(network, tiling, box, axis)
    return (total / np.float32(3))[inside]


def _pass_along(network: Network, tiling: Tiling, box: np.ndarray, axis: int) -> np.ndarray:
    """Enlarge the slices across `axis`, and then `axis` by cubic interpolation."""
    # In cyclic order the slices lie alike in all three passes: no axis is special.
    order = (axis, (axis + 1) % 3, (axis + 2) % 3)
    spare = tiling.halo - cubic.BICUBIC_RADIUS
    slices = box.transpose(order)[spare : box.shape[axis] - spare]
    fine = cubic.enlarge(_enlarge_slices(network, tiling, slices), tiling.scale)
    return np.clip(fine, 0, 1).transpose(np.argsort(order))


def _enlarge_slices(network: Network, tiling: Tiling, slices: np.ndarray) -> np.ndarray:
    """Enlarge slices with a halo, always `tiling.call` at once, and crop the halo."""
    border = tiling.halo * tiling.scale
    height, width = (n * tiling.scale for n in slices.shape[1:])
    parts = []
    for first in range(0, len(slices), tiling.call):
        batch = np.ascontiguousarray(slices[first : first + tiling.call])
        missing = tiling.call - len(batch)
        if missing:  # one shape for all calls: compiled once, rounded the same way
            batch = np.pad(batch, ((0, missing), (0, 0), (0, 0)), mode="edge")
        fine = network(batch)[: tiling.call - missing]
        parts.append(fine[:, border : height - border, border : width - border])
    return np.concatenate(parts)


def upscale(
    volume: Volume,
    store: ChunkStore,
    network: Network,
    *,
    blocks: Iterable[Block],
    grey_window: tuple[float, float],
    done: Callable[[int], None],
) -> None:
    """Compute blocks and write them to a store.

    Parameters
    ----------
    volume : Volume
        LR volume.
    store : ChunkStore
        With the tiling of the volume.
    network : callable
    blocks : iterable of Block
        In the order of their numbers.
    grey_window : tuple of float
        Grey levels (low, high) that the network sees as 0 and 1.
    done : callable
        Called with the number of LR voxels of each block once it is on disk.

    Raises
    ------
    InputError
        If the volume cannot be read, or the network gives values that are not finite.
    OSError
        If the store cannot be written.
    """
    tiling = store.tiling

    def write(block: Block, sr: np.ndarray) -> None:
        store.write(block, window.from_unit(sr, *grey_window, store.dtype))
        done(tiling.voxels(block))

    made = pipeline.Ahead(boxes(volume, tiling, blocks, grey_window), AHEAD)
    with pipeline.Behind(write, AHEAD) as behind, made as waiting:
        for block, box in waiting:
            sr = enlarge(network, tiling, block, box)
            if not math.isfinite(float(sr.sum(dtype=np.float64))):
                raise InputError(
                    "the model gives values that are not finite; train it again with a lower "
                    "learning rate"
                )
            behind.put(block, sr)
