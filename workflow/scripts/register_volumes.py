"""Register the coarse scan of a pair on the fine one: shift, rotation and a scale error.

Writes the transform, with the correlation of both scans before and after, and sections for the
figure. What correlates is the coarse scan with the fine one blurred as the coarse scanner blurs,
at the centres of the coarse voxels.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import REGISTRATIONS
from sandstone.config import flags
from sandstone.errors import InputError
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    from sandstone.registration.register import Registration
    from sandstone.registration.scans import Scan
    from sandstone.registration.transform import Transform

NUMBERS = ("shift_um", "rotation_deg", "scale")
DIGITS = 6  # of correlations in the description


def check_flags(args: argparse.Namespace) -> None:
    """Raise an `InputError` for numbers that the method does not take, or lacks."""
    named = [name for name in NUMBERS if getattr(args, name) is not None]
    if named and args.registration != "given":
        flag = named[0].replace("_", "-")
        raise InputError(
            f"--{flag} does not act with --registration {args.registration}; drop one of them, or "
            "say --registration given"
        )
    if args.registration == "given" and args.shift_um is None:
        raise InputError("--registration given needs the numbers; add --shift-um z y x")


def transform_of(args: argparse.Namespace) -> "Transform":
    """Return the transform that the flags name; the identity where they name none."""
    from sandstone.registration.transform import Transform
    from sandstone.sizes import zyx

    nothing = (0.0, 0.0, 0.0)
    return Transform(
        shift_um=zyx(args.shift_um or nothing),
        rotation_deg=zyx(args.rotation_deg or nothing),
        scale=args.scale or 1.0,
    )


def register(args: argparse.Namespace, fine: "Scan", coarse: "Scan") -> "Registration":
    """Find the transform, or take the one that is given."""
    from sandstone.registration import register as search

    if args.registration == "auto":
        return search.found(fine, coarse)
    return search.given(fine, coarse, transform_of(args), args.registration)


def describe(
    args: argparse.Namespace, fine: "Scan", coarse: "Scan", found: "Registration"
) -> dict[str, Any]:
    """Return the JSON of docs/design.md."""
    from sandstone.registration.pairs import blur_um

    scans = {"fine": fine, "coarse": coarse}
    sizes = {
        name: {"shape": list(scan.shape), "voxel_size_um": list(scan.voxel_size_um)}
        for name, scan in scans.items()
    }
    return {
        "sample": args.sample,
        **sizes,
        "transform": found.transform.as_dict(),
        "method": found.method,
        "correlation": {
            "before": None if found.before is None else round(found.before, DIGITS),
            "after": round(found.after, DIGITS),
        },
        "blur_sigma_um": [round(each, 4) for each in blur_um(coarse, found.blur)],
    }


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--sample", required=True, help="name of the sample")
    flags.add(arguments)
    flags.add(arguments, "lr")
    flags.add_axis(arguments)
    add(
        "--registration", choices=REGISTRATIONS, default="auto", help="find it, or take it as it is"
    )
    add("--shift-um", type=float, nargs=3, help="z y x, of the middle of the fine scan")
    add("--rotation-deg", type=float, nargs=3, help="rotation vector z y x")
    add("--scale", type=cli.positive_float, help="above 1, the coarse scan shows the rock larger")
    add("--output", type=cli.OutputPath, required=True, help="transform to write (.json)")
    add("--sections", type=cli.OutputPath, required=True, help="sections to write (.h5)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Open both volumes, register them, write the transform and the sections."""
    args = parser().parse_args(argv)
    check_flags(args)

    from sandstone.files import write_json
    from sandstone.registration.scans import Scan
    from sandstone.registration.sections import sections, write_sections

    with flags.open_named(args) as volume, flags.open_named(args, "lr") as lr:
        fine, coarse = Scan(volume, "the fine scan"), Scan(lr, "the coarse scan")
        found = register(args, fine, coarse)
        described = describe(args, fine, coarse, found)
        shown = sections(fine, coarse, found)
        volume.check_unchanged()
        lr.check_unchanged()
    write_sections(args.sections, shown)
    write_json(args.output, described)
    before, after = described["correlation"].values()
    told = "no overlap" if before is None else f"{before:.4f}"
    print(f"{args.sample}: correlation before {told}, after {after:.4f}", flush=True)
    write_record(
        __file__, args, voxel_size_um=coarse.voxel_size_um, inputs=[*volume.files, *lr.files]
    )


if __name__ == "__main__":
    sys.exit(cli.run(main))
