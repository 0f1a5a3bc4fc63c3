"""Choices that several scripts and rooms offer, named once; the config's schema lists the same."""

SCALES = (2, 3, 4, 8)  # HR voxels per LR voxel
BASELINES = ("nearest", "bilinear", "bicubic", "lanczos")  # interpolations, measured beside models
DEGRADATIONS = ("bicubic", "psf", "aliased_bilinear")  # how LR tiles come from HR slices
