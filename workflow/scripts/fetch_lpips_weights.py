"""Make the weights of LPIPS-AlexNet, one .npz, from ten .keras files of a public repository.

The files are checked by SHA-256 and read as plain arrays: Keras never loads them, so no
code in them can run.
"""

import argparse
import io
import sys
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from sandstone import cli
from sandstone.errors import InputError

if TYPE_CHECKING:
    import numpy as np

REPOSITORY = (
    "https://raw.githubusercontent.com/Image-X-Institute/lpips_torch2tf/"
    "4b7afc647981a5cc9176c2083b27e353b5794a32/dev_src/parameters/lpips_tf/alex"
)
# AlexNet's convolutions with their ReLU (slice), LPIPS v0.1's linear weights (lin).
SHA256 = {
    "slice_1_base.keras": "373b1848116e38b7917388a76cc5a6eee20d65bfa512def5cce203a6209c1fee",
    "slice_2_base.keras": "87cb459dc6df880d48d8d65b92a691381216afb967df6d4ea9ee2f1d59075c81",
    "slice_3_base.keras": "a8ebb2361236c4308d785cc734cd196275929bed0791053a831c4f2e68a07788",
    "slice_4_base.keras": "4cdf1e1507804ddb05b4c225d37f52e4387d25df2211f37cc4d0228569996a5f",
    "slice_5_base.keras": "261db24f32ed83b4019ee34e75d7895cd59ab22275232ea8ad78fa7556774e10",
    "lin0.keras": "f3cf392dbd3c66d23ce32afc8c4cc27095d2c2537e94d1cfa77b4d0d83709016",
    "lin1.keras": "e8b4662795286c645528cd19e7673aba2db6df9ea7a5ffa91cf494cc91c6660c",
    "lin2.keras": "6bd785f0f4a2e83cb71950d576d5d60f70dd09d6260d99d583e85aab3b547f3a",
    "lin3.keras": "c2d794728ae187d6cdb416584df522b07db5c5ddbaadb4657bf555ae092ad450",
    "lin4.keras": "16e653695b67803dd2b639ff19bd7b1f0b8e508f4dd8a13fcd5f29b42eb2a2d6",
}
LARGEST_PART = 1 << 24  # bytes, of a part unpacked; the largest has 3.5 MB
KERNEL_SHAPES = (
    (11, 11, 3, 64),
    (5, 5, 64, 192),
    (3, 3, 192, 384),
    (3, 3, 384, 256),
    (3, 3, 256, 256),
)


def read_arrays(part: Path) -> list["np.ndarray"]:
    """Return the floating-point arrays of a .keras file, those with most axes first.

    Integer arrays are the state of a dropout layer's random generator, not weights.

    Raises
    ------
    InputError
        If the file is no .keras file.
    """
    import zlib

    import h5py

    from sandstone.hdf5 import check_storage

    arrays = []

    def collect(_: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            check_storage(item, part)
            if item.nbytes > LARGEST_PART:
                raise InputError(f"{part.name} holds {item.nbytes} bytes: check --url")
            arrays.append(item[()].astype("float32"))

    try:
        with zipfile.ZipFile(part) as archive, archive.open("model.weights.h5") as packed:
            content = io.BytesIO(packed.read(LARGEST_PART))
        with h5py.File(content, "r") as weights:
            weights.visititems(collect)
    except InputError:
        raise
    except (
        *(zipfile.BadZipFile, zlib.error, KeyError, OSError, EOFError),
        *(ValueError, RuntimeError, MemoryError),
    ) as error:
        raise InputError(
            f"{part.name} is not a .keras file with model.weights.h5 in it: check --url"
        ) from error
    return sorted(arrays, key=lambda array: -array.ndim)


def repack(folder: Path) -> dict[str, "np.ndarray"]:
    """Return the weights under the names that `lpips.LpipsAlex` reads.

    Arrays are told apart by shape alone, since the paths inside a .keras file change with
    the version of Keras. Axes keep their order.

    Raises
    ------
    InputError
        If a part holds other arrays than LPIPS-AlexNet's.
    """
    weights: dict[str, np.ndarray] = {}
    for i, shape in enumerate(KERNEL_SHAPES, start=1):
        channels = shape[-1]
        kernel, bias = _expect(folder / f"slice_{i}_base.keras", [shape, (channels,)])
        (linear,) = _expect(folder / f"lin{i - 1}.keras", [(1, 1, channels, 1)])
        weights |= {f"conv{i}_kernel": kernel, f"conv{i}_bias": bias, f"lin{i}": linear}
    return weights


def _expect(part: Path, shapes: list[tuple[int, ...]]) -> list["np.ndarray"]:
    arrays = read_arrays(part)
    found = [array.shape for array in arrays]
    if found != shapes:
        raise InputError(
            f"{part.name} holds arrays of shapes {found}, not LPIPS-AlexNet's {shapes}: check --url"
        )
    return arrays


def fetch(base: str, output: str | Path, sha256: Mapping[str, str] = SHA256) -> None:
    """Download the parts from the address `base` and write them repacked to `output`.

    Raises
    ------
    InputError
        If a part cannot be had, has another SHA-256 than `sha256` says, or other arrays.
    """
    from sandstone import download, files

    with tempfile.TemporaryDirectory() as folder:
        for number, (name, digest) in enumerate(sha256.items(), start=1):
            print(f"part {number} of {len(sha256)}: {name}", flush=True)
            download.download(f"{base.rstrip('/')}/{name}", Path(folder, name), sha256=digest)
        weights = repack(Path(folder))
    with files.atomic_path(output) as temporary, temporary.open("wb") as stream:
        write_npz(stream, weights)
    print(f"wrote {output}", flush=True)


def write_npz(stream: BinaryIO, arrays: "Mapping[str, np.ndarray]") -> None:
    """Write arrays for `numpy.load`; equal arrays give equal bytes.

    Those of `numpy.savez` differ between releases of Python, even within 3.11.
    """
    import numpy as np

    with zipfile.ZipFile(stream, "w") as archive:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())  # dated 1980


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    arguments.add_argument("--url", default=REPOSITORY, help="folder that holds the ten files")
    arguments.add_argument(
        "--output", default="data/weights/lpips_alex.npz", help="weights to write (.npz)"
    )
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Download, check and repack the weights."""
    args = parser().parse_args(argv)
    fetch(args.url, args.output)


if __name__ == "__main__":
    sys.exit(cli.run(main))
