"""Choices that several scripts and rooms offer, named once; the config's schema lists the same.

Beside them, what a tile must measure for the metrics that can be chosen.
"""

from collections.abc import Mapping
from typing import Any

SCALES = (2, 3, 4, 8)  # HR voxels per LR voxel
BASELINES = ("nearest", "bilinear", "bicubic", "lanczos")  # interpolations, measured beside models
AXES = ("z", "y", "x")  # of a volume, along which slices may follow each other
REGISTRATIONS = ("auto", "none", "given")  # how two scans of one rock come to lie on each other
DEGRADATIONS = ("bicubic", "psf", "fitted", "aliased_bilinear")  # how LR tiles come from HR slices
SCANNED = "scanned"  # what stands for one where they come from a real coarse scan
AUTO_GUARD = "auto"  # in place of micrometres: the correlation length of the slices
FITTED = "fitted"  # the degradation that is a psf as fitted to a pair of scans
# Settings that act with a kernel: always, and only where they are not 0.
ACTING = {"psf": ("psf_sigma", "noise")}
ACTING_ABOVE_0 = {"psf": ("noise_slope", "noise_correlation")}

# Pixels that a tile must have along each edge once its border is cut.
SSIM_EDGE = 11  # that a Gaussian of the usual width, cut at 3.5 sigma, spans
LPIPS_EDGE = 32  # AlexNet halves a tile until nothing is left of a smaller one


def acting(degradation: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kernel of a degradation, and those of its settings that act on a tile.

    Settings at 0 that came later than the others are left out: pairs from before they were there
    are still what the config asks for.
    """
    kernel = degradation["kernel"]
    named = [*ACTING.get(kernel, ())]
    named += [name for name in ACTING_ABOVE_0.get(kernel, ()) if degradation.get(name)]
    return {"kernel": kernel, **{name: degradation[name] for name in named}}
