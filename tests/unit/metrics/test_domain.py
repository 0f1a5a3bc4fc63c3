"""The domain of a model: soft and sharp, dark and bright images are told apart."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sandstone.metrics import domain


def tiles(blur: float, *, bright: float = 0.5, seed: int = 0, edge: int = 64) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=(6, edge, edge))
    soft = gaussian_filter(noise, (0, 2, 2)) + 0.02 * noise
    soft = gaussian_filter(soft, (0, blur, blur))
    return np.clip(bright + 0.1 * soft / soft.std(), 0, 1)


def test_another_part_of_the_same_rock_is_within() -> None:
    learned = domain.describe(tiles(0.5))
    assert domain.difference([learned], domain.describe(tiles(0.5, seed=1))) == ""


def test_a_softer_scan_is_told_and_a_sharper_one() -> None:
    sharp, soft = (domain.describe(tiles(blur)) for blur in (0.3, 1.2))
    assert domain.difference([sharp], soft).startswith("softer than what it has learned ")
    assert domain.difference([sharp], soft).endswith(" times weaker)")
    assert domain.difference([soft], sharp).startswith("sharper or noisier than what it has ")


def test_contrast_is_no_sharpness() -> None:
    image = tiles(0.5)
    faint = domain.describe(0.5 + 0.3 * (image - 0.5))
    assert faint.detail == pytest.approx(domain.describe(image).detail, abs=1e-3)


def test_other_grey_levels_are_told() -> None:
    dark, bright = (domain.describe(tiles(0.5, bright=level)) for level in (0.2, 0.8))
    assert domain.difference([dark], bright) == (
        "of other grey levels than it has learned from (60 % of the data range apart)"
    )


def test_the_nearest_of_several_rocks_counts() -> None:
    learned = [domain.describe(tiles(blur)) for blur in (0.3, 1.2)]
    assert domain.difference(learned, domain.describe(tiles(1.2, seed=1))) == ""


def test_where_nothing_was_learned_nothing_is_said() -> None:
    assert domain.difference([], domain.describe(tiles(0.5))) == ""


@pytest.mark.parametrize("image", [tiles(0.5, edge=12), np.full((2, 64, 64), 0.5)])
def test_small_and_flat_images_tell_of_their_grey_levels_alone(image: np.ndarray) -> None:
    found = domain.describe(image)
    assert math.isnan(found.detail)
    assert domain.difference([domain.describe(tiles(0.3))], found) == ""


def test_what_is_written_is_read_again() -> None:
    found = [domain.describe(tiles(0.5)), domain.describe(tiles(0.5, edge=12))]
    record = {"domain": {str(number): each.plain() for number, each in enumerate(found)}}
    first, second = domain.read(record)
    assert first == found[0]
    assert math.isnan(second.detail)
    assert second.grey == found[1].grey


@pytest.mark.parametrize(
    "content",
    [
        None,
        {},
        {"domain": 3},
        {"domain": {"rock": 3}},
        {"domain": {"rock": {"detail": 1}}},
        {"domain": {"rock": {"detail": "much", "grey": [0.5] * 19}}},
        {"domain": {"rock": {"detail": -1, "grey": [0.5]}}},
    ],
)
def test_a_record_that_tells_of_none_is_no_error(content: object) -> None:
    assert domain.read(content) == []


@pytest.mark.parametrize(("count", "taken"), [(0, 0), (3, 3), (64, 64), (65, 33), (1000, 63)])
def test_some_of_many_tiles_are_looked_at(count: int, taken: int) -> None:
    assert len(domain.spread(count)) == taken
