"""Choices that several scripts and rooms offer, named once; the config's schema lists the same.

Beside them, what a tile must measure for the metrics that can be chosen.
"""

SCALES = (2, 3, 4, 8)  # HR voxels per LR voxel
BASELINES = ("nearest", "bilinear", "bicubic", "lanczos")  # interpolations, measured beside models
AXES = ("z", "y", "x")  # of a volume, along which slices may follow each other
REGISTRATIONS = ("auto", "none", "given")  # how two scans of one rock come to lie on each other
DEGRADATIONS = ("bicubic", "psf", "aliased_bilinear")  # how LR tiles come from HR slices
SCANNED = "scanned"  # what stands for one where they come from a real coarse scan
AUTO_GUARD = "auto"  # in place of micrometres: the correlation length of the slices

# Pixels that a tile must have along each edge once its border is cut.
SSIM_EDGE = 11  # that a Gaussian of the usual width, cut at 3.5 sigma, spans
LPIPS_EDGE = 32  # AlexNet halves a tile until nothing is left of a smaller one
