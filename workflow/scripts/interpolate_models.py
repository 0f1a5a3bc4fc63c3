"""Make a model between two others: the mean of their weights, weighted by alpha.

Two generators of which one started from the other lie near each other, so that what lies between
them is a network too: one knob from faithful (alpha 0, the first) to sharp (alpha 1, the second).
Wang et al. (2018), ECCV workshops, "ESRGAN", section 3.4: network interpolation.
"""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.errors import InputError
from sandstone.models.options import between, generator_files
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import h5py

AGAIN = "train it again"


def interpolated(first: Path, second: Path, alpha: float) -> bytes:
    """Return a file of weights, (1 - alpha) · first + alpha · second; its layout is the first's.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the two hold other arrays.
    """
    import h5py

    from sandstone.models.folder import weight_shapes

    shapes = [weight_shapes(path, remedy=AGAIN) for path in (first, second)]
    if shapes[0] != shapes[1]:
        raise InputError(f"{first} and {second} are weights of different networks")
    content = io.BytesIO(first.read_bytes())
    with h5py.File(content, "r+") as made, h5py.File(second, "r") as other:

        def mix(name: str, item: "h5py.HLObject") -> None:
            if isinstance(item, h5py.Dataset):
                item[...] = (1 - alpha) * item[()] + alpha * other[name][()]

        made.visititems(mix)
    return content.getvalue()


def of_samples(paths: Sequence[str], key: str) -> dict[str, Any]:
    """Return what the records of two trainings say of each rock under a key."""
    from sandstone.files import read_json

    told: dict[str, Any] = {}
    for path in paths:
        told |= read_json(path, remedy=AGAIN).get(key, {})
    return told


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--first", type=cli.InputPath, required=True, help="folder of the model at alpha 0")
    add("--second", type=cli.InputPath, required=True, help="folder of the model at alpha 1")
    add("--trainings", type=cli.InputPath, nargs=2, required=True, help="their records (.json)")
    add("--alpha", type=cli.fraction, required=True, help="share of the second, from 0 to 1")
    add("--weights", type=cli.OutputPath, required=True, help="weights to write (.weights.h5)")
    add("--generator", type=cli.OutputPath, required=True, help="network to write (.json)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read both models, mix their weights, write the new one."""
    args = parser().parse_args(argv)

    from sandstone.files import atomic_path, read_json, write_json

    files = [generator_files(folder) for folder in (args.first, args.second)]
    generators = [read_json(description, remedy=AGAIN) for description, _ in files]
    first, second = ({**generator, "noise": 0} for generator in generators)
    if first != second:
        raise InputError(f"{args.first} and {args.second} hold different networks")
    content = interpolated(files[0][1], files[1][1], args.alpha)
    with atomic_path(args.weights) as temporary:
        temporary.write_bytes(content)
    write_json(args.generator, between(*generators, alpha=args.alpha))
    # The second comes first: cards and verdicts follow the first weights that a record names.
    inputs = [*reversed(files[1]), *reversed(files[0])]
    sizes, learned = (of_samples(args.trainings, key) for key in ("voxel_size_um", "domain"))
    write_record(__file__, args, voxel_size_um=sizes, inputs=inputs, domain=learned)


if __name__ == "__main__":
    sys.exit(cli.run(main))
