import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.metrics import spectra


def test_white_noise_is_flat_at_its_variance() -> None:
    noise = np.random.default_rng(0).normal(0.5, 0.1, (64, 128, 128))
    power = np.mean([spectra.radial_power_spectrum(tile, 2.0)[1] for tile in noise], axis=0)
    # Parseval: variance times pixel area at every frequency. Lowest rings hold few lines.
    np.testing.assert_allclose(power[5:], 0.1**2 * 2.0**2, rtol=0.1)
    assert np.mean(power[5:]) == pytest.approx(0.1**2 * 2.0**2, rel=0.01)


@pytest.mark.parametrize("cycles", [4, 10, 25])
def test_a_sinusoid_peaks_at_its_frequency(cycles: int) -> None:
    edge, pixel_um = 64, 2.5
    wave = np.cos(2 * np.pi * cycles * np.arange(edge) / edge)
    tile = 0.5 + 0.2 * np.broadcast_to(wave, (edge, edge))
    for turned in (tile, tile.T):
        frequency, power = spectra.radial_power_spectrum(turned, pixel_um)
        peak = np.argmax(power)
        assert frequency[peak] == pytest.approx(cycles / (edge * pixel_um))
        assert power[np.abs(np.arange(power.size) - peak) > 2].max() < 1e-6 * power[peak]


def test_frequencies_run_to_nyquist() -> None:
    frequency, power = spectra.radial_power_spectrum(np.eye(48), 2.0)
    assert frequency.shape == power.shape == (24,)
    assert frequency[0] == pytest.approx(1 / 96)
    assert frequency[-1] == pytest.approx(0.25)
    assert np.all(power > 0)


def test_frequencies_depend_on_the_shape_alone() -> None:
    random = np.random.default_rng(3)
    for pixel_um in (0.1, 0.3, 2.2315):
        frequency, _ = spectra.radial_power_spectrum(random.random((40, 40)), pixel_um)
        np.testing.assert_allclose(frequency * pixel_um * 40, np.arange(1, 21), rtol=1e-12)


def test_oblong_tile_uses_physical_frequencies() -> None:
    wave = np.cos(2 * np.pi * 16 * np.arange(64) / 64)  # a quarter cycle a pixel
    frequency, power = spectra.radial_power_spectrum(np.broadcast_to(wave, (32, 64)), 1.0)
    assert frequency[np.argmax(power)] == pytest.approx(0.25)


def test_grey_offset_does_not_count_and_contrast_does() -> None:
    tile = np.random.default_rng(4).random((32, 32))
    _, power = spectra.radial_power_spectrum(tile, 1.0)
    np.testing.assert_allclose(spectra.radial_power_spectrum(tile + 7, 1.0)[1], power, rtol=1e-9)
    np.testing.assert_allclose(spectra.radial_power_spectrum(2 * tile, 1.0)[1], 4 * power)


def test_blur_takes_high_frequencies() -> None:
    tile = np.random.default_rng(5).random((64, 64))
    blurred = (tile + np.roll(tile, 1, 0) + np.roll(tile, 1, 1) + np.roll(tile, (1, 1), (0, 1))) / 4
    sharp, soft = (spectra.radial_power_spectrum(image, 1.0)[1] for image in (tile, blurred))
    assert soft[-4:].sum() < 0.2 * sharp[-4:].sum()
    assert soft[:3].sum() > 0.8 * sharp[:3].sum()


def test_flat_tile_has_no_power() -> None:
    assert not spectra.radial_power_spectrum(np.full((16, 16), 0.25), 1.0)[1].any()


@pytest.mark.parametrize("shape", [(3, 8), (8,), (2, 8, 8)])
def test_tile_that_has_no_spectrum(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="4 x 4"):
        spectra.radial_power_spectrum(np.zeros(shape), 1.0)


def test_in_plane_voxel_size() -> None:
    assert spectra.in_plane_voxel_size_um((5.0, 2.2, 2.2)) == 2.2
    with pytest.raises(InputError, match=r"2\.2 x 2\.5"):
        spectra.in_plane_voxel_size_um((2.2, 2.2, 2.5))


def correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Ring correlation of two sets of tiles (n, y, x)."""
    pairs = [(first, second), (first, first), (second, second)]
    sums = [
        sum(spectra.cross_spectrum(a, b, 2.0)[1] for a, b in zip(*pair, strict=True))
        for pair in pairs
    ]
    return spectra.ring_correlation(*sums)


def test_a_tile_correlates_wholly_with_itself() -> None:
    tiles = np.random.default_rng(1).random((3, 40, 48))
    np.testing.assert_allclose(correlation(tiles, 0.3 * tiles + 0.2), 1, rtol=1e-9)


def test_what_is_independent_does_not_correlate() -> None:
    first, second = np.random.default_rng(2).normal(size=(2, 64, 64, 64))
    assert np.abs(correlation(first, second)[5:]).max() < 0.1


def test_noise_of_equal_power_halves_the_agreement() -> None:
    signal, noise = np.random.default_rng(3).normal(size=(2, 128, 64, 64))
    # One noisy set against the truth: the root of the share of its power that is true.
    np.testing.assert_allclose(correlation(signal, signal + noise)[5:], np.sqrt(0.5), atol=0.05)


def test_nothing_correlates_with_an_even_tile() -> None:
    tiles = np.random.default_rng(4).random((1, 16, 16))
    assert not correlation(tiles, np.zeros_like(tiles)).any()


FREQUENCY = np.array([0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize(
    ("correlation", "size"),
    [
        ([1, 0.9, 0.3, 0.6], 1 / 0.2667),
        ([1, 0.5, 0.4, 0.1], 1 / 0.2),
        ([1, 1, 1, 0.6], 1 / 0.4),
        ([0.4, 0.9, 0.9, 0.9], np.inf),
    ],
)
def test_details_are_true_down_to_the_first_fall(correlation: list[float], size: float) -> None:
    found = spectra.resolution_um(FREQUENCY, np.array(correlation))
    assert found == pytest.approx(size, rel=1e-3)
