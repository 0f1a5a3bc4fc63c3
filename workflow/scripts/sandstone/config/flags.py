"""Settings as the words of a command line, and the words with which a script is told a volume."""

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import AXES
from sandstone.errors import InputError

if TYPE_CHECKING:
    from sandstone.volumes.volume import Volume


def as_flags(settings: Mapping[str, Any], prefix: str = "-") -> list[str]:
    """Turn nested settings into command-line words: {"loss": {"pixel": 1}} is --loss-pixel 1.

    Sorted by key, so that the order of a user's file makes no difference.
    """
    words: list[str] = []
    for key, value in sorted(settings.items()):
        flag = f"{prefix}-{key.replace('_', '-')}"
        if isinstance(value, Mapping):
            words += as_flags(value, flag)
        elif isinstance(value, bool):
            words += [flag, str(value).lower()]
        elif isinstance(value, list):
            words += [flag, *map(str, value)]
        else:
            words += [flag, str(value)]
    return words


def add(
    arguments: argparse.ArgumentParser,
    name: str = "volume",
    *,
    required: bool = True,
    kind: type[str] = cli.InputPath,
) -> None:
    """Add the flags of a volume: `--volume`, `--raw-shape`, ...; of `hr`, `--hr-raw-shape`.

    Its files get no hash in the record where `kind` is `cli.WorkPath`.
    """
    prefix = _prefix(name)
    flag = arguments.add_argument
    flag(
        f"--{name}",
        type=kind,
        required=required,
        nargs="+",
        help="file, folder, glob, or files one a slice",
    )
    flag(
        f"--{prefix}voxel-size-um", type=cli.positive_float, nargs="+", help="one number, or z y x"
    )
    flag(
        f"--{prefix}raw-shape", type=cli.positive_int, nargs=3, help="z y x, headerless files only"
    )
    flag(f"--{prefix}raw-dtype", help="as in uint16, headerless files only")
    flag(f"--{prefix}raw-byteorder", choices=["little", "big"], default="little")
    flag(
        f"--{prefix}raw-offset",
        type=cli.non_negative_int,
        default=0,
        help="bytes before the first voxel",
    )
    flag(f"--{prefix}dataset", help="name inside an HDF5, NetCDF or Zarr file")


def add_axis(arguments: argparse.ArgumentParser) -> None:
    """Add `--axis`, along which slices follow each other, to the flags of all volumes."""
    arguments.add_argument("--axis", choices=AXES, default="z", help="that the slices follow")


def add_judged(arguments: argparse.ArgumentParser) -> None:
    """Add the flags of an upscaled volume, its coarse scan and a true fine one.

    Of the fine scan these are its slices, its splits, and how it lies on the coarse one.
    """
    add(arguments, "upscaled")
    add(arguments, "lr")
    add_axis(arguments)
    flag = arguments.add_argument
    flag("--name", required=True, help="of the volume, for the tables")
    flag("--method", required=True, help="name of the model that upscaled it")
    for name, what in (
        ("slices", "slices of the fine scan (.tif)"),
        ("mask", "their rock mask (.mask.tif)"),
        ("metadata", "their description (.json)"),
        ("pairs", "their tile pairs, for guard and splits (.h5)"),
    ):
        flag(f"--{name}", type=cli.InputPath, required=True, help=what)
    flag("--registration", type=cli.InputPath, help="of the fine and the coarse scan (.json)")
    flag("--degradation", type=cli.InputPath, help="fitted to both, for their grey levels (.json)")


def open_named(args: argparse.Namespace, name: str = "volume") -> "Volume":
    """Open the volume that the flags of `add` name, turned as `add_axis` says.

    Raises
    ------
    InputError
        If the flags contradict each other, or the volume cannot be opened.
    """
    from sandstone.volumes.volume import RawLayout, open_volume

    flags, prefix = vars(args), _prefix(name).replace("-", "_")
    paths, size = flags[name], flags[f"{prefix}voxel_size_um"]
    shape, dtype = flags[f"{prefix}raw_shape"], flags[f"{prefix}raw_dtype"]
    if size and len(size) not in {1, 3}:
        raise InputError(
            f"--{_prefix(name)}voxel-size-um takes one number, or three for z, y and x"
        )
    if (shape is None) != (dtype is None):
        raise InputError(
            f"--{_prefix(name)}raw-shape and --{_prefix(name)}raw-dtype go together; give both"
        )
    raw = shape and RawLayout(
        tuple(shape), dtype, flags[f"{prefix}raw_byteorder"], flags[f"{prefix}raw_offset"]
    )
    return open_volume(
        paths if len(paths) > 1 else paths[0],
        voxel_size_um=size[0] if size and len(size) == 1 else size,
        raw=raw or None,
        dataset=flags[f"{prefix}dataset"],
        axis=flags.get("axis", "z"),
    )


def _prefix(name: str) -> str:
    return "" if name == "volume" else f"{name}-"
