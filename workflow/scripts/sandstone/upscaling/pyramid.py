"""Write an upscaled volume as OME-Zarr 0.5: a pyramid of Zarr 3 arrays with voxel sizes.

References
----------
https://ngff.openmicroscopy.org/0.5/
"""

import math
import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr

from sandstone.errors import InputError
from sandstone.sizes import zyx
from sandstone.upscaling.blocks import Shape
from sandstone.upscaling.chunk_store import AXES, ChunkStore, create_array

SMALLEST_EDGE = 256  # voxels; a level whose slices are no larger is the last, a thumbnail
ROUND = 9  # decimals of lengths in the metadata, so that 6 / 3 reads as 2


class DamagedChunk(InputError):  # noqa: N818 - reads as what was found
    """A chunk that cannot be decompressed."""


def write(
    path: Path,
    store: ChunkStore,
    *,
    name: str,
    fingerprint: str,
    voxel_size_um: Sequence[float],
    origin_um: Sequence[float],
    grey_window: tuple[float, float],
) -> None:
    """Write the chunks of a store, and a pyramid above them, as one OME-Zarr image.

    The image is built beside `path` and moved there when complete. Chunks are hard links, not
    copies, if the file system has them: they stay in the store and take no further room.

    Parameters
    ----------
    path : Path
        Folder of the image; an existing one is replaced.
    store : ChunkStore
        With all its chunks.
    name : str
        Name of the image.
    fingerprint : str
        Digest of all that the voxels depend on. It stands in the image's zarr.json, so that this
        file differs if voxels do, and what is made from the image is made again.
    voxel_size_um : sequence of float
        Voxel edge of the finest level, (z, y, x), micrometres.
    origin_um : sequence of float
        Centre of its first voxel, (z, y, x), micrometres.
    grey_window : tuple of float
        Grey levels that viewers shall show as black and white at first.

    Raises
    ------
    InputError
        If a chunk is missing.
    DamagedChunk
        If one cannot be decompressed.
    """
    partial = path.with_name(f".partial.{path.name}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        levels = [zarr.open_array(_linked(store, partial / "0"), mode="r")]
        factors = [(1, 1, 1)]
        while step := _step(zyx(levels[-1].shape), voxel_size_um, factors[-1]):
            total = zyx(a * b for a, b in zip(factors[-1], step, strict=True))
            levels.append(_halve(levels[-1], partial / str(len(levels)), step))
            factors.append(total)
        attributes = {
            **_metadata(name, factors, voxel_size_um, origin_um),
            "omero": _display(name, levels[0].dtype, grey_window),
        }
        zarr.create_group(
            zarr.storage.LocalStore(partial),
            attributes={"ome": attributes, "sandstone-srgan": {"fingerprint": fingerprint}},
        )
        shutil.rmtree(path, ignore_errors=True)
        partial.replace(path)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _linked(store: ChunkStore, folder: Path) -> zarr.storage.LocalStore:
    """Link the array's metadata and its chunks, and no other file, into a folder."""
    _link(store.folder / "zarr.json", folder / "zarr.json")
    for number in range(len(store.tiling)):
        for place in store.tiling.chunks(store.tiling[number]):
            file = store.file(place)
            _link(file, folder / file.relative_to(store.folder))
    return zarr.storage.LocalStore(folder, read_only=True)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except FileNotFoundError as error:
        raise InputError(
            f"{source} is missing though its slab is finished; run again with "
            "--forcerun upscale_slab"
        ) from error
    except OSError:  # a file system without hard links
        shutil.copyfile(source, target)


def _step(shape: Shape, voxel_size_um: Sequence[float], factors: Shape) -> Shape | None:
    """Return the factors by which the axes shrink to the next level, None after the last level.

    Axes with coarser voxels wait until the others have caught up, so that voxels become cubic;
    an axis of one voxel stays.
    """
    if max(shape[1:]) <= SMALLEST_EDGE:
        return None
    sizes = [size * factor for size, factor in zip(voxel_size_um, factors, strict=True)]
    finest = min(size for size, length in zip(sizes, shape, strict=True) if length > 1)
    return zyx(
        2 if length > 1 and size < math.sqrt(2) * finest else 1
        for size, length in zip(sizes, shape, strict=True)
    )


def _halve(finer: zarr.Array, folder: Path, step: Shape) -> zarr.Array:
    """Write the means of cells of `step` voxels as the next level, one chunk after another."""
    shape = zyx(-(-length // factor) for length, factor in zip(finer.shape, step, strict=True))
    level = create_array(folder, shape=shape, chunks=zyx(finer.chunks), dtype=finer.dtype)
    # Part by part, each from about one chunk of the finer level: memory does not depend on `step`.
    part = zyx(-(-chunk // factor) for chunk, factor in zip(level.chunks, step, strict=True))
    for region in regions(shape, zyx(level.chunks)):
        voxels = np.empty([extent.stop - extent.start for extent in region], level.dtype)
        for place in regions(zyx(voxels.shape), part):
            source = _source(zyx(finer.shape), step, region, place)
            voxels[place] = shrink(read_region(finer, source), step)
        level[region] = voxels
    return level


def _source(
    shape: Shape, step: Shape, region: Sequence[slice], place: Sequence[slice]
) -> tuple[slice, ...]:
    """Return the region of the finer level, of `shape`, that becomes a place of a region."""
    return tuple(
        slice(
            (outer.start + inner.start) * factor,
            min((outer.start + inner.stop) * factor, length),
        )
        for length, factor, outer, inner in zip(shape, step, region, place, strict=True)
    )


def read_region(array: zarr.Array, region: tuple[slice, ...]) -> np.ndarray:
    """Return voxels of a level.

    Raises
    ------
    DamagedChunk
        If a chunk cannot be decompressed.
    OSError
        If the disk fails.
    """
    try:
        return np.asarray(array[region])
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DamagedChunk(
            f"{array.store_path}: a chunk is damaged ({reason}); delete the upscaled volume and "
            "its folder under results/checkpoints/, and run again"
        ) from error


def regions(shape: Shape, edges: Shape) -> Iterator[tuple[slice, slice, slice]]:
    """Yield boxes of `edges` voxels that cover `shape`, x fastest."""
    starts = [range(0, length, edge) for length, edge in zip(shape, edges, strict=True)]
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                yield zyx(
                    slice(first, min(first + edge, length))
                    for first, edge, length in zip((z, y, x), edges, shape, strict=True)
                )


def shrink(voxels: np.ndarray, step: Shape) -> np.ndarray:
    """Return the means over cells of `step` voxels, rounded where the voxels are integers."""
    padding = [(0, -length % factor) for length, factor in zip(voxels.shape, step, strict=True)]
    if any(after for _, after in padding):
        # With the border voxel repeated, the last cell is the mean of the voxels that exist.
        voxels = np.pad(voxels, padding, mode="edge")
    # float32 holds the sum of eight 16-bit grey values exactly.
    wide: npt.DTypeLike = (
        np.float32 if voxels.dtype.kind != "f" and voxels.itemsize <= 2 else np.float64
    )
    total = np.zeros([n // factor for n, factor in zip(voxels.shape, step, strict=True)], wide)
    for z, y, x in product(*map(range, step)):
        total += voxels[z :: step[0], y :: step[1], x :: step[2]]
    total /= math.prod(step)
    return (total if voxels.dtype.kind == "f" else np.rint(total)).astype(voxels.dtype)


def _metadata(
    name: str, factors: Sequence[Shape], voxel_size_um: Sequence[float], origin_um: Sequence[float]
) -> dict[str, Any]:
    levels = []
    for number, factor in enumerate(factors):
        # The first voxel of a level covers several of the finest, so its centre lies further in.
        centre = [
            first + size * (times - 1) / 2
            for first, size, times in zip(origin_um, voxel_size_um, factor, strict=True)
        ]
        scale = [size * times for size, times in zip(voxel_size_um, factor, strict=True)]
        steps = [
            {"type": "scale", "scale": [round(length, ROUND) for length in scale]},
            {"type": "translation", "translation": [round(length, ROUND) for length in centre]},
        ]
        levels.append({"path": str(number), "coordinateTransformations": steps})
    axes = [{"name": axis, "type": "space", "unit": "micrometer"} for axis in AXES]
    image = {"name": name, "axes": axes, "datasets": levels, "type": "mean"}
    return {"version": "0.5", "multiscales": [image]}


def _display(name: str, dtype: np.dtype, grey_window: tuple[float, float]) -> dict[str, Any]:
    """Tell viewers which grey levels to show as black and white.

    Without this they take the whole range of the type, and rock that fills a part of 16 bits
    opens dark. Floats have no range of their own but the window.
    """
    low, high = grey_window
    least, most = low, high
    if dtype.kind != "f":
        limits = np.iinfo(dtype)
        least, most = int(limits.min), int(limits.max)
    channel = {
        "label": name,
        "color": "FFFFFF",
        "active": True,
        "window": {"min": least, "max": most, "start": low, "end": high},
    }
    return {"name": name, "channels": [channel], "rdefs": {"model": "greyscale"}}
