"""What the XML beside an HDF5 file of BigDataViewer says of its voxels.

Format: https://imagej.net/plugins/bdv/ (Pietzsch, Saalfeld, Preibisch, Tomancak (2015),
BigDataViewer: visualization and processing for large image data sets, Nature Methods 12, 481-483)
"""

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

LARGEST_XML = 1 << 26  # bytes; one of thousands of views has a few megabytes
ROOT = b"<SpimData"
_START = 1 << 12  # bytes; the root follows the declaration and comments


@dataclass(frozen=True)
class Setup:
    """What is told of one setup; texts as they stand there, x first.

    Attributes
    ----------
    size : str
        Voxels along each axis of the finest level.
    voxel_size, unit : str
        Edges of a voxel of that level, and their unit.
    """

    size: str
    voxel_size: str
    unit: str

    def describes(self, shape: tuple[int, ...]) -> bool:
        """Say whether it tells of voxels of that depth, height and width, at the finest level."""
        return self.size.split() == [str(length) for length in reversed(shape)]


def beside(path: Path) -> Path | None:
    """Return the XML of BigDataViewer that has the name of an HDF5 file, None without one."""
    file = path.with_suffix(".xml")
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        return file if ROOT in stream.read(_START) else None


def setup(file: Path, number: int) -> Setup | None:
    """Return what `file` tells of the setup of a number, None where it tells nothing of it.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If it is no XML, or a cut one.
    """
    with file.open("rb") as stream:
        root = ET.fromstring(stream.read(LARGEST_XML))  # noqa: S314 - expat bounds its entities
    for entry in root.iterfind("SequenceDescription/ViewSetups/ViewSetup"):
        if entry.findtext("id", "").strip() == str(number):
            return Setup(
                entry.findtext("size", ""),
                entry.findtext("voxelSize/size", ""),
                entry.findtext("voxelSize/unit", ""),
            )
    return None
