"""Upscale a volume block by block: read ahead, enlarge, write behind."""

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

import numpy as np

from sandstone import pipeline
from sandstone.errors import InputError
from sandstone.imaging import window
from sandstone.models import cubic
from sandstone.upscaling.blocks import Block, Cut
from sandstone.upscaling.chunk_store import ChunkStore
from sandstone.volumes.volume import Volume

# LR slices to SR slices, float32, (n, y, x) to (n, scale · y, scale · x); grey levels in [0, 1].
Network = Callable[[np.ndarray], np.ndarray]

AHEAD = 2  # blocks that wait in memory on either side of the network


def boxes(
    volume: Volume, cut: Cut, blocks: Iterable[Block], levels: tuple[float, float]
) -> Iterator[tuple[Block, np.ndarray]]:
    """Yield each block with its box of LR voxels, margin included.

    Blocks that lie beside each other along x are read together.

    Parameters
    ----------
    volume : Volume
    cut : Cut
    blocks : iterable of Block
        In the order of their numbers.
    levels : tuple of float
        Grey levels (low, high) that become 0 and 1.

    Yields
    ------
    Block
    ndarray of float32, shape block + 2 · margin
        In [0, 1].
    """
    for _, row in groupby(blocks, key=lambda block: block.place[:2]):
        beside = list(row)
        z, y = (cut.sources(beside[0], axis) for axis in (0, 1))
        slices = volume.read(z.min(), z.max() + 1, slice(y.min(), y.max() + 1))
        for block in beside:
            x = cut.sources(block, 2)
            box = slices[np.ix_(z - z.min(), y - y.min(), x)]
            yield block, window.to_unit(box, *levels)


def enlarge(network: Network, cut: Cut, block: Block, box: np.ndarray) -> np.ndarray:
    """Enlarge a box of LR voxels.

    Parameters
    ----------
    network : callable
    cut : Cut
    block : Block
    box : ndarray of float32, shape block + 2 · margin

    Returns
    -------
    ndarray of float32, shape of `cut.region(block)`
        With axes ``mean`` the mean of three passes: each enlarges the slices across one axis
        by the network, and then that axis by cubic interpolation.
    """
    region = cut.region(block)
    inside = tuple(slice(part.stop - part.start) for part in region)
    if cut.axes == "z":
        return _enlarge_slices(network, cut, box[: inside[0].stop])[inside]
    total = np.zeros([n * cut.scale for n in cut.block], np.float32)
    for axis in range(3):
        total += _pass_along(network, cut, box, axis)
    return (total / np.float32(3))[inside]


def _pass_along(network: Network, cut: Cut, box: np.ndarray, axis: int) -> np.ndarray:
    """Enlarge the slices across `axis`, and then `axis` by cubic interpolation."""
    # In cyclic order, no axis is told from the others by how its slices lie.
    order = (axis, (axis + 1) % 3, (axis + 2) % 3)
    spare = cut.halo - cubic.BICUBIC_RADIUS
    slices = box.transpose(order)[spare : box.shape[axis] - spare]
    fine = cubic.enlarge(_enlarge_slices(network, cut, slices), cut.scale)
    return np.clip(fine, 0, 1).transpose(np.argsort(order))


def _enlarge_slices(network: Network, cut: Cut, slices: np.ndarray) -> np.ndarray:
    """Enlarge slices with a halo around them, always `cut.call` at once, and cut the halo off."""
    border = cut.halo * cut.scale
    height, width = (n * cut.scale for n in slices.shape[1:])
    parts = []
    for first in range(0, len(slices), cut.call):
        batch = np.ascontiguousarray(slices[first : first + cut.call])
        missing = cut.call - len(batch)
        if missing:  # one shape for all calls: compiled once, and rounded alike
            batch = np.pad(batch, ((0, missing), (0, 0), (0, 0)), mode="edge")
        fine = network(batch)[: cut.call - missing]
        parts.append(fine[:, border : height - border, border : width - border])
    return np.concatenate(parts)


def upscale(
    volume: Volume,
    store: ChunkStore,
    network: Network,
    *,
    blocks: Iterable[Block],
    levels: tuple[float, float],
    done: Callable[[int], None],
) -> None:
    """Compute blocks and write them to a store.

    Parameters
    ----------
    volume : Volume
        LR volume.
    store : ChunkStore
        Of the volume's cut.
    network : callable
    blocks : iterable of Block
        In the order of their numbers.
    levels : tuple of float
        Grey levels (low, high) that the network sees as 0 and 1.
    done : callable
        Is told the LR voxels of every block once it is on disk.

    Raises
    ------
    InputError
        If the volume cannot be read, or the network gives values that are not finite.
    OSError
        If the store cannot be written.
    """
    cut = store.cut

    def write(block: Block, sr: np.ndarray) -> None:
        store.write(block, window.from_unit(sr, *levels, store.dtype))
        done(cut.voxels(block))

    made = pipeline.Ahead(boxes(volume, cut, blocks, levels), AHEAD)
    with pipeline.Behind(write, AHEAD) as behind, made as waiting:
        for block, box in waiting:
            sr = enlarge(network, cut, block, box)
            if not math.isfinite(float(sr.sum(dtype=np.float64))):
                raise InputError(
                    "the model gives values that are not finite; train it again with a lower "
                    "learning rate"
                )
            behind.put(block, sr)
