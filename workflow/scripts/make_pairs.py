"""Make pairs of high- and low-resolution tiles, split by depth, from normalised slices.

Whole slices are degraded and LR tiles are cut from the result, so that a tile's border knows
its true neighbours. With a real coarse scan, they are cut from that one instead.
Slices pass through memory one at a time, or as many as a blur in depth reaches.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sandstone import cli
from sandstone.choices import AUTO_GUARD, DEGRADATIONS, FITTED, SCALES, SCANNED
from sandstone.errors import InputError, note
from sandstone.provenance.record import add_record_flag, write_record
from sandstone.seeds import Stage

if TYPE_CHECKING:
    import numpy as np

    from sandstone.dataset.pairs import PairsAttributes, PairsWriter
    from sandstone.dataset.slices import Slices
    from sandstone.imaging.degrade import Degradation


SAME_VOXELS = 0.01  # relative, between LR pixels and the voxels of a fitted scanner


@dataclass(frozen=True)
class Recipe:
    """How a slice becomes tile pairs.

    `hr_size` is the edge of HR tiles in voxels, a multiple of `scale`; `seed` is that of the
    noise. LR tiles come from `coarse`, slices of a real coarse scan, or else from `degradation`.
    """

    scale: int
    hr_size: int
    degradation: "Degradation"
    seed: int
    coarse: "Slices | None" = None

    def effective(self) -> dict[str, Any]:
        """Return where LR tiles come from, as a pairs file says it.

        Of a real coarse scan, a fit tells the blur and the noise.
        """
        if not self.coarse:
            return self.degradation.effective()
        fitted = self.degradation.kernel == FITTED
        return {**(self.degradation.effective() if fitted else {}), "kernel": SCANNED}

    @property
    def depth_reach(self) -> int:
        """How many slices above and below it are read to make an LR slice."""
        return 0 if self.coarse else self.degradation.depth_reach


def share_or_range(text: str) -> float | range:
    """Parse a share such as 0.6, or a range of slices such as 0:5, both ends included."""
    match = re.fullmatch(r"(\d+):(\d+)", text)
    if match is None:
        return cli.fraction(text)
    first, last = map(int, match.groups())
    if last < first:
        raise argparse.ArgumentTypeError(f"{text} ends before it starts")
    return range(first, last + 1)


def guard_width(text: str) -> float | str:
    """Parse micrometres, or the word that has them measured."""
    return text if text == AUTO_GUARD else cli.non_negative_float(text)


def check_plane(stack: "Slices", recipe: Recipe) -> None:
    """Raise an `InputError` where a slice is smaller than a tile."""
    _, height, width = stack.shape
    largest = min(height, width) // recipe.scale * recipe.scale
    if largest < recipe.hr_size:
        raise InputError(
            f"slices of {height} x {width} voxels are smaller than a tile of --hr-size "
            f"{recipe.hr_size}; take at most {largest}"
        )


def depths(stack: "Slices") -> range:
    """Return the z of all slices in the raw volume."""
    top = stack.metadata["origin"][0]
    return range(top, top + stack.shape[0])


def cropped(plane: "np.ndarray", scale: int) -> "np.ndarray":
    """Return a plane (y, x) without the last rows and columns that fill no LR pixel."""
    height, width = plane.shape
    return plane[: height // scale * scale, : width // scale * scale]


def cut(image: "np.ndarray", corners: Iterable[tuple[int, int]], size: int) -> "np.ndarray":
    """Return the tiles (n, size, size) of an image (y, x) at the corners (y, x)."""
    import numpy as np

    return np.stack([image[y : y + size, x : x + size] for y, x in corners])


def shrunken(seen: "np.ndarray", z: int, recipe: Recipe, dtype: "np.dtype[Any]") -> "np.ndarray":
    """Return the LR image of a slice, in its dtype, as the degradation of the recipe makes it.

    Parameters
    ----------
    seen : ndarray of float32 in [0, 1], shape (y, x)
        The slice, with what a blur in depth brings of its neighbours. Both edges are multiples of
        the scale.
    z : int
        The slice's place in the raw volume; with the seed it decides the noise, which
        thereby does not depend on the slices before.
    recipe : Recipe
    """
    import numpy as np

    from sandstone.imaging import degrade, grey

    rng = np.random.default_rng([recipe.seed, Stage.PAIRS, z])
    lr = degrade.degrade(seen, recipe.scale, recipe.degradation, rng)
    return grey.from_unit(lr, dtype)


def usable(stack: "Slices", z: int, recipe: Recipe) -> "np.ndarray":
    """Return where slice `z` of the stack is rock that the coarse scan, if any, shows too.

    Both edges of the mask (y, x) are multiples of the scale.
    """
    mask = cropped(stack.read_mask(z), recipe.scale)
    if not recipe.coarse:
        return mask
    shown = recipe.coarse.read_mask(z)
    return mask & shown.repeat(recipe.scale, axis=0).repeat(recipe.scale, axis=1)


def write_split(
    writer: "PairsWriter", name: str, stack: "Slices", zs: range, *, stride: int, recipe: Recipe
) -> None:
    """Write the tiles of the slices `zs`, z of the raw volume, to the split `name`.

    Tiles are `stride` voxels apart, a multiple of the scale.

    Raises
    ------
    InputError
        If no tile fits in the rock of these slices.
    """
    import numpy as np

    from sandstone.dataset.tiles import place_tiles
    from sandstone.imaging.degrade import blur_in_depth
    from sandstone.progress import Progress

    scale, size = recipe.scale, recipe.hr_size
    z0, y0, x0 = stack.metadata["origin"]
    progress = Progress(name, len(zs), "slices")
    total = 0

    @lru_cache(2 * recipe.depth_reach + 1)
    def read(z: int) -> "np.ndarray":
        return cropped(stack.read(z), scale)

    def shrunken_at(z: int) -> "np.ndarray":
        seen = blur_in_depth(read, z - z0, stack.shape[0], recipe.degradation.depth_sigma)
        return shrunken(seen, z, recipe, stack.dtype)

    for z in zs:
        mask = usable(stack, z - z0, recipe)
        corners = place_tiles(mask, size=size, stride=stride, multiple_of=scale)
        if corners:
            lr_image = recipe.coarse.read(z - z0) if recipe.coarse else shrunken_at(z)
            hr = cut(read(z - z0), corners, size)
            lr = cut(lr_image, [(y // scale, x // scale) for y, x in corners], size // scale)
            y, x = np.transpose(corners)
            writer.append(name, hr, lr, (np.full(len(corners), z), y + y0, x + x0))
        total += len(corners)
        progress.add(1, note=f"{total} tiles")
    if not total:
        raise no_tiles(name, stack, zs, recipe)


def no_tiles(name: str, stack: "Slices", zs: range, recipe: Recipe) -> InputError:
    """Return the error that tells which tile would have fitted in the slices `zs`."""
    from sandstone.dataset.tiles import largest_tile

    z0 = stack.metadata["origin"][0]
    masks = (usable(stack, z - z0, recipe) for z in zs)
    largest = max(largest_tile(mask, recipe.scale) for mask in masks)
    advice = f"take at most {largest}" if largest else "widen the field of view"
    return InputError(
        f"split {name} has no tiles: --hr-size {recipe.hr_size} fits nowhere in the rock of "
        f"slices {zs[0]} to {zs[-1]}; {advice}"
    )


def attributes(
    stack: "Slices", recipe: Recipe, wanted_guard: float | str, depth_step: int
) -> "PairsAttributes":
    """Return what the pairs file says of itself, the correlation of the slices measured."""
    from sandstone.dataset import guard
    from sandstone.dataset.pairs import PairsAttributes
    from sandstone.dataset.splits import guard_slices
    from sandstone.imaging import grey

    z, y, x = map(float, stack.metadata["voxel_size_um"])
    measured = guard.measure(stack)
    guard_um = (
        guard.automatic_um(measured, (z, y, x)) if isinstance(wanted_guard, str) else wanted_guard
    )
    return PairsAttributes(
        sample=stack.metadata["sample"],
        scale=recipe.scale,
        hr_voxel_size_um=(z, y, x),
        lr_voxel_size_um=(z, recipe.scale * y, recipe.scale * x),
        degradation=recipe.effective(),
        seed=recipe.seed,
        guard_um=guard_um,
        guard_slices=guard_slices(guard_um, z),
        depth_step=depth_step,
        correlation=measured._asdict(),
        grey_max=grey.grey_max(stack.dtype),
    )


def tell_of_guard(about: "PairsAttributes") -> None:
    """Print how alike slices are, how wide the guard is, and what speaks against that."""
    from sandstone.dataset import guard

    measured = guard.Correlation(**about.correlation)
    pairs = zip(measured.lags, measured.values, strict=True)
    if measured.lags:
        print("correlation of slices:", ", ".join(f"{value:.2f} at {lag}" for lag, value in pairs))
    print(
        f"guard: {about.guard_um:g} µm, {about.guard_slices} slice(s); "
        f"{guard.in_words(measured, about.hr_voxel_size_um[0])}",
        flush=True,
    )
    if sentence := guard.warning(about):
        note(sentence)


def degradation_of(args: argparse.Namespace, stack: "Slices") -> "Degradation":
    """Return the degradation that the flags name, for the voxels of some slices.

    Raises
    ------
    InputError
        If the blur is neither one number nor three, or `fitted` and a fit do not go together.
    """
    from sandstone.imaging.degrade import Degradation
    from sandstone.sizes import zyx

    if (args.degradation_kernel == FITTED) != (args.degradation_fit is not None):
        raise InputError(
            f"--degradation-kernel {FITTED} and --degradation-fit go together; give both or neither"
        )
    if args.degradation_kernel == FITTED:
        return fitted_degradation(args.degradation_fit, stack, args.scale)
    sigma = args.degradation_psf_sigma
    if isinstance(sigma, list) and len(sigma) not in {1, 3}:
        raise InputError("--degradation-psf-sigma takes one number, or three for z, y and x")
    if isinstance(sigma, list):
        sigma = sigma[0] if len(sigma) == 1 else zyx(sigma)
    return Degradation(
        kernel=args.degradation_kernel,
        psf_sigma=sigma,
        noise=args.degradation_noise,
        noise_slope=args.degradation_noise_slope,
        noise_correlation=args.degradation_noise_correlation,
    )


def fitted_degradation(path: str, stack: "Slices", scale: int) -> "Degradation":
    """Return what a fitted scanner does to slices whose voxels may have another size.

    Raises
    ------
    InputError
        If the file is missing or damaged, or the fit is for another scale.
    """
    from sandstone.degradation.fitted import Scanner
    from sandstone.imaging.degrade import Degradation
    from sandstone.sizes import zyx

    scanner = Scanner.read(path)
    if scanner.scale != scale:
        raise InputError(
            f"{path}: fitted for scale {scanner.scale}, not --scale {scale}; run "
            "fit_degradation.py with that scale"
        )
    z, y, x = zyx(map(float, stack.metadata["voxel_size_um"]))
    lr = (z, scale * y, scale * x)
    _, height, width = scanner.coarse_voxel_size_um
    if max(abs(lr[1] / height - 1), abs(lr[2] / width - 1)) > SAME_VOXELS:
        note(
            f"{path}: the scanner had voxels of {height:g} x {width:g} µm, LR pixels are "
            f"{lr[1]:g} x {lr[2]:g} µm; blur and grain are taken in micrometres"
        )
    return Degradation(
        kernel=FITTED,
        psf_sigma=scanner.sigma((z, y, x)),
        noise=scanner.noise,
        noise_slope=scanner.noise_slope,
        noise_correlation=scanner.grain(lr),
        pair=scanner.sample,
    )


def parser() -> argparse.ArgumentParser:
    """Return the command line of this script."""
    arguments = cli.argument_parser(__doc__)
    add = arguments.add_argument
    add("--slices", type=cli.InputPath, required=True, help="normalised slices (.tif)")
    add("--mask", type=cli.InputPath, required=True, help="their rock mask (.mask.tif)")
    add("--metadata", type=cli.InputPath, required=True, help="their description (.json)")
    add("--lr-slices", type=cli.InputPath, help="a real coarse scan on their LR pixels (.tif)")
    add("--lr-mask", type=cli.InputPath, help="where that scan shows the rock (.tif)")
    add("--scale", type=int, choices=SCALES, default=4, help="HR voxels per LR voxel")
    add("--hr-size", type=cli.positive_int, default=256, help="edge of HR tiles, voxels")
    add("--stride", type=cli.positive_int, default=128, help="step of training tiles, voxels")
    add(
        "--depth-step",
        type=cli.positive_int,
        default=4,
        help="take every n-th slice of splits given by shares",
    )
    split = "share of the slices left by the guards, or range FIRST:LAST, both included"
    for name, share in {"train": 0.6, "val": 0.1, "test": 0.3}.items():
        add(f"--{name}", type=share_or_range, default=share, help=split)
    add(
        "--guard-um",
        type=guard_width,
        default=30.0,
        help=f"between splits, µm, or {AUTO_GUARD}: the correlation length of the slices",
    )
    add("--degradation-kernel", choices=DEGRADATIONS, default="bicubic", help="HR to LR")
    add(
        "--degradation-psf-sigma",
        type=cli.non_negative_float,
        nargs="+",
        default=1.5,
        help="blur, HR voxels: one number within the slice, or z y x (psf)",
    )
    add(
        "--degradation-noise",
        type=cli.fraction,
        default=0.01,
        help="noise on black, share of the data range (psf)",
    )
    add(
        "--degradation-noise-slope",
        type=cli.non_negative_float,
        default=0,
        help="variance that the noise gains from black to white, data range squared (psf)",
    )
    add(
        "--degradation-noise-correlation",
        type=cli.non_negative_float,
        default=0,
        help="width of the Gaussian that shapes the noise, LR voxels (psf)",
    )
    add(
        "--degradation-fit",
        type=cli.InputPath,
        help="of the pair of scans whose coarse scanner is imitated (.json, fitted)",
    )
    add("--seed", type=cli.non_negative_int, default=1, help="of the noise")
    add("--output", type=cli.OutputPath, required=True, help="tile pairs to write (.h5)")
    add_record_flag(arguments)
    return arguments


def main(argv: Sequence[str] | None = None) -> None:
    """Read slices, write their tile pairs."""
    args = parser().parse_args(argv)
    from sandstone.config.validity import check_multiple

    check_multiple("--hr-size", args.hr_size, "--scale", args.scale)
    check_multiple("--stride", args.stride, "--scale", args.scale)
    if (args.lr_slices is None) != (args.lr_mask is None):
        raise InputError("--lr-slices and --lr-mask go together; give both")

    from sandstone.dataset.pairs import write_pairs
    from sandstone.dataset.slices import open_lr_slices, open_slices
    from sandstone.dataset.splits import check_reach, split_by_depth

    wanted = {"train": args.train, "val": args.val, "test": args.test}
    with open_slices(args.slices, args.mask, args.metadata) as stack, ExitStack() as opened:
        coarse = None
        if args.lr_slices:
            coarse = open_lr_slices(args.lr_slices, args.lr_mask, stack, args.scale)
            opened.enter_context(coarse)
        degradation = degradation_of(args, stack)
        recipe = Recipe(args.scale, args.hr_size, degradation, args.seed, coarse)
        check_plane(stack, recipe)
        by_shares = not any(isinstance(part, range) for part in wanted.values())
        depth_step = args.depth_step if by_shares else 1
        about = attributes(stack, recipe, args.guard_um, depth_step)
        splits = split_by_depth(
            depths(stack),
            wanted,
            guard_um=about.guard_um,
            voxel_z_um=about.hr_voxel_size_um[0],
        )
        # A real coarse scan shows neighbouring slices too, as far as its fit says.
        check_reach(splits, degradation.depth_reach, about.hr_voxel_size_um[0])
        tell_of_guard(about)
        ends = {name: (part[0], part[-1]) for name, part in splits.items()}
        with write_pairs(args.output, about, slices=ends, hr_size=args.hr_size) as writer:
            for name, part in splits.items():
                stride = args.stride if name == "train" else args.hr_size
                taken = part[::depth_step]
                write_split(writer, name, stack, taken, stride=stride, recipe=recipe)
    write_record(__file__, args, voxel_size_um=about.hr_voxel_size_um)


if __name__ == "__main__":
    sys.exit(cli.run(main))
