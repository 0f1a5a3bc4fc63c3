"""Find the rock in a scan: air, holder and the circle outside the reconstruction are not rock.

The idea: rock is where solid is common. Pixels above Otsu's threshold (Otsu 1979, IEEE
Trans. Syst. Man Cybern.) count as solid; their share in a neighbourhood is high in rock,
pores included, and low in air and in a plastic holder. A thin dense holder is opened away.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from sandstone.errors import InputError
from sandstone.sizes import zyx

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

COARSE_EDGE = 256  # pixels of the coarse image in which rock is looked for
CORNER = 0.03  # edge of the corner patches, share of the slice
NEIGHBOURHOOD = 0.02  # standard deviation of the solid share, share of the slice
SOLID_SHARE = 0.5  # above it, a neighbourhood is rock
THICKEST_HOLDER = 0.03  # radius of the opening, share of the slice
MARGIN = 0.015  # stripped from the edge of the rock, share of the slice
SMALLEST_ROCK = 0.02  # share of a slice, below which there is no rock


@dataclass(frozen=True)
class FieldOfView:
    """How to tell rock in the slices of one volume.

    Attributes
    ----------
    mode : str
        ``auto``, ``full`` or ``box``.
    box : tuple of (start, stop)
        Voxels along z, y and x that are looked at, ends excluded.
    threshold : float or None
        Grey level above which a voxel is solid; None where the rock fills the box.
    outside : float or None
        Grey level of the constant area outside the reconstruction, if there is one.
    """

    mode: str
    box: Box
    threshold: float | None = None
    outside: float | None = None

    def rock(self, image: np.ndarray) -> np.ndarray:
        """Return where a slice, cut to the box and of shape (y, x), shows rock: bool."""
        if self.threshold is None:
            return np.ones(image.shape, bool)
        step = _coarse_step(image.shape)
        rock = _solid_region(_coarse_rock(image, step, self.outside) > self.threshold)
        return np.repeat(np.repeat(rock, step, 0), step, 1)[: image.shape[0], : image.shape[1]]


def find(
    request: str, shape: tuple[int, int, int], read_slice: Callable[[int], np.ndarray]
) -> FieldOfView:
    """Return the field of view that a user asks for.

    Parameters
    ----------
    request : str
        ``auto``, ``full``, or a box ``z0:z1,y0:y1,x0:x1`` in voxels, ends excluded.
    shape : tuple of int
        Of the volume, (z, y, x).
    read_slice : callable
        Returns slice z, shape (y, x).

    Raises
    ------
    InputError
        If a box leaves the volume.
    """
    whole: Box = zyx((0, length) for length in shape)
    if request == "full":
        return FieldOfView("full", whole)
    if request != "auto":
        return FieldOfView("box", parse_box(request, shape))
    sample = _spread(shape[0], 12)
    step = _coarse_step(shape[1:])
    # Read twice rather than held: slices may be large.
    corners = [corner.copy() for z in sample for corner in _corners(read_slice(z))]
    outside = _constant_outside(corners)
    coarse = np.stack([_coarse_rock(read_slice(z), step, outside) for z in sample])
    if np.ptp(coarse) == 0:
        return FieldOfView("auto", whole)  # constant: slicing says so
    threshold = _threshold(coarse)
    if any((corner > threshold).any() for image in coarse for corner in _corners(image)):
        return FieldOfView("auto", whole)  # rock reaches into a corner, so nothing is outside
    return FieldOfView("auto", whole, threshold, outside)


def parse_box(text: str, shape: tuple[int, int, int]) -> Box:
    """Read a box ``z0:z1,y0:y1,x0:x1``.

    Raises
    ------
    InputError
        If the text is no box, or the box is empty or leaves a volume of `shape`.
    """
    match = re.fullmatch(r"(\d+):(\d+),(\d+):(\d+),(\d+):(\d+)", text)
    if not match:
        raise InputError(f"field of view {text!r} is none of auto, full, z0:z1,y0:y1,x0:x1")
    ends = [int(number) for number in match.groups()]
    box: Box = zyx(zip(ends[::2], ends[1::2], strict=True))
    for axis, (start, stop), length in zip("zyx", box, shape, strict=True):
        if not start < stop <= length:
            raise InputError(
                f"field of view {text}: {axis} runs from {start} to {stop}, but the volume has "
                f"{length} voxels there; give 0 <= start < stop <= {length}"
            )
    return box


def largest_region(mask: np.ndarray) -> np.ndarray:
    """Return the largest connected region of a mask of shape (y, x), holes filled."""
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel())[1:]
    return ndimage.binary_fill_holes(labels == 1 + int(np.argmax(sizes)))


def _solid_region(solid: np.ndarray) -> np.ndarray:
    edge = max(solid.shape)
    share = ndimage.gaussian_filter(solid.astype(np.float32), NEIGHBOURHOOD * edge)
    opened = _open(share > SOLID_SHARE, round(THICKEST_HOLDER * edge))
    rock = largest_region(opened)
    # The world beyond the slice counts as outside, so that the margin is kept there, too.
    inner = ndimage.distance_transform_edt(np.pad(rock, 1))[1:-1, 1:-1] > MARGIN * edge
    return inner if inner.mean() >= SMALLEST_ROCK else np.zeros_like(inner)


def _open(mask: np.ndarray, radius: int) -> np.ndarray:
    """Open by a disk, through distances: the cost does not grow with the radius."""
    eroded = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1] > radius
    if not eroded.any():
        return eroded
    return ndimage.distance_transform_edt(~eroded) <= radius


def _threshold(values: np.ndarray) -> float:
    """Return Otsu's threshold, moved to the middle between the means of the two classes.

    Where a gap parts the classes, every level in it is as good to Otsu, and the lowest one, which
    the search returns, would take the brightest air for solid.
    """
    otsu = threshold_otsu(values)
    return float(values[values <= otsu].mean() + values[values > otsu].mean()) / 2


def _coarse_step(shape: Sequence[int]) -> int:
    return max(1, max(shape) // COARSE_EDGE)


def _coarse(image: np.ndarray, step: int) -> np.ndarray:
    """Average blocks of `step` x `step` pixels; the last ones repeat the edge."""
    rows = range(0, image.shape[0], step)
    return np.concatenate([_coarse_row(image[y : y + step], step) for y in rows])


def _coarse_row(band: np.ndarray, step: int) -> np.ndarray:
    """Average the blocks of one row, shape (1, x); floats of a whole slice would need memory."""
    padding = [(0, -length % step) for length in band.shape]
    padded = np.pad(band.astype(np.float32), padding, mode="edge")
    return padded.reshape(1, step, -1, step).mean(axis=(1, 3))


def _corners(image: np.ndarray) -> list[np.ndarray]:
    y, x = (max(1, round(CORNER * length)) for length in image.shape)
    return [image[:y, :x], image[:y, -x:], image[-y:, :x], image[-y:, -x:]]


def _constant_outside(corners: Sequence[np.ndarray]) -> float | None:
    """Return the one grey level of all corners, None where they differ."""
    first = corners[0][0, 0]
    same = all((corner == first).all() for corner in corners)
    return float(first) if same else None


def _coarse_rock(image: np.ndarray, step: int, outside: float | None) -> np.ndarray:
    """Return the coarse image, the area outside the reconstruction as dark as its darkest part."""
    coarse = _coarse(image, step)
    if outside is None:
        return coarse
    # The share tells what is wholly outside; the mean of equal floats need not equal them.
    return np.where(_coarse(image == outside, step) == 1, coarse.min(), coarse)


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))
