"""Upscale one scan by a trained model, without any config of one's own: `make upscale`.

Runs the workflow for this volume alone, by a config that it writes beside the result, and says
where the result is and how to look at it.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "workflow" / "scripts"))

from sandstone import cli  # noqa: E402
from sandstone.config.given import PREFIX, PRETRAINED, add_pretrained  # noqa: E402
from sandstone.errors import InputError, shown  # noqa: E402
from sandstone.files import read_json, write_json  # noqa: E402
from sandstone.volumes.folder import is_folder_of_slices, suffix_of  # noqa: E402

LONGEST_NAME = 100  # as in the schema


def name_of(volume: str) -> str:
    """Return a name for the result from that of the scan: lower case, digits and underscores.

    Slices that a pattern names are called after their folder.

    Raises
    ------
    InputError
        If nothing is left of the name.
    """
    path = Path(volume).resolve()
    if not path.exists() and any(character in path.name for character in "*?["):
        path = path.parent
    stem = path.name.lower()
    if not is_folder_of_slices(path):
        stem = stem.removesuffix(suffix_of(path)).removesuffix(".ome")
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:LONGEST_NAME]
    if not name:
        raise InputError(f"{shown(volume)} has no letter or digit in its name: rename it")
    return name


def check_name(config: Path, volume: str) -> None:
    """Refuse to write over the result of another scan of the same name.

    Raises
    ------
    InputError
        If the config of the result names another scan.
    """
    if not config.is_file():
        return
    entries = read_json(config, remedy="delete it").get("upscale", {})
    others = [entry["path"] for entry in entries.values() if entry["path"] != volume]
    if others:
        raise InputError(
            f"{config} is of another scan of this name, {shown(others[0])}; rename one of both, "
            f"or move results/upscaled/{config.stem} and this file away"
        )


def check_scan(volume: str, voxel_size_um: float | None) -> None:
    """Refuse a scan that cannot be read or tells no voxel size, before anything starts."""
    from sandstone.volumes.volume import open_volume

    try:
        with open_volume(volume, voxel_size_um=voxel_size_um):
            pass
    except InputError as error:
        if voxel_size_um is None and "voxel_size_um" in str(error):
            raise InputError(f"{error}; with make: VOXEL_UM=6") from error
        raise


def overlay(args: argparse.Namespace, name: str) -> dict[str, Any]:
    """Return what lies over config.yaml: this volume, this model, and nothing to measure."""
    from sandstone.models.folder import generator_of

    pretrained = args.model.startswith(PREFIX)
    if pretrained:
        add_pretrained({"upscale": {name: {"model": args.model}}})  # refuses a misspelt one
    folder = PRETRAINED.parent / args.model if pretrained else Path(args.model).resolve()
    model = args.model if pretrained else name_of(str(folder))
    entry = {
        "path": str(Path(args.volume).resolve()),
        "model": model,
        "axes": args.axes,
    }
    if args.voxel_um:
        entry["voxel_size_um"] = args.voxel_um
    scale = generator_of(folder)["scale"]
    laid_over: dict[str, Any] = {
        # No tiles are cut, but the config must be one by which they could be.
        "pairs": {"scale": scale, "hr_size": 64 * scale, "stride": 64 * scale},
        "evaluation": {"models": []},
        "upscale": {name: entry},
    }
    if not pretrained:
        laid_over["models"] = {model: {"weights": str(folder)}}
    return laid_over


def command(config: Path, name: str, cores: str) -> list[str]:
    """Return the call of Snakemake that makes the volume and its figure."""
    folder = f"results/upscaled/{name}"
    targets = [
        f"{folder}/{name}.ome.zarr/zarr.json",
        f"results/figures/upscaled/{name}/slice.png",
    ]
    start = ["snakemake", "--snakefile", str(REPOSITORY / "Snakefile"), "--cores", cores]
    return [*start, "--configfile", str(config), "--", *targets]


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("volume", help="the scan: a file, a folder or a glob of slices")
    add("--voxel-um", type=cli.positive_float, help="edge of its voxels, where it does not say")
    add(
        "--model",
        default=f"{PREFIX}sandstone_x4",
        help="one that comes with this project, or the folder of a trained one",
    )
    add("--axes", choices=("z", "mean"), default="z", help="enlarge slices, or all three axes")
    add("--cores", default="all", help="of the machine")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Check the scan, run the workflow for it, say where the result is."""
    args = parser().parse_args(argv)
    name = name_of(args.volume)
    check_scan(args.volume, args.voxel_um)
    config = Path("results/upscaled", f"{name}.json")
    check_name(config, str(Path(args.volume).resolve()))
    write_json(config, overlay(args, name))
    call = command(config, name, args.cores)
    if code := subprocess.run(call, check=False).returncode:
        sys.exit(code)
    folder = Path("results/upscaled", name).absolute()
    print(
        f"\nupscaled  {folder}/{name}.ome.zarr"
        f"\n          napari, with its plugin napari-ome-zarr, opens it; so does Fiji's N5 viewer;"
        f"\n          ParaView opens the TIFF that docs/upscaling.md tells how to make"
        f"\nfigure    {Path('results/figures/upscaled', name, 'slice.png').absolute()}"
        f"\nconfig    {config.absolute()}, to go on from; docs/upscaling.md says what to choose"
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
