"""The domain of a model: how fine and how bright the LR images were that it has learned from.

A network sharpens what looks as blurred as what it has learned to sharpen. On a scan that is softer
it does nothing, on a sharper one it overdoes, and says so in neither case.
"""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import h5py

# No spectra of the evaluation here: an edit of theirs shall train no model again.
FINE, COARSE = (1 / 4, 1 / 2), (1 / 16, 1 / 8)  # cycles per LR voxel: from and to
QUANTILES = np.linspace(0.05, 0.95, 19)
MOST_TILES = 64  # that a description looks at, spread evenly over all

# Between three sandstones, a carbonate and a synthetic rock, over which models carry, detail
# differed by up to 0.67 and grey levels by up to 0.34; between shrunken and real coarse tiles, even
# of one rock, where they fail by 4 to 11 dB, detail differed by 0.89 and more (docs/metrics.md).
DETAIL_LIMIT = 0.8
GREY_LIMIT = 0.4


class Domain(NamedTuple):
    """What LR images look like.

    Attributes
    ----------
    detail : float
        Decimal logarithm of their power at `FINE` frequencies, of that at `COARSE` ones; the
        softer an image, the lower. NaN where images are too small or flat to tell.
    grey : tuple of float
        Their `QUANTILES` of grey, in shares of the data range.
    """

    detail: float
    grey: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """Return it as JSON holds it."""
        return {"detail": None if math.isnan(self.detail) else self.detail, "grey": [*self.grey]}


def describe(tiles: np.ndarray) -> Domain:
    """Return the domain of LR tiles, float in [0, 1], shape (n, y, x)."""
    levels = np.quantile(tiles, QUANTILES)
    return Domain(round(_detail(tiles), 4), tuple(round(float(each), 4) for each in levels))


def of_tiles(tiles: "h5py.Dataset") -> Domain:
    """Return the domain of LR tiles of unsigned integers, shape (n, y, x), of which there are some.

    Up to `MOST_TILES` are read.
    """
    levels = np.stack([tiles[number] for number in spread(len(tiles))])
    return describe(levels / np.iinfo(levels.dtype).max)


def spread(count: int) -> range:
    """Return the numbers of up to `MOST_TILES` of `count` tiles."""
    return range(0, count, max(1, math.ceil(count / MOST_TILES)))


def read(content: Any) -> list[Domain]:
    """Return the domains in a record of a training, one a sample; none where it tells of none.

    What has another form is of another version, or damaged: it then tells of none either.
    """
    entries = content.get("domain") if isinstance(content, Mapping) else None
    entries = entries.values() if isinstance(entries, Mapping) else ()
    found = [_read_one(each) for each in entries]
    return [each for each in found if each]


def difference(learned: Sequence[Domain], own: Domain) -> str:
    """Return in words how images differ from all that a model has learned from; "" if they do not.

    Parameters
    ----------
    learned : sequence of Domain
        Of each rock that it was trained on; nothing is said where there is none.
    own : Domain
        Of what it is used on.
    """
    if not learned:
        return ""
    details = [own.detail - each.detail for each in learned]
    nearest = min((each for each in details if not math.isnan(each)), key=abs, default=0.0)
    greys = [float(np.mean(np.abs(np.subtract(own.grey, each.grey)))) for each in learned]
    told = []
    if abs(nearest) > DETAIL_LIMIT:
        word = "softer" if nearest < 0 else "sharper or noisier"
        told.append(f"{word} than what it has learned from (finest details {_times(nearest)})")
    if min(greys) > GREY_LIMIT:
        apart = f"{100 * min(greys):.0f} % of the data range apart"
        told.append(f"of other grey levels than it has learned from ({apart})")
    return " and ".join(told)


def _times(decades: float) -> str:
    word = "weaker" if decades < 0 else "stronger"
    return f"{10 ** abs(decades):.0f} times {word}"


def _detail(tiles: np.ndarray) -> float:
    if min(tiles.shape[1:]) < 1 / COARSE[0]:
        return math.nan
    height, width = tiles.shape[1:]
    window = np.outer(np.hanning(height), np.hanning(width))
    faded = (tiles - tiles.mean(axis=(1, 2), keepdims=True)) * window
    power = np.mean(np.abs(np.fft.fft2(faded)) ** 2, axis=0)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width))
    fine, coarse = (
        power[(frequency >= low) & (frequency <= high)].mean() for low, high in (FINE, COARSE)
    )
    return float(np.log10(fine / coarse)) if fine > 0 and coarse > 0 else math.nan


def _read_one(entry: Any) -> Domain | None:
    try:
        detail, levels = entry["detail"], tuple(map(float, entry["grey"]))
        found = Domain(math.nan if detail is None else float(detail), levels)
    except (KeyError, TypeError, ValueError):
        return None
    return found if len(levels) == len(QUANTILES) else None
