"""Whether an HDF5 file keeps its numbers itself, whole, and as HDF5 can read them safely."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sandstone.cli import InputError
from sandstone.volume_source import (
    LARGEST_BLOCK,
    check_compressed_length,
    check_length,
    voxel_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    import h5py

SHUFFLE = 2
FILTERS = {1: "deflate", SHUFFLE: "shuffle", 3: "fletcher32", 32000: "lzf"}
CHECKSUM = 4  # bytes of fletcher32, below which HDF5 counts backwards
CHUNK_OVERHEAD = 1 << 12  # bytes by which compressing may lengthen a chunk


def refuse_links(archive: "h5py.File", path: Path) -> None:
    """Refuse a file with links, which could lead to any file of the machine.

    Raises
    ------
    InputError
        Naming the first soft or external link.
    """
    import h5py

    found: list[str] = []

    def note(name: str, link: object) -> None:
        if isinstance(link, h5py.ExternalLink | h5py.SoftLink):
            found.append(f"{name} is a link to {link.path}")

    archive.visititems_links(note)
    if found:
        raise InputError(f"{path}: {found[0]}; make the file again")


def check_storage(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse a dataset whose numbers lie in other files, are not all there, or would do harm.

    Raises
    ------
    InputError
        Naming the dataset and what to do.
    """
    if dataset.external or dataset.is_virtual:
        raise InputError(
            f"{path}: {dataset.name} keeps its voxels in other files; copy them into this one"
        )
    stored = dataset.id.get_storage_size()
    check = check_length if dataset.chunks is None else check_compressed_length
    check(path, voxel_bytes(dataset.shape, dataset.dtype), stored)
    if dataset.chunks is not None:
        _check_filters(dataset, path)
        check_chunk_size(dataset.chunks, dataset.dtype, path)
        _check_chunks(dataset, path)


def _check_filters(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse filters whose code in HDF5 trusts what stands in the file."""
    properties = dataset.id.get_create_plist()
    for number in range(properties.get_nfilters()):
        code, _, parameters, name = properties.get_filter(number)
        shuffled_otherwise = code == SHUFFLE and parameters != (dataset.dtype.itemsize,)
        if code not in FILTERS or shuffled_otherwise:
            raise InputError(
                f"{path}: {dataset.name} passes through the filter "
                f"{name.decode(errors='replace')!r} ({code}), which is not supported; "
                "save it with gzip or without compression"
            )


def _check_chunks(dataset: "h5py.Dataset", path: Path) -> None:
    """Refuse chunks that HDF5's filters would read beyond their end, or that the file lacks."""
    length = path.stat().st_size
    raw = voxel_bytes(dataset.chunks, dataset.dtype)
    largest = raw + raw // 8 + CHUNK_OVERHEAD

    def check(chunk: "h5py.h5d.StoreInfo") -> None:
        if not CHECKSUM < chunk.size <= largest or chunk.byte_offset + chunk.size > length:
            raise InputError(
                f"{path}: the chunk of {dataset.name} at {chunk.chunk_offset} cannot hold "
                f"{chunk.size} bytes; the file is damaged, copy it anew"
            )

    dataset.id.chunk_iter(check)


def check_chunk_size(chunks: "Sequence[int]", dtype: np.dtype, path: Path) -> None:
    """Refuse chunks that would not fit into memory, of which even one voxel needs the whole."""
    if voxel_bytes(tuple(chunks), dtype) > LARGEST_BLOCK:
        raise InputError(
            f"{path}: chunks of shape {tuple(chunks)} take over {LARGEST_BLOCK >> 30} GB each; "
            "save it in smaller chunks"
        )
