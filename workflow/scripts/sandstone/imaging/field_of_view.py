"""Find the rock in a scan: air, holder and the circle outside the reconstruction are not rock.

The idea: rock is where solid is common. Pixels above Otsu's threshold (Otsu 1979, IEEE
Trans. Syst. Man Cybern.) count as solid; their share in a neighbourhood is high in rock,
pores included, and low in air and in a plastic holder. A thin dense holder is opened away.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_otsu

from sandstone.errors import InputError
from sandstone.regions import at_border
from sandstone.sizes import zyx

Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]

COARSE_EDGE = 256  # pixels of the coarse image in which rock is looked for
CORNER = 0.03  # edge of the corner patches, share of the slice
NEIGHBOURHOOD = 0.02  # standard deviation of the solid share, share of the slice
SOLID_SHARE = 0.5  # above it, a neighbourhood is rock
THICKEST_HOLDER = 0.03  # radius of the opening, share of the slice
MARGIN = 0.015  # stripped from the edge of the rock, share of the slice
SMALLEST_ROCK = 0.02  # share of a slice, below which there is no rock
APART = 0.1  # of the span of a scan's levels, beyond which the level outside is none of them
OUTSIDE_SHARE = 0.9  # of the voxels of a level that fills the outside, which lie there


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
    apart : bool
        Whether that level is none of the scan's, such as 1e30 or -1000: no average may hold it.
    """

    mode: str
    box: Box
    threshold: float | None = None
    outside: float | None = None
    apart: bool = False

    def rock(self, image: np.ndarray) -> np.ndarray:
        """Return where a slice, cut to the box and of shape (y, x), shows rock: bool."""
        if self.threshold is None:
            return np.ones(image.shape, bool)
        step = _coarse_step(image.shape)
        coarse = _coarse_rock(image, step, self.outside, apart=self.apart)
        rock = _solid_region(coarse > self.threshold)
        return np.repeat(np.repeat(rock, step, 0), step, 1)[: image.shape[0], : image.shape[1]]

    def counted(self, image: np.ndarray) -> np.ndarray:
        """Return which voxels of such a slice the window counts: rock that was scanned, bool.

        Where everything is taken for rock, this leaves out what fills the outside.
        """
        rock = self.rock(image)
        if self.threshold is not None or self.outside is None:
            return rock
        return rock & ~at_border(image == self.outside)


def find(
    request: str, shape: tuple[int, int, int], read_slice: Callable[..., np.ndarray]
) -> FieldOfView:
    """Return the field of view that a user asks for.

    Parameters
    ----------
    request : str
        ``auto``, ``full``, or a box ``z0:z1,y0:y1,x0:x1`` in voxels, ends excluded.
    shape : tuple of int
        Of the volume, (z, y, x).
    read_slice : callable
        Returns slice z, shape (y, x); given two `slice` more, these rows and columns of it.

    Raises
    ------
    InputError
        If a box leaves the volume.
    """
    whole: Box = zyx((0, length) for length in shape)
    if request != "auto":
        mode, box = ("full", whole) if request == "full" else ("box", parse_box(request, shape))
        return FieldOfView(mode, box, outside=_filled_outside(box, read_slice))
    sample = _spread(shape[0], 12)
    step = _coarse_step(shape[1:])
    # Read twice rather than held: slices may be large.
    corners = [corner.copy() for z in sample for corner in _corners(read_slice(z))]
    outside = _constant_outside(corners)
    apart = outside is not None and _is_apart(outside, (read_slice(z) for z in sample), step)
    coarse = np.stack([_coarse_rock(read_slice(z), step, outside, apart=apart) for z in sample])
    levels = coarse[np.isfinite(coarse)]
    if not levels.size or np.ptp(levels) == 0:
        return FieldOfView("auto", whole)  # constant: slicing says so
    threshold = _threshold(levels)
    if any((corner > threshold).any() for image in coarse for corner in _corners(image)):
        return FieldOfView("auto", whole)  # rock reaches into a corner, so nothing is outside
    return FieldOfView("auto", whole, threshold, outside, apart)


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


def _filled_outside(box: Box, read_slice: Callable[..., np.ndarray]) -> float | None:
    """Return the level that fills the outside and is hardly found elsewhere, None if none does.

    A level of the rock itself, as in a segmented scan, may fill all corners by chance. So it counts
    only if it lies at the border alone, and if not all else has one level.
    """
    (z0, z1), rows, columns = box
    sample = [z0 + z for z in _spread(z1 - z0, 12)]

    def images() -> Iterator[np.ndarray]:
        yield from (read_slice(z, slice(*rows), slice(*columns)) for z in sample)

    outside = _constant_outside([corner.copy() for image in images() for corner in _corners(image)])
    if outside is None:
        return None
    filled = beyond = 0
    others: list[float] = []
    for image in images():
        same = image == outside
        filled += int(same.sum())
        beyond += int(at_border(same).sum())
        rest = image[~same]
        others += [float(rest.min()), float(rest.max())] if rest.size else []
    varied = len(set(others)) > 1
    return outside if varied and beyond >= OUTSIDE_SHARE * filled else None


def _is_apart(outside: float, images: Iterable[np.ndarray], step: int) -> bool:
    """Say whether the level outside is none of the scan's: beyond those of all other blocks.

    A dark one may still be that of clipped air, if what lies beside it is as bright as the rest.
    """
    inside, beside = [], []
    for image in images:
        coarse, share = _coarse(image, step), _coarse(image == outside, step)
        near = ndimage.binary_dilation(share == 1, np.ones((3, 3)), iterations=2)
        inside.append(coarse[share == 0])
        beside.append(coarse[near & (share == 0)])
    levels, ring = np.concatenate(inside), np.concatenate(beside)
    if not levels.size or np.ptp(levels) == 0:
        return False
    low, high = float(levels.min()), float(levels.max())
    slack = APART * (high - low)
    if outside > high + slack:
        return True
    if outside >= low - slack:
        return False
    threshold = _threshold(levels)
    dark = float(levels[levels <= threshold].mean())
    return not ring.size or float(np.median(ring)) <= (dark + threshold) / 2


def _coarse_rock(image: np.ndarray, step: int, outside: float | None, *, apart: bool) -> np.ndarray:
    """Return the coarse image, the area outside the reconstruction as dark as its darkest part.

    A slice that is outside as a whole has no dark part: it is -inf throughout.
    """
    if outside is None:
        return _coarse(image, step)
    # The share tells what is wholly outside; the mean of equal floats need not equal them.
    share = _coarse(image == outside, step)
    if (share == 1).all():
        return np.full(share.shape, -np.inf, np.float32)
    if not apart:
        coarse = _coarse(image, step)
        return np.where(share == 1, coarse.min(), coarse)
    scanned = np.where(image == outside, image.dtype.type(0), image)
    coarse = _coarse(scanned, step) / np.where(share == 1, 1, 1 - share)
    return np.where(share == 1, coarse[share < 1].min(), coarse)


def _spread(count: int, most: int) -> list[int]:
    return sorted(set(np.linspace(0, count - 1, min(count, most)).round().astype(int).tolist()))
