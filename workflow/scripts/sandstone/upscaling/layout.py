"""What all jobs of one upscaled volume agree on: `layout.json`."""

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sandstone.errors import InputError
from sandstone.fields import Kind, are, check_fields, is_number, is_whole
from sandstone.files import read_json, sha256_of, write_json
from sandstone.imaging.back_projection import Network, back_projected, known
from sandstone.imaging.redegrade import REACH
from sandstone.models.options import STAGES, generator_files
from sandstone.sizes import zyx
from sandstone.upscaling.blocks import Tiling
from sandstone.volumes.volume import Volume

MOST_VOXELS = 2**48  # upscaled, these are petabytes
VoxelSize = tuple[float, float, float]
DTYPES = {f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)} | {
    f"float{bits}" for bits in (16, 32, 64)
}


def _is_tiling(value: Any) -> bool:
    lengths = ("scale", "tile", "batch")
    return (
        isinstance(value, dict)
        and value.keys() == {*lengths, "shape", "axes", "halo"}
        and are(is_whole, value["shape"], 3)
        and all(is_whole(value[key]) for key in (*lengths, "halo"))
        and min(*value["shape"], *(value[key] for key in lengths)) >= 1
        and value["halo"] >= 0
        and value["scale"] in STAGES
        and math.prod(value["shape"]) < MOST_VOXELS
        and value["axes"] in ("z", "mean")
    )


def _is_window(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and are(is_number, [value.get("low"), value.get("high")], 2)
        and value["low"] < value["high"]
    )


def _is_source(value: Any) -> bool:
    texts = ("sha256", "voxels_sha256")
    return (
        isinstance(value, dict)
        and isinstance(value.get("bytes"), int)
        and all(isinstance(value.get(key), str) for key in texts)
    )


def _is_back_projection(value: Any) -> bool:
    return value == {} or (
        isinstance(value, dict)
        and value.keys() == {"iterations", "degradation"}
        and is_whole(value["iterations"])
        and isinstance(value["degradation"], dict)
        and value["degradation"].get("kernel") in REACH
    )


KINDS: dict[str, Kind] = {
    "volume": lambda value: isinstance(value, str),
    "model": lambda value: isinstance(value, str),
    "source": _is_source,
    "network": lambda value: isinstance(value, dict),
    "dtype": lambda value: isinstance(value, str) and value in DTYPES,
    "voxel_size_um": lambda value: are(is_number, value, 3) and min(value) > 0,
    "tiling": _is_tiling,
    "window": _is_window,
    "back_projection": _is_back_projection,
}


@dataclass(frozen=True)
class Layout:
    """One volume, the network that upscales it, and the tiling.

    Attributes
    ----------
    volume, model : str
        Their names in the config.
    source : dict
        The LR volume: `bytes` and `sha256` of its files, `voxels_sha256` of the voxels as read.
    network : dict
        SHA-256 of the network's files, by name.
    dtype : str
        Type of the voxels of both volumes.
    voxel_size_um : tuple of float
        Voxel edge of the LR volume, (z, y, x), micrometres.
    tiling : Tiling
        How the volume is divided.
    window : dict
        `low` and `high`, the grey levels that the network sees as 0 and 1; `percentiles`, or
        None if grey levels were given; `below` and `above`, the voxels beyond, which saturate.
    back_projection : dict
        `iterations` and the `degradation` by which to project back; {} for not at all.
    """

    volume: str
    model: str
    source: dict[str, Any]
    network: dict[str, str]
    dtype: str
    voxel_size_um: VoxelSize
    tiling: Tiling
    window: dict[str, Any]
    back_projection: dict[str, Any]

    def faithful(self, network: Network) -> Network:
        """Return a network that projects back as the layout says."""
        if not self.back_projection:
            return network
        # JSON has no tuples, by which a blur along z, y and x is told from one number.
        made = known(self.back_projection["degradation"], "layout.json")
        iterations = self.back_projection["iterations"]
        return back_projected(network, self.tiling.scale, made, iterations)

    @property
    def grey_window(self) -> tuple[float, float]:
        """Grey levels (low, high) that the network sees as 0 and 1."""
        return self.window["low"], self.window["high"]

    @property
    def sr_voxel_size_um(self) -> VoxelSize:
        """Voxel edge of the upscaled volume, (z, y, x), micrometres."""
        return zyx(
            size / factor
            for size, factor in zip(self.voxel_size_um, self.tiling.factors, strict=True)
        )

    @property
    def origin_um(self) -> VoxelSize:
        """Centre of the first voxel of the upscaled volume, (z, y, x), micrometres.

        It is counted from the centre of the first voxel of the LR volume.
        """
        return zyx(
            (fine - coarse) / 2
            for fine, coarse in zip(self.sr_voxel_size_um, self.voxel_size_um, strict=True)
        )


def write_layout(path: Path, layout: Layout) -> None:
    """Write a layout, with the shapes that follow from its tiling, for readers."""
    sr = {
        "shape": layout.tiling.sr_shape,
        "voxel_size_um": layout.sr_voxel_size_um,
        "blocks": len(layout.tiling),
        "block": layout.tiling.block,
        "chunk": layout.tiling.chunk,
    }
    write_json(path, {**asdict(layout), "upscaled": sr})


def read_layout(path: Path) -> Layout:
    """Read a layout.

    Raises
    ------
    InputError
        If the file is missing or holds no layout.
    """
    remedy = "make it again with prepare_upscale.py"
    content = read_json(path, keys=[*KINDS, "upscaled"], remedy=remedy)
    check_fields(content, KINDS, path, remedy)
    tiling = Tiling(**{**content["tiling"], "shape": tuple(content["tiling"]["shape"])})
    fields = {key: content[key] for key in KINDS}
    return Layout(**{**fields, "tiling": tiling, "voxel_size_um": tuple(content["voxel_size_um"])})


def check_volume(layout: Layout, volume: Volume, size: int) -> None:
    """Refuse a volume that is not the one of the layout.

    Parameters
    ----------
    layout : Layout
    volume : Volume
        LR volume.
    size : int
        Length of its files, bytes.

    Raises
    ------
    InputError
        If shape, type, voxel size or length differ.
    """
    expected = (
        layout.tiling.shape,
        layout.dtype,
        layout.voxel_size_um,
        layout.source["bytes"],
    )
    if (volume.shape, volume.dtype.name, tuple(volume.voxel_size_um), size) != expected:
        raise InputError(
            f"{volume.files[0]}: no longer the volume of the layout (shape, type, voxel size or "
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
