"""Make the folder of a model from SPAN as it was published, trained on photographs.

The file is checked by SHA-256 and its tensors are read as plain arrays, without PyTorch: no code
in it can run. The folder is a given model like any other: to start from, to upscale with, and to
measure beside the models of a study.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sandstone import cli
from sandstone.errors import InputError
from sandstone.priors import published

DOWNLOAD = "published.pth"


def fetch(url: str, sha256: str, file: str | None, folder: Path) -> Path:
    """Return the published file: the one that is at hand, or a download; its hash is checked.

    Raises
    ------
    InputError
        If it cannot be had, or has another SHA-256.
    """
    from sandstone import download, files

    if not file:
        target = folder / DOWNLOAD  # here, so that what arrived is there for another attempt
        download.download(url, target, sha256=sha256)
        return target
    if not Path(file).is_file():
        raise InputError(f"--file {file} does not exist; leave it out to fetch {url}")
    if (found := files.sha256_of(file)) != sha256:
        raise InputError(f"{file} has the SHA-256 {found}, not {sha256}: fetch it again")
    return Path(file)


def write_model(file: Path, scale: int, folder: Path) -> None:
    """Write the network with its weights, and where they are from, as the folder of a model."""
    from sandstone.files import sha256_of, write_json
    from sandstone.models.folder import PUBLISHED
    from sandstone.models.networks import build_generator
    from sandstone.models.options import generator_config, generator_files
    from sandstone.models.weights import save_network_json, save_weights
    from sandstone.priors.span_photo import layers
    from sandstone.priors.torch_files import read_state_dict

    found = layers(read_state_dict(file), scale)
    options = generator_config(**published.generator(scale))
    model = build_generator(**options)
    for name, weights in found.items():
        model.get_layer(name).set_weights(weights)
    description, weights_file = generator_files(folder)
    folder.mkdir(parents=True, exist_ok=True)
    save_network_json(description, options)
    save_weights(model, weights_file)
    write_json(folder / PUBLISHED, {**published.ORIGIN, "weights": sha256_of(weights_file)})


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--url", default=published.URL, help="address of the published file (.pth)")
    add("--sha256", default=published.SHA256, help="its SHA-256")
    add("--file", help="the published file, where it has been fetched already")
    add("--scale", type=int, choices=published.SCALES, default=published.SCALE, help="to enlarge")
    add("--output", help="folder to write; data/weights/span_photo_x<scale> without it")
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Fetch, check, convert, write."""
    args = parser().parse_args(argv)
    folder = Path(args.output or f"data/weights/span_photo_x{args.scale}")
    write_model(fetch(args.url, args.sha256, args.file, folder), args.scale, folder)
    (folder / DOWNLOAD).unlink(missing_ok=True)
    print(f"wrote {folder}", flush=True)


if __name__ == "__main__":
    sys.exit(cli.run(main))
