"""The chunks of an upscaled volume while it is made: one Zarr array that many jobs fill."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import zarr
from zarr.codecs import ZstdCodec

from sandstone import disk
from sandstone.errors import InputError
from sandstone.upscaling.blocks import Block, Shape, Tiling

AXES = ("z", "y", "x")
# Noise hardly shrinks, and stronger compression would hold up a GPU. The checksum finds damage.
COMPRESSION = ZstdCodec(level=1, checksum=True)


def create_array(folder: Path, *, shape: Shape, chunks: Shape, dtype: npt.DTypeLike) -> zarr.Array:
    """Create an array of axes z, y, x in a folder, as all levels of a pyramid are."""
    return zarr.create_array(
        zarr.storage.LocalStore(folder),
        shape=shape,
        chunks=tuple(min(chunk, length) for chunk, length in zip(chunks, shape, strict=True)),
        dtype=np.dtype(dtype).newbyteorder("<"),
        compressors=COMPRESSION,
        fill_value=0,
        dimension_names=AXES,
        # Otherwise a black chunk would look like one that is still to be computed.
        config={"write_empty_chunks": True},
    )


class ChunkStore:
    """Chunks of one upscaled volume, each complete or absent.

    Jobs that write different blocks do not disturb each other.

    Attributes
    ----------
    folder : Path
        Folder of the array.
    tiling : Tiling
    dtype : dtype
        Type of the upscaled voxels.
    """

    def __init__(self, folder: Path, tiling: Tiling, dtype: npt.DTypeLike) -> None:
        self.folder = folder
        self.tiling = tiling
        self.dtype = np.dtype(dtype)
        self._array: zarr.Array | None = None

    def open(self) -> None:
        """Open the array for writing; create it if it does not exist."""
        try:
            self._array = create_array(
                self.folder, shape=self.tiling.sr_shape, chunks=self.tiling.chunk, dtype=self.dtype
            )
        except zarr.errors.ContainsArrayError:
            with zarr.config.set({"array.write_empty_chunks": True}):
                self._array = zarr.open_array(zarr.storage.LocalStore(self.folder), mode="r+")

    def reader(self) -> zarr.Array:
        """Return the array, read-only."""
        return zarr.open_array(zarr.storage.LocalStore(self.folder, read_only=True), mode="r")

    def is_whole(self, block: Block) -> bool:
        """Say whether all chunks of a block exist."""
        return all(_holds_bytes(self.file(place)) for place in self.tiling.chunks(block))

    def file(self, chunk: Shape) -> Path:
        """Return the file of the chunk at a place in the grid of chunks."""
        return self.folder.joinpath("c", *map(str, chunk))

    def remove(self, block: Block) -> None:
        """Remove the chunks of a block, if there are any."""
        for place in self.tiling.chunks(block):
            self.file(place).unlink(missing_ok=True)

    def remove_damaged(self) -> int:
        """Remove the blocks that have a damaged chunk, and return their number.

        Raises
        ------
        OSError
            If the disk fails; then nothing is removed.
        """
        array = self.reader()
        damaged = 0
        for number in range(len(self.tiling)):
            block = self.tiling[number]
            try:
                array[self.tiling.region(block)]
            except (RuntimeError, ValueError):
                self.remove(block)
                damaged += 1
        return damaged

    def write(self, block: Block, voxels: np.ndarray) -> None:
        """Write a block; each of its chunks appears complete or not at all.

        Raises
        ------
        InputError
            If the disk is full, read-only or failing.
        OSError
            If the store cannot be written for another reason.
        """
        if self._array is None:
            raise ValueError("open the store before writing to it")
        try:
            self._array[self.tiling.region(block)] = voxels
        except OSError as error:
            if reason := disk.reason(error):
                raise InputError(f"{self.folder}: {reason}; finished blocks are kept") from error
            raise


def _holds_bytes(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:
        return False
