import numpy as np
import pytest
from scipy.ndimage import correlate1d

from sandstone.errors import InputError
from sandstone.metrics import quality
from sandstone.metrics.tables import TILE_COLUMNS


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(1)
    reference = random.integers(0, 256, (40, 36), dtype=np.uint8)
    noisy = np.clip(reference + random.normal(0, 12, reference.shape), 0, 255)
    return reference, noisy.astype(np.uint8)


def ssim_of_the_paper(a: np.ndarray, b: np.ndarray, data_range: float) -> float:
    """Wang et al. 2004, written out: 11 x 11 Gaussian window, valid positions only."""
    taps = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    taps /= taps.sum()

    def mean(image: np.ndarray) -> np.ndarray:
        return correlate1d(correlate1d(image, taps, axis=0), taps, axis=1)[5:-5, 5:-5]

    a, b = a.astype(float), b.astype(float)
    mu_a, mu_b = mean(a), mean(b)
    var_a, var_b = mean(a * a) - mu_a**2, mean(b * b) - mu_b**2
    cov = mean(a * b) - mu_a * mu_b
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    index = (2 * mu_a * mu_b + c1) * (2 * cov + c2)
    return float(np.mean(index / ((mu_a**2 + mu_b**2 + c1) * (var_a + var_b + c2))))


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_psnr_of_a_known_error(dtype: type, largest: int) -> None:
    reference = np.full((16, 16), largest, dtype=dtype)
    image = reference - dtype(largest // 5)
    assert quality.psnr(reference, image, data_range=largest) == pytest.approx(
        20 * np.log10(5), abs=1e-9
    )


def test_unsigned_grey_levels_do_not_wrap() -> None:
    dark, bright = np.full((16, 16), 2, np.uint8), np.full((16, 16), 252, np.uint8)
    expected = 20 * np.log10(255 / 250)
    assert quality.psnr(dark, bright, data_range=255) == pytest.approx(expected)
    assert quality.psnr(bright, dark, data_range=255) == pytest.approx(expected)


def test_twice_the_data_range_is_6_decibels(pair) -> None:
    one, two = (quality.psnr(*pair, data_range=r) for r in (255, 510))
    assert two - one == pytest.approx(6.0206, abs=1e-4)


def test_ssim_is_that_of_the_paper(pair) -> None:
    measured = quality.ssim(*pair, data_range=255)
    assert measured == pytest.approx(ssim_of_the_paper(*pair, 255), abs=1e-9)
    assert 0.3 < measured < 0.999


def test_metrics_ignore_the_unit_of_grey(pair) -> None:
    unit = [image / 255 for image in pair]
    for metric in (quality.psnr, quality.ssim):
        assert metric(*pair, data_range=255) == pytest.approx(metric(*unit, data_range=1))


def test_border_is_not_looked_at(pair) -> None:
    reference, image = pair
    spoilt = image.copy()
    spoilt[:4] = spoilt[-4:] = 0
    spoilt[:, :4] = spoilt[:, -4:] = 0
    for metric in (quality.psnr, quality.ssim):
        inner = metric(reference, image, data_range=255, border=4)
        assert metric(reference, spoilt, data_range=255, border=4) == inner
        assert metric(reference, spoilt, data_range=255, border=3) < inner


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 65535)])
def test_the_error_of_a_shift_in_percent_of_the_data_range(dtype: type, largest: int) -> None:
    reference = np.full((16, 16), largest, dtype=dtype)
    image = reference - dtype(largest // 5)
    image[:3] = 0
    measured = quality.rmse_percent(reference, image, data_range=largest, border=3)
    assert measured == pytest.approx(20, abs=1e-9)


def test_identical_images(pair) -> None:
    reference, _ = pair
    assert quality.psnr(reference, reference, data_range=255) == float("inf")
    assert quality.ssim(reference, reference, data_range=255) == pytest.approx(1)
    assert quality.rmse_percent(reference, reference, data_range=255) == 0


def test_cut_border_of_a_stack() -> None:
    stack = np.arange(2 * 6 * 8).reshape(2, 6, 8)
    np.testing.assert_array_equal(quality.cut_border(stack, 2), stack[:, 2:4, 2:6])
    assert quality.cut_border(stack, 0).shape == stack.shape


@pytest.mark.parametrize("border", [-1, 3, 100])
def test_border_that_does_not_fit(border: int) -> None:
    with pytest.raises(InputError, match="border"):
        quality.cut_border(np.zeros((6, 8)), border)


@pytest.mark.parametrize("metric", [quality.psnr, quality.ssim, quality.rmse_percent])
def test_refusals(metric) -> None:
    flat = np.zeros((16, 16))
    with pytest.raises(InputError, match="one shape"):
        metric(flat, flat[:, :15], data_range=1)
    with pytest.raises(InputError, match="one shape"):
        metric(flat[None], flat[None], data_range=1)
    for data_range in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="data range"):
            metric(flat, flat, data_range=data_range)
    with pytest.raises(InputError, match="NaN"):
        metric(flat, np.full((16, 16), np.nan), data_range=1)


def test_ssim_needs_one_window() -> None:
    tile = np.zeros((16, 16))
    assert quality.ssim(tile, tile, data_range=1, border=2) == 1
    with pytest.raises(InputError, match="11 x 11"):
        quality.ssim(tile, tile, data_range=1, border=3)


@pytest.mark.parametrize(
    ("column", "label", "value"),
    [
        ("psnr_db", "PSNR (dB), higher is better", "27.12 dB"),
        ("ssim", "SSIM, higher is better", "27.123"),
        ("lr_rmse", "LR error (%), lower is better", "27.12 %"),
        ("lpips", "LPIPS, lower is better", "27.123"),
    ],
)
def test_metrics_are_named_with_unit_and_direction(column, label, value):
    metric = quality.described(column)
    assert metric.label == label
    assert metric.text(27.123) == value


def test_a_column_of_no_metric_is_refused():
    with pytest.raises(InputError, match="porosity is the column of no metric"):
        quality.described("porosity")


def test_a_metric_tells_whether_more_of_it_is_better(pair):
    reference, noisy = pair
    for metric in quality.METRICS:
        if metric.of_tile:
            same, other = (
                metric.of_tile(reference, image, data_range=255) for image in (reference, noisy)
            )
            assert (same > other) == (metric.better == "higher")


def test_a_gain_is_positive_where_it_is_better():
    for metric in quality.METRICS:
        sign = 1 if metric.better == "higher" else -1
        np.testing.assert_array_equal(metric.gain([2.0, 5.0], [1.5, 6.0]), [sign * 0.5, -sign])


def test_tiles_of_equal_infinite_score_gain_nothing():
    psnr = quality.described("psnr_db")
    gain = psnr.gain([np.inf, np.inf, 30.0], [np.inf, 30.0, np.inf])
    np.testing.assert_array_equal(gain, [0.0, np.inf, -np.inf])


def test_columns_differ_from_each_other_and_from_those_of_a_tile():
    columns = [*TILE_COLUMNS, *(metric.column for metric in quality.METRICS)]
    assert len(columns) == len(set(columns))
