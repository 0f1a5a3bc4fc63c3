import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.metrics import bootstrap

SETTINGS = {"confidence": 0.95, "resamples": 2000, "seed": 1}


def correlated_tiles(
    random: np.random.Generator, blocks: int, length: int, tiles: int
) -> tuple[np.ndarray, np.ndarray]:
    """Values of zero mean: slices of one block share most of what they are."""
    z = np.repeat(np.arange(blocks * length), tiles)
    values = random.normal(size=blocks)[z // length] + random.normal(0, 0.3, z.size)
    return values, z


def test_mean_and_count_are_over_tiles() -> None:
    result = bootstrap.block_bootstrap([1.0, 2.0, 6.0], [0, 0, 9], 3, **SETTINGS)
    assert result.mean == 3
    assert result.n == 3
    assert result.ci_low <= 3 <= result.ci_high
    assert len(result) == 4


def test_blocks_cover_the_truth_and_single_tiles_do_not() -> None:
    random = np.random.default_rng(2)
    covered = {"blocks": 0, "tiles": 0}
    runs = 200
    for _ in range(runs):
        values, z = correlated_tiles(random, blocks=20, length=10, tiles=2)
        of = {"blocks": z, "tiles": np.arange(z.size)}
        for kind, depth in of.items():
            length = 10 if kind == "blocks" else 1
            result = bootstrap.block_bootstrap(
                values, depth, length, confidence=0.95, resamples=400, seed=3
            )
            covered[kind] += result.ci_low <= 0 <= result.ci_high
    assert 0.87 <= covered["blocks"] / runs <= 0.99
    assert covered["tiles"] / runs < 0.5


def test_interval_of_independent_blocks_is_that_of_the_normal_theory() -> None:
    values = np.random.default_rng(4).normal(10, 2, 400)
    result = bootstrap.block_bootstrap(values, np.arange(400), 1, **SETTINGS)
    half = 1.96 * values.std() / 20
    assert result.ci_low == pytest.approx(values.mean() - half, abs=0.03)
    assert result.ci_high == pytest.approx(values.mean() + half, abs=0.03)


def test_more_confidence_is_a_wider_interval() -> None:
    values, z = correlated_tiles(np.random.default_rng(5), 8, 5, 1)
    widths = []
    for confidence in (0.5, 0.9, 0.99):
        settings = SETTINGS | {"confidence": confidence}
        _, low, high, _ = bootstrap.block_bootstrap(values, z, 5, **settings)
        widths.append(high - low)
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


def test_same_seed_same_interval_and_another_seed_another() -> None:
    values, z = correlated_tiles(np.random.default_rng(6), 8, 5, 2)
    first = bootstrap.block_bootstrap(values, z, 5, **SETTINGS)
    assert bootstrap.block_bootstrap(values, z, 5, **SETTINGS) == first
    other = bootstrap.block_bootstrap(values, z, 5, **(SETTINGS | {"seed": 2}))
    assert other != first
    assert other.mean == first.mean


def test_order_of_tiles_does_not_matter_to_the_bit() -> None:
    values, z = correlated_tiles(np.random.default_rng(7), 6, 7, 3)
    order = np.random.default_rng(8).permutation(z.size)
    shuffled = bootstrap.block_bootstrap(values[order], z[order], 7, **SETTINGS)
    assert shuffled == bootstrap.block_bootstrap(values, z, 7, **SETTINGS)


def test_methods_on_the_same_tiles_are_resampled_alike() -> None:
    values, z = correlated_tiles(np.random.default_rng(9), 6, 7, 3)
    one = bootstrap.block_bootstrap(values, z, 7, **SETTINGS)
    two = bootstrap.block_bootstrap(values + 2, z, 7, **SETTINGS)
    assert two.ci_low - one.ci_low == pytest.approx(2)
    assert two.ci_high - one.ci_high == pytest.approx(2)


def test_one_block_has_no_interval() -> None:
    result = bootstrap.block_bootstrap([1.0, 2.0, 3.0], [5, 7, 9], 10, **SETTINGS)
    assert (result.mean, result.n) == (2, 3)
    assert np.isnan([result.ci_low, result.ci_high]).all()


def test_an_infinite_value_stays_in_sight() -> None:
    result = bootstrap.block_bootstrap([30.0, np.inf, 31.0], [0, 10, 20], 5, **SETTINGS)
    assert result.mean == np.inf
    assert np.isnan([result.ci_low, result.ci_high]).all()


@pytest.mark.filterwarnings("error")
def test_infinities_of_both_signs_have_no_mean() -> None:
    result = bootstrap.block_bootstrap([-np.inf, np.inf, 31.0], [0, 10, 20], 5, **SETTINGS)
    assert np.isnan(result[:3]).all()


@pytest.mark.parametrize(
    ("z", "length", "expected"),
    [
        ([0, 0, 1, 4, 5, 9], 5, [0, 0, 0, 0, 1, 1]),
        ([100, 104, 108, 112, 116, 120], 10, [0, 0, 0, 1, 1, 1]),
        ([3, 53, 103], 14, [0, 1, 2]),  # isolated slices
        ([0, 20], 14, [0, 1]),
        ([0, 15], 14, [0, 1]),  # farther apart than a block
        ([9, 0, 5], 5, [1, 0, 1]),
        ([0, 4, 8, 12, 16], 14, [0, 0, 0, 0, 0]),  # a remnant of three slices
        ([0, 4, 8, 12, 16, 20], 14, [0, 0, 0, 0, 1, 1]),  # half a block
        ([7], 3, [0]),
    ],
)
def test_depth_blocks(z: list[int], length: int, expected: list[int]) -> None:
    np.testing.assert_array_equal(bootstrap.depth_blocks(z, length), expected)


@pytest.mark.parametrize(
    ("values", "z", "changes", "complaint"),
    [
        ([], [], {}, "one value"),
        ([1.0, 2.0], [1], {}, "one value"),
        ([1.0, np.nan], [1, 9], {}, "NaN"),
        ([1.0, 2.0], [1, 9], {"confidence": 1.0}, "confidence"),
        ([1.0, 2.0], [1, 9], {"confidence": 0.0}, "confidence"),
        ([1.0, 2.0], [1, 9], {"resamples": 0}, "resamples"),
    ],
)
def test_refusals(values: list, z: list, changes: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        bootstrap.block_bootstrap(values, z, 3, **(SETTINGS | changes))


def test_block_of_no_slices() -> None:
    with pytest.raises(InputError, match="depth block"):
        bootstrap.block_bootstrap([1.0, 2.0], [1, 9], 0, **SETTINGS)
