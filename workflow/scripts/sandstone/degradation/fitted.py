"""What the coarse scanner does to what the fine one sees: fitted to a pair, and kept in a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from sandstone.degradation.blur import Blur, fit_blur
from sandstone.degradation.grey_map import GreyBins, GreyMap, fit_grey_map
from sandstone.degradation.noise import Noise, fit_noise
from sandstone.degradation.sub_blocks import SubBlock
from sandstone.fields import Kind, are, check_fields, is_number, is_whole
from sandstone.files import read_json
from sandstone.sizes import VoxelSize, zyx

AGAIN = "delete it and run fit_degradation.py again"


@dataclass(frozen=True)
class Fitted:
    """A coarse scanner, as fitted to a pair of scans; grey levels are those of the fine scan.

    Attributes
    ----------
    blur : Blur
    grey : GreyMap
    bins : GreyBins
        What the map of grey levels was fitted to.
    noise : Noise
        In coarse voxels.
    residual : list of ndarray, each of shape (z, y, x)
        Coarse scan, as the fine one would show it, minus model.
    """

    blur: Blur
    grey: GreyMap
    bins: GreyBins
    noise: Noise
    residual: list[np.ndarray]

    @property
    def deviation(self) -> float:
        """Standard deviation of the residual."""
        return float(_gathered(self.residual, self.blur).std())

    @property
    def correlation(self) -> float:
        """Correlation of the coarse scan with the model."""
        model = _gathered(self.blur.predicted, self.blur)
        return float(np.corrcoef(model, model + _gathered(self.residual, self.blur))[0, 1])


def fit(blocks: Sequence[SubBlock], scale: int) -> Fitted:
    """Fit blur, grey levels and noise, in this order: each to what those before leave.

    Parameters
    ----------
    blocks : sequence of SubBlock
    scale : int
        Fine voxels that a coarse one averages along y and x.

    Raises
    ------
    InputError
        As `fit_blur` and `fit_grey_map` say it.
    """
    blur = fit_blur(blocks, scale)
    coarse = [block.coarse for block in blocks]
    grey, bins = fit_grey_map(_gathered(blur.predicted, blur), _gathered(coarse, blur))
    residual = [
        grey.to_fine(levels) - model for levels, model in zip(coarse, blur.predicted, strict=True)
    ]
    noise = fit_noise(residual, blur.predicted, blur.even())
    return Fitted(blur, grey, bins, noise, residual)


def _gathered(images: Sequence[np.ndarray], blur: Blur) -> np.ndarray:
    """Return the voxels that were fitted, shape (n,)."""
    return np.concatenate([image[f] for image, f in zip(images, blur.fitted, strict=True)])


def as_dict(found: Fitted, window: Mapping[str, float]) -> dict[str, Any]:
    """Return a fit for JSON, but for which scans it was fitted to.

    Parameters
    ----------
    found : Fitted
        To slices whose 0 and 1 are the levels `low` and `high` of the fine scan.
    window : mapping
        These two levels.
    """
    low, span = window["low"], window["high"] - window["low"]

    def raw(levels: Sequence[float]) -> list[float]:
        return [low + span * level for level in levels]

    noise = found.noise
    return {
        "psf_sigma": list(found.blur.sigma),
        "grey": {"fine": raw(found.grey.fine), "coarse": list(found.grey.coarse)},
        "grey_bins": {**_lists(found.bins), "fine": raw(found.bins.fine)},
        "noise": {
            "noise": float(np.sqrt(noise.black)),
            "noise_slope": noise.white - noise.black,
            "correlation": list(noise.correlation),
        },
        "noise_bins": _lists(noise.bins),
        "residual": {"deviation": found.deviation, "correlation": found.correlation},
    }


def _lists(bins: Any) -> dict[str, list[float]]:
    return {name: list(values) for name, values in asdict(bins).items()}


# --- the file ---


def _are_lists(*names: str) -> Kind:
    """Return what says whether a value has lists of numbers of these names, all as long."""

    def fits(value: Any) -> bool:
        if not isinstance(value, dict) or not isinstance(value.get(names[0]), list):
            return False
        count = len(value[names[0]])
        return count > 0 and all(are(is_number, value.get(name), count) for name in names)

    return fits


def _are_sizes(value: Any) -> bool:
    return are(is_number, value, 3) and min(value) > 0


def _is_noise(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and all(is_number(value.get(name)) for name in ("noise", "noise_slope"))
        and value["noise"] >= 0
        and are(is_number, value.get("correlation"), 3)
        and min(value["correlation"]) >= 0
    )


def _is_residual(value: Any) -> bool:
    names = ("deviation", "correlation")
    return isinstance(value, dict) and all(is_number(value.get(name)) for name in names)


KINDS: dict[str, Kind] = {
    "sample": lambda value: isinstance(value, str),
    "scale": is_whole,
    "fine_voxel_size_um": _are_sizes,
    "coarse_voxel_size_um": _are_sizes,
    "psf_sigma": _are_sizes,
    "grey": _are_lists("fine", "coarse"),
    "grey_bins": _are_lists("fine", "coarse", "counts"),
    "noise": _is_noise,
    "noise_bins": _are_lists("grey", "variance", "counts"),
    "residual": _is_residual,
    "spectrum": _are_lists("frequency_per_um", "coarse", "model"),
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


@dataclass(frozen=True)
class Scanner:
    """What tile pairs of any rock take of a fit: blur and noise, each with its unit.

    The map of grey levels is not among it. It is between the raw levels of these two scans, and
    slices of other rock are stretched by their own window.

    Attributes
    ----------
    sample : str
        The pair of scans.
    scale : int
    coarse_voxel_size_um : tuple of float
    sigma_um : tuple of float
        Standard deviation of the blur along z, y and x, micrometres.
    noise, noise_slope : float
        As `Degradation` has them.
    grain_um : float
        Standard deviation of the Gaussian that shapes the noise in a slice, micrometres.
    """

    sample: str
    scale: int
    coarse_voxel_size_um: VoxelSize
    sigma_um: tuple[float, float, float]
    noise: float
    noise_slope: float
    grain_um: float

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the scanner in a file of `fit_degradation`; see `read`."""
        content = read(path)
        fine, coarse = (zyx(content[f"{name}_voxel_size_um"]) for name in ("fine", "coarse"))
        noise = content["noise"]
        return cls(
            sample=content["sample"],
            scale=content["scale"],
            coarse_voxel_size_um=coarse,
            sigma_um=zyx(np.multiply(content["psf_sigma"], fine).tolist()),
            noise=noise["noise"],
            noise_slope=noise["noise_slope"],
            grain_um=float(np.mean(np.multiply(noise["correlation"], coarse)[1:])),
        )

    def sigma(self, hr_voxel_size_um: VoxelSize) -> tuple[float, float, float]:
        """Return the blur in HR voxels of some size."""
        return zyx(np.divide(self.sigma_um, hr_voxel_size_um).tolist())

    def grain(self, lr_voxel_size_um: VoxelSize) -> float:
        """Return the width of the noise's grain in LR voxels of some size."""
        return self.grain_um / lr_voxel_size_um[1]
