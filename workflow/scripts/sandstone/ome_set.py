"""Which files an OME-TIFF image is spread over.

Format: https://docs.openmicroscopy.org/ome-model/latest/ome-tiff/specification.html
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tifffile

from sandstone.errors import InputError, shortened

LARGEST_XML = 1 << 26  # bytes of a companion file


# File, place in depth (time, z, channel: of these one varies) and page, if it is told.
Plane = tuple[str, tuple[int, ...], int | None]


@dataclass(frozen=True)
class OmeSet:
    """An image in several files.

    Attributes
    ----------
    files : list of Path
        In the order of depth.
    planes : int
        That the whole set should hold.
    xml : str
        The metadata that all of them share.
    """

    files: list[Path]
    planes: int
    xml: str


def images(xml: str) -> list[dict[str, Any]]:
    """Return the images that OME's metadata describe."""
    return _several(tifffile.xml2dict(xml).get("OME", {}).get("Image"))


def find(path: Path) -> OmeSet | None:
    """Return the set of which a TIFF file is part, None for one that is whole.

    Raises
    ------
    InputError
        If files of the set are missing, or take turns in holding the slices.
    """
    xml = _xml(path)
    if xml is None:
        return None
    found = images(xml)
    own = [image for image in found if path.name in {name for name, _, _ in _planes(image)}]
    planes = [plane for image in own or found for plane in _planes(image)]
    names = list(dict.fromkeys(name for name, _, _ in planes))
    if len(names) < 2:
        return None
    if absent := [name for name in names if not _beside(path, name).is_file()]:
        raise InputError(
            f"{path}: part of an OME-TIFF set of {len(names)} files, of which "
            f"{shortened(', '.join(absent))} is missing; copy it beside the others"
        )
    in_order = sorted(planes, key=lambda plane: plane[1])
    runs = [name for i, (name, _, _) in enumerate(in_order) if i == 0 or in_order[i - 1][0] != name]
    pages = [(name, page) for name, _, page in in_order if page is not None]
    if len(runs) > len(names) or pages != sorted(
        pages, key=lambda each: (runs.index(each[0]), each[1])
    ):
        raise InputError(
            f"{path}: the files of its OME-TIFF set ({shortened(', '.join(names))}) take turns in "
            "holding the slices; save the volume as one file"
        )
    return OmeSet([_beside(path, name) for name in runs], _declared((own or found)[0], planes), xml)


def _xml(path: Path) -> str | None:
    """Return the OME metadata of a file, or those to which it refers."""
    xml = _xml_in(path)
    try:
        reference = tifffile.xml2dict(xml)["OME"]["BinaryOnly"]["MetadataFile"] if xml else None
    except (KeyError, TypeError):
        return xml
    except Exception:  # noqa: BLE001 - metadata that cannot be read count as none
        return None
    if reference is None:
        return xml
    holder = _beside(path, str(reference))
    if not holder.is_file():
        raise InputError(
            f"{path}: part of an OME-TIFF set that {holder.name} describes, which is missing; "
            "copy it beside the others"
        )
    if holder.suffix.lower() in (".tif", ".tiff"):
        return _xml_in(holder)
    with holder.open("rb") as stream:
        return stream.read(LARGEST_XML).decode(errors="replace")


def _xml_in(path: Path) -> str | None:
    with tifffile.TiffFile(path, _multifile=False) as tiff:
        return tiff.ome_metadata


def _planes(image: dict[str, Any]) -> list[Plane]:
    """Return the file, the place in depth and the page of each plane that names its file."""
    planes: list[Plane] = []
    for entry in _several(image.get("Pixels", {}).get("TiffData")):
        name = (entry.get("UUID") or {}).get("FileName")
        if name is None:
            continue
        t, z, c = (int(entry.get(f"First{axis}", 0)) for axis in "TZC")
        page = int(entry["IFD"]) if "IFD" in entry else None
        planes.append((str(name), (t, z, c), page))
    return planes


def _declared(image: dict[str, Any], planes: list[Plane]) -> int:
    """Return how many planes an image has, by its lengths or else by their list."""
    pixels = image.get("Pixels", {})
    try:
        return int(pixels["SizeZ"]) * int(pixels.get("SizeC", 1)) * int(pixels.get("SizeT", 1))
    except (KeyError, ValueError):
        return len(planes)


def _several(entries: Any) -> list[dict[str, Any]]:
    """Return XML elements of one name, which come alone, in a list, or not at all."""
    listed = entries if isinstance(entries, list) else [entries]
    return [entry for entry in listed if isinstance(entry, dict)]


def _beside(path: Path, name: str) -> Path:
    if Path(name).name != name:
        raise InputError(
            f"{path}: a file of its OME-TIFF set, {shortened(name)}, lies in another folder; put "
            "all side by side"
        )
    return path.parent / name
