"""Fit what the coarse scanner of a pair does to what the fine one sees: grey levels, blur, noise.

Sub-blocks that are spread over what both scans show are compared, so that memory does not grow
with the scans.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import SCALES
from sandstone.config import flags
from sandstone.provenance.record import add_record_flag, write_record

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.slices import Slices
    from sandstone.degradation.fitted import Fitted
    from sandstone.degradation.sub_blocks import Overlap, SubBlock
    from sandstone.registration.transform import Transform
    from sandstone.volumes.volume import Volume

AGAIN = "delete it and run register_volumes.py again"
NOTEWORTHY_SHIFT = 0.25  # coarse voxels


def overlap_of(stack: "Slices", volume: "Volume", transform: "Transform", scale: int) -> "Overlap":
    """Return how the fine slices and the coarse volume lie on each other."""
    from sandstone.degradation.sub_blocks import Overlap
    from sandstone.sizes import zyx

    return Overlap(
        transform=transform,
        fine_shape=zyx(stack.shape),
        fine_origin=zyx(stack.metadata["origin"]),
        fine_voxel_size_um=zyx(map(float, stack.metadata["voxel_size_um"])),
        coarse_shape=volume.shape,
        coarse_voxel_size_um=volume.voxel_size_um,
        scale=scale,
    )


def read_blocks(stack: "Slices", volume: "Volume", overlap: "Overlap") -> list["SubBlock"]:
    """Read the blocks that are compared."""
    from sandstone.degradation import sub_blocks
    from sandstone.imaging import grey

    def read_coarse(z: slice, y: slice, x: slice) -> "np.ndarray":
        return volume.read(z.start, z.stop, y)[:, :, x]

    return sub_blocks.read(
        sub_blocks.choose(overlap, stack.read_mask),
        read_fine=lambda z: grey.to_unit(stack.read(z)),
        read_rock=stack.read_mask,
        read_coarse=read_coarse,
    )


def spectra_of(found: "Fitted", pixel_um: float) -> dict[str, list[float]]:
    """Return the power spectra of coarse scan and model, means over the slices of all blocks.

    Grey levels are shares of the fine scan's data range.
    """
    import numpy as np

    from sandstone.metrics.spectra import radial_power_spectrum

    pairs = zip(found.blur.predicted, found.residual, strict=True)
    planes = [plane for model, left in pairs for plane in zip(model, model + left, strict=True)]
    spectra = [[radial_power_spectrum(image, pixel_um) for image in pair] for pair in planes]
    model, coarse = np.mean([[power for _, power in pair] for pair in spectra], axis=0)
    return {
        "frequency_per_um": spectra[0][0][0].tolist(),
        "coarse": coarse.tolist(),
        "model": model.tolist(),
    }


def describe(
    sample: str, overlap: "Overlap", found: "Fitted", window: Mapping[str, float]
) -> dict[str, Any]:
    """Return the JSON of docs/design.md."""
    import numpy as np

    from sandstone.degradation import fitted

    fine, coarse = overlap.fine_voxel_size_um, overlap.coarse_voxel_size_um
    return {
        "sample": sample,
        "scale": overlap.scale,
        "fine_voxel_size_um": list(fine),
        "coarse_voxel_size_um": list(coarse),
        **fitted.as_dict(found, window),
        "left_shift_um": np.multiply(found.blur.shift, fine).tolist(),
        "blocks": len(found.residual),
        "voxels": int(sum(mask.sum() for mask in found.blur.fitted)),
        "spectrum": spectra_of(found, coarse[2]),
    }


def tell(content: Mapping[str, Any], overlap: "Overlap") -> None:
    """Print what was fitted, and what of it deserves a look."""
    from sandstone.errors import note

    sigma, noise, left = (content[name] for name in ("psf_sigma", "noise", "residual"))
    print(
        f"{content['sample']}: blur {' x '.join(f'{each:.2f}' for each in sigma)} HR voxels "
        f"(z, y, x), noise {noise['noise']:.2%} of the data range; correlation with the coarse "
        f"scan {left['correlation']:.4f}, what is left {left['deviation']:.2%}",
        flush=True,
    )
    shift = content["left_shift_um"]
    sizes = overlap.coarse_voxel_size_um
    if any(abs(s) > NOTEWORTHY_SHIFT * size for s, size in zip(shift, sizes, strict=True)):
        note(
            f"{content['sample']}: the scans fit better with a further shift of "
            f"{' x '.join(f'{each:.2g}' for each in shift)} µm (z, y, x); check the registration"
        )


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--sample", required=True, help="name of the pair")
    add("--slices", type=cli.InputPath, required=True, help="of the fine scan (.tif)")
    add("--mask", type=cli.InputPath, required=True, help="their rock mask (.mask.tif)")
    add("--metadata", type=cli.InputPath, required=True, help="their description (.json)")
    flags.add(arguments, "lr")
    flags.add_axis(arguments)
    add("--registration", type=cli.InputPath, required=True, help="of both scans (.json)")
    add("--scale", type=int, choices=SCALES, default=4, help="HR voxels per LR voxel")
    add("--output", type=cli.OutputPath, required=True, help="fitted degradation to write (.json)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read blocks of both scans, fit, write."""
    args = parser().parse_args(argv)

    from sandstone.config.validity import check_ratio
    from sandstone.dataset.slices import open_slices
    from sandstone.degradation import fitted
    from sandstone.files import read_json, write_json
    from sandstone.registration.transform import Transform

    registration = read_json(args.registration, keys=["transform"], remedy=AGAIN)
    transform = Transform.from_dict(registration["transform"], args.registration)
    with (
        open_slices(args.slices, args.mask, args.metadata) as stack,
        flags.open_named(args, "lr") as volume,
    ):
        overlap = overlap_of(stack, volume, transform, args.scale)
        sizes = overlap.fine_voxel_size_um, overlap.coarse_voxel_size_um
        check_ratio(f"{volume.files[0]}: the coarse scan", *sizes, args.scale, "--scale")
        blocks = read_blocks(stack, volume, overlap)
        volume.check_unchanged()
        found = fitted.fit(blocks, args.scale)
        content = describe(args.sample, overlap, found, stack.metadata["window"])
    tell(content, overlap)
    write_json(args.output, content)
    write_record(__file__, args, voxel_size_um=sizes[0], inputs=volume.files)


if __name__ == "__main__":
    sys.exit(cli.run(main))
