"""What all jobs of one upscaled volume agree on: `layout.json`."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandstone.architecture import generator_files
from sandstone.blocks import Cut
from sandstone.cli import InputError
from sandstone.files import read_json, sha256_of, write_json
from sandstone.volume import Volume

VoxelSize = tuple[float, float, float]


@dataclass(frozen=True)
class Layout:
    """One volume, the network that upscales it, and how.

    Attributes
    ----------
    volume, model : str
        Their names in the config.
    source : dict
        Of the LR volume: `bytes` and `sha256` of its files.
    network : dict
        SHA-256 of the network's files, by name.
    dtype : str
        Of both volumes.
    voxel_size_um : tuple of float
        Of the LR volume, (z, y, x).
    cut : Cut
        How the work is cut.
    window : dict
        `low` and `high`, the grey levels that the network sees as 0 and 1; `percentiles`, or
        None where levels were given; `below` and `above`, the voxels beyond, which saturate.
    """

    volume: str
    model: str
    source: dict[str, Any]
    network: dict[str, str]
    dtype: str
    voxel_size_um: VoxelSize
    cut: Cut
    window: dict[str, Any]

    @property
    def levels(self) -> tuple[float, float]:
        """Grey levels that the network sees as 0 and 1."""
        return self.window["low"], self.window["high"]

    @property
    def sr_voxel_size_um(self) -> VoxelSize:
        """Voxel edge of the upscaled volume, (z, y, x), micrometres."""
        return tuple(
            size / factor for size, factor in zip(self.voxel_size_um, self.cut.factors, strict=True)
        )

    @property
    def origin_um(self) -> VoxelSize:
        """Centre of the first voxel of the upscaled volume, from that of the LR volume."""
        return tuple(
            (fine - coarse) / 2
            for fine, coarse in zip(self.sr_voxel_size_um, self.voxel_size_um, strict=True)
        )


def write(path: Path, layout: Layout) -> None:
    """Write a layout; what follows from the cut stands in it for readers."""
    sr = {
        "shape": layout.cut.sr_shape,
        "voxel_size_um": layout.sr_voxel_size_um,
        "blocks": len(layout.cut),
        "block": layout.cut.block,
        "chunk": layout.cut.chunk,
    }
    write_json(path, {**asdict(layout), "upscaled": sr})


def read(path: Path) -> Layout:
    """Read a layout.

    Raises
    ------
    InputError
        If the file is missing or holds no layout.
    """
    remedy = "make it again with prepare_upscale.py"
    content = read_json(path, keys=["upscaled", "cut", "voxel_size_um", "window"], remedy=remedy)
    content.pop("upscaled")
    try:
        cut = Cut(**{**content["cut"], "shape": tuple(content["cut"]["shape"])})
        sizes = tuple(content["voxel_size_um"])
        return Layout(**{**content, "cut": cut, "voxel_size_um": sizes})
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is no layout; {remedy}") from error


def check_volume(layout: Layout, volume: Volume, size: int) -> None:
    """Refuse a volume of which the layout was not made.

    Parameters
    ----------
    layout : Layout
    volume : Volume
        LR volume.
    size : int
        Of its files, bytes.

    Raises
    ------
    InputError
        If shape, type, voxel size or length differ.
    """
    expected = (
        layout.cut.shape,
        layout.dtype,
        layout.voxel_size_um,
        layout.source["bytes"],
    )
    if (volume.shape, volume.dtype.name, tuple(volume.voxel_size_um), size) != expected:
        raise InputError(
            f"{volume.files[0]}: not the volume of the layout any more (shape, type, voxel size or "
            "length differ); make the layout again with prepare_upscale.py"
        )


def network_digests(model_dir: str | Path) -> dict[str, str]:
    """Return the SHA-256 of a network's files.

    Raises
    ------
    InputError
        If one is missing.
    """
    files = generator_files(model_dir)
    for file in files:
        if not file.is_file():
            raise InputError(f"{file} does not exist; train the model first")
    return {file.name: sha256_of(file) for file in files}
