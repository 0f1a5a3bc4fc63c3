"""Where tiles lie inside a mask: in horizontal bands, centred across the bands and along each."""

import numpy as np


def place_tiles(
    mask: np.ndarray, *, size: int, stride: int, multiple_of: int
) -> list[tuple[int, int]]:
    """Place square tiles wholly inside a mask.

    Tiles lie in horizontal bands at least `stride` apart. In each band, the runs of columns
    where the mask holds over the band's whole height take as many tiles as fit, `stride`
    apart and centred in the run. The bands are those that give the most tiles and, among
    those, lie nearest to the middle of the rock's height, found by dynamic programming over
    their positions.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
    size : int
        Edge of a tile, voxels.
    stride : int
        Step between tiles, voxels, a multiple of `multiple_of`; `size` for no overlap.
    multiple_of : int
        Corners lie on multiples of this: the scale, so that LR tiles start on a pixel.

    Returns
    -------
    list of (y, x)
        Top left corners, sorted.
    """
    if min(mask.shape) < size:
        return []
    tops, starts, counts = _runs(mask, size=size, stride=stride, multiple_of=multiple_of)
    per_band = np.bincount(tops, weights=counts, minlength=mask.shape[0] - size + 1).astype(int)
    chosen = _best_bands(per_band[::multiple_of], stride // multiple_of) * multiple_of
    inside = np.isin(tops, chosen)
    return [
        (int(top), int(start + stride * k))
        for top, start, count in zip(tops[inside], starts[inside], counts[inside], strict=True)
        for k in range(count)
    ]


def largest_tile(mask: np.ndarray, multiple_of: int) -> int:
    """Return the edge of the largest tile that fits, a multiple of `multiple_of`, or 0."""
    fits, fails = 0, min(mask.shape) // multiple_of + 1
    while fails - fits > 1:
        middle = (fits + fails) // 2
        size = middle * multiple_of
        if place_tiles(mask, size=size, stride=size, multiple_of=multiple_of):
            fits = middle
        else:
            fails = middle
    return fits * multiple_of


def _runs(
    mask: np.ndarray, *, size: int, stride: int, multiple_of: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the top, first tile's start and number of tiles of every run of every band."""
    height, width = mask.shape
    rock_above = np.zeros((height + 1, width), dtype=np.int32)
    np.cumsum(mask, axis=0, out=rock_above[1:])
    tops = np.arange(0, height - size + 1, multiple_of)
    whole = np.zeros((len(tops), width + 2), dtype=np.int8)
    whole[:, 1:-1] = rock_above[tops + size] - rock_above[tops] == size

    edges = np.diff(whole, axis=1)
    band, begin = np.nonzero(edges == 1)
    end = np.nonzero(edges == -1)[1]
    aligned = -(-begin // multiple_of) * multiple_of
    counts = np.maximum((end - aligned - size) // stride + 1, 0)
    slack = end - aligned - (counts - 1) * stride - size
    starts = aligned + slack // 2 // multiple_of * multiple_of
    return tops[band], starts, counts


def _best_bands(per_band: np.ndarray, step: int) -> np.ndarray:
    """Choose bands at least `step` apart with the largest sum, the most central among equals.

    Central are bands with the least sum of squared distances from the middle of all bands
    that hold a tile; of two such choices, the upper one is taken. Without that, every choice
    would begin at the top, and the last rows of a slice would never be used.
    """
    holding = np.flatnonzero(per_band)
    if not len(holding):
        return holding
    n, twice_middle = len(per_band), int(holding[0] + holding[-1])
    # From each position on: the most tiles and, of the same choice, minus its squared distances.
    best = [(0, 0)] * (n + step)

    def taking(i: int) -> tuple[int, int]:
        tiles, distances = best[i + step]
        return tiles + int(per_band[i]), distances - (2 * i - twice_middle) ** 2

    for i in reversed(range(n)):
        best[i] = max(best[i + 1], taking(i))
    chosen = []
    i = 0
    while i < n and best[i][0] > 0:
        take = per_band[i] > 0 and taking(i) == best[i]
        if take:
            chosen.append(i)
        i += step if take else 1
    return np.array(chosen, dtype=int)
