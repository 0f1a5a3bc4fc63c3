"""Write compound files (OLE2) of version 3, as no library of the lock does, and Zeiss's .txm.

Format: [MS-CFB], https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
SECTOR, SMALL_SECTOR, SMALLEST_LARGE = 512, 64, 4096
END, FREE, TABLE = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
STORAGE, STREAM, ROOT = 1, 2, 5
CODES = {"uint8": 3, "uint16": 5, "float32": 10}  # DataType of Zeiss
IN_HEADER = 109  # sectors of the table that the header names; more are not written here


class Sectors:
    """Sectors of one size, and the table that chains them."""

    def __init__(self, size: int) -> None:
        self.size, self.content, self.table = size, b"", []

    def add(self, data: bytes) -> int:
        """Append `data` as one chain; return its first sector."""
        first, count = len(self.table), -(-len(data) // self.size)
        self.content += data.ljust(count * self.size, b"\0")
        self.table += [*range(first + 1, first + count), END] if count else []
        return first if count else END


def write(path: Path, streams: dict[str, bytes]) -> None:
    """Write streams, named like ``storage/stream``."""
    large, small = Sectors(SECTOR), Sectors(SMALL_SECTOR)
    starts = {
        name: (large if len(data) >= SMALLEST_LARGE else small).add(data)
        for name, data in streams.items()
    }
    small_content, small_table = large.add(small.content), large.add(packed(small.table))
    nodes = [("", ROOT, small_content, len(small.content))]
    nodes += [(each, STORAGE, 0, 0) for each in sorted({name.split("/")[0] for name in streams})]
    nodes += [(name, STREAM, starts[name], len(data)) for name, data in streams.items()]
    directory = large.add(described(nodes))
    tables = 1
    while tables * SECTOR < 4 * (len(large.table) + tables):
        tables += 1
    first = len(large.table)
    where = [*range(first, first + tables)]
    assert tables <= IN_HEADER, "too large for this writer"
    table = packed([*large.table, *[TABLE] * tables])
    header = MAGIC + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIII", 0, tables, directory, 0, SMALLEST_LARGE)
    header += struct.pack("<IIII", small_table, -(-len(small.table) // 128), END, 0)
    header += struct.pack(f"<{IN_HEADER}I", *where, *[FREE] * (IN_HEADER - tables))
    path.write_bytes(header + large.content + table)


def packed(table: Sequence[int]) -> bytes:
    """Fill whole sectors with the entries of a table."""
    missing = -len(table) % (SECTOR // 4)
    return struct.pack(f"<{len(table) + missing}I", *table, *[FREE] * missing)


def described(nodes: Sequence[tuple[str, int, int, int]]) -> bytes:
    """Return the directory: an entry each, those of one storage as a search tree."""
    names = [name for name, *_ in nodes]
    links = {number: [FREE, FREE, FREE] for number in range(len(nodes))}

    def tree(members: list[int]) -> int:
        if not members:
            return FREE
        middle = len(members) // 2
        links[members[middle]][:2] = tree(members[:middle]), tree(members[middle + 1 :])
        return members[middle]

    for number, (name, kind, _, _) in enumerate(nodes):
        if kind != STREAM:
            above = f"{name}/" if name else ""
            members = [n for n, each in enumerate(names) if n and each.startswith(above)]
            members = [n for n in members if "/" not in names[n][len(above) :]]
            members.sort(key=lambda n: (len(names[n]), names[n].upper()))
            links[number][2] = tree(members)
    entries = b""
    for number, (name, kind, start, size) in enumerate(nodes):
        own = (name.split("/")[-1] or "Root Entry").encode("utf-16-le") + b"\0\0"
        entries += own.ljust(64, b"\0") + struct.pack("<HBB", len(own), kind, 1)
        entries += struct.pack("<III", *links[number]) + bytes(36) + struct.pack("<IQ", start, size)
    return entries + (bytes(66) + b"\0\0" + b"\xff" * 12 + bytes(48)) * (-len(nodes) % 4)


def txm_streams(voxels: np.ndarray, edge: float | None = 2.5, **info: int) -> dict[str, bytes]:
    """Return what a Versa's reconstruction holds, as far as it is read."""
    told = {
        "ImageWidth": voxels.shape[2],
        "ImageHeight": voxels.shape[1],
        "NoOfImages": len(voxels),
        "DataType": CODES[voxels.dtype.name],
    }
    found = {f"ImageInfo/{key}": struct.pack("<I", n) for key, n in (told | info).items()}
    if edge is not None:
        found["ImageInfo/PixelSize"] = struct.pack("<f", edge)
    found |= {
        f"ImageData{-(-i // 100)}/Image{i}": image.astype(image.dtype.newbyteorder("<")).tobytes()
        for i, image in enumerate(voxels, 1)
    }
    return found
