"""What the coarse scanner does to what the fine one sees: blur, grey levels and noise, in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from sandstone.errors import InputError
from sandstone.fields import Kind, are, check_fields, is_number, is_whole
from sandstone.files import read_json
from sandstone.registration.blur import Blur, fit_blur
from sandstone.registration.grey_map import GreyMap, fit_grey_map
from sandstone.registration.noise import Noise, fit_noise
from sandstone.registration.sub_blocks import SubBlock
from sandstone.registration.transform import Vector
from sandstone.sizes import zyx

AGAIN = "delete it and run fit_degradation.py again"


def _are_numbers(*names: str) -> Kind:
    """Return what says whether a value holds lists of numbers of these names, all as long."""

    def fits(value: Any) -> bool:
        if not isinstance(value, Mapping) or not all(isinstance(value.get(n), list) for n in names):
            return False
        count = len(value[names[0]])
        return count > 0 and all(are(is_number, value[name], count) for name in names)

    return fits


def _is_noise(value: Any) -> bool:
    return (
        _are_numbers("grey", "variance", "counts")(value)
        and all(is_number(value.get(name)) for name in ("noise", "noise_slope"))
        and are(is_number, value.get("correlation"), 3)
    )


def _is_residual(value: Any) -> bool:
    names = ("deviation", "correlation")
    return isinstance(value, Mapping) and all(is_number(value.get(name)) for name in names)


def _are_sizes(value: Any) -> bool:
    return are(is_number, value, 3) and min(value) > 0


KINDS: dict[str, Kind] = {
    "sample": lambda value: isinstance(value, str),
    "scale": is_whole,
    "fine_voxel_um": _are_sizes,
    "coarse_voxel_um": _are_sizes,
    "psf_sigma": _are_sizes,
    "shift_um": lambda value: are(is_number, value, 3),
    "grey": _are_numbers("fine", "coarse", "middles", "counts"),
    "noise": _is_noise,
    "residual": _is_residual,
    "spectrum": _are_numbers("frequency_per_um", "coarse", "model"),
}


@dataclass(frozen=True)
class Fitted:
    """A coarse scanner, as fitted to a pair of scans.

    Attributes
    ----------
    psf_sigma : tuple of float
        Of the blur along z, y and x, fine voxels.
    shift : tuple of float
        What the registration left, fine voxels.
    grey : GreyMap
        From fine to coarse levels.
    noise : Noise
        In shares of the fine scan's data range, and coarse voxels.
    deviation : float
        Standard deviation of what the model leaves, share of the fine scan's data range.
    correlation : float
        Of the coarse scan with the model.
    """

    psf_sigma: Vector
    shift: Vector
    grey: GreyMap
    noise: Noise
    deviation: float
    correlation: float


def fit(blocks: Sequence[SubBlock], scale: int) -> tuple[Fitted, Blur]:
    """Fit blur, grey levels and noise, in this order: each is measured on what the others leave.

    Parameters
    ----------
    blocks : sequence of SubBlock
    scale : int
        Fine voxels that a coarse one averages along y and x.

    Raises
    ------
    InputError
        As `fit_blur` says it; also if the coarse scan does not grow brighter with the fine one.
    """
    blur = fit_blur(blocks, scale)
    pairs = list(zip(blocks, blur.predicted, blur.fitted, strict=True))
    predicted = np.concatenate([image[fitted] for _, image, fitted in pairs])
    coarse = np.concatenate([block.coarse[fitted] for block, _, fitted in pairs])
    grey = fit_grey_map(predicted, coarse)
    if not grey.slope > 0:
        raise InputError(
            "the coarse scan does not grow brighter with the fine one; check the registration, "
            "and that both scans show the same contrast"
        )
    left = [(block.coarse - grey(image)) / grey.slope for block, image, _ in pairs]
    residual = np.concatenate([r[fitted] for r, (_, _, fitted) in zip(left, pairs, strict=True)])
    found = Fitted(
        psf_sigma=blur.sigma,
        shift=blur.shift,
        grey=grey,
        noise=fit_noise(left, blur.predicted, blur.even()),
        deviation=float(residual.std()),
        correlation=float(np.corrcoef(grey(predicted), coarse)[0, 1]),
    )
    return found, blur


@dataclass(frozen=True)
class Scanner:
    """What tile pairs take of a fit: the file's blur and noise, with their units.

    Attributes
    ----------
    sample : str
        The pair of scans.
    scale : int
    fine_voxel_um, coarse_voxel_um : tuple of float
    psf_sigma : tuple of float
        Along z, y and x, voxels of the pair's fine scan.
    noise, noise_slope : float
        As `pairs.degradation` has them.
    noise_correlation : float
        Voxels of the pair's coarse scan, mean of y and x.
    """

    sample: str
    scale: int
    fine_voxel_um: Vector
    coarse_voxel_um: Vector
    psf_sigma: Vector
    noise: float
    noise_slope: float
    noise_correlation: float

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the scanner in a file of `fit_degradation`.

        Raises
        ------
        InputError
            If the file is missing or damaged.
        """
        content = read(path)
        noise = content["noise"]
        return cls(
            sample=content["sample"],
            scale=content["scale"],
            fine_voxel_um=zyx(content["fine_voxel_um"]),
            coarse_voxel_um=zyx(content["coarse_voxel_um"]),
            psf_sigma=zyx(content["psf_sigma"]),
            noise=noise["noise"],
            noise_slope=noise["noise_slope"],
            noise_correlation=sum(noise["correlation"][1:]) / 2,
        )

    def sigma_of(self, voxel_um: Vector) -> Vector:
        """Return the blur in voxels of another fine scan: its micrometres stay."""
        return zyx(
            sigma * own / other
            for sigma, own, other in zip(self.psf_sigma, self.fine_voxel_um, voxel_um, strict=True)
        )

    def correlation_of(self, lr_voxel_um: Vector) -> float:
        """Return how wide the noise's grain is in other LR voxels: its micrometres stay."""
        return self.noise_correlation * self.coarse_voxel_um[1] / lr_voxel_um[1]


def as_dict(found: Fitted) -> dict[str, Any]:
    """Return a fit for JSON, but for what it was fitted to."""
    noise = found.noise
    return {
        "psf_sigma": list(found.psf_sigma),
        "grey": found.grey.as_dict(),
        "noise": {
            "noise": float(np.sqrt(noise.black)),
            "noise_slope": noise.white - noise.black,
            "correlation": list(noise.correlation),
            "grey": list(noise.grey),
            "variance": list(noise.variance),
            "counts": list(noise.counts),
        },
        "residual": {"deviation": found.deviation, "correlation": found.correlation},
    }


def read(path: str | Path) -> dict[str, Any]:
    """Return the JSON of a fit.

    Raises
    ------
    InputError
        If the file is missing, damaged, or says something that no fit can say.
    """
    content = read_json(path, keys=KINDS, remedy=AGAIN)
    check_fields(content, KINDS, path, AGAIN)
    return content
