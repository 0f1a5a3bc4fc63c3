import keras
import numpy as np
import pytest
from helpers import tiny_training

from sandstone.dataset import pairs
from sandstone.imaging import grey, resample
from sandstone.metrics import quality
from sandstone.models.networks import build_generator
from sandstone.training import validation

SCALE = 4


def nearest_generator():
    """A network without weights whose result is known: every LR pixel becomes a square."""
    return keras.Sequential([keras.Input((None, None, 1)), keras.layers.UpSampling2D(SCALE)])


def nearest_tiles(n=2):
    _, lr = tiny_training.tiles(n)
    lr = grey.to_unit(lr)
    return validation.ValidationTiles(lr=lr, hr=lr.repeat(SCALE, axis=1).repeat(SCALE, axis=2))


def chosen(splits, count):
    tiles = validation.choose_tiles(splits, count)
    numbers = np.rint(tiles.lr[:, 0, 0] * 255).astype(int).tolist()
    assert np.rint(tiles.hr[:, 0, 0] * 255).astype(int).tolist() == numbers
    return numbers


@pytest.mark.parametrize(
    ("count", "expected"),
    [(1, [0]), (2, [0, 9]), (4, [0, 3, 6, 9]), (10, list(range(10))), (99, list(range(10)))],
)
def test_tiles_are_spread_evenly_over_all_files(count, expected):
    assert (
        chosen(
            [
                tiny_training.numbered(0, 3),
                tiny_training.numbered(3, 0),
                tiny_training.numbered(3, 7),
            ],
            count,
        )
        == expected
    )


@pytest.mark.parametrize("dtype", grey.GREY_DTYPES)
def test_tiles_are_read_from_a_pairs_file_in_unit_grey(tmp_path, dtype):
    with pairs.open_pairs(tiny_training.write(tmp_path / "pairs.h5", dtype=dtype)) as file:
        split = file.split("val")
        tiles = validation.choose_tiles([split], 8)
        np.testing.assert_array_equal(tiles.lr, grey.to_unit(split.lr[:]))
        np.testing.assert_array_equal(tiles.hr, grey.to_unit(split.hr[:]))
    assert tiles.hr.dtype == np.float32
    assert tiles.hr.max() <= 1


def test_identical_images_are_perfect():
    assert validation.measure(nearest_generator(), nearest_tiles()) == (np.inf, 1.0)


def test_the_border_is_not_measured():
    tiles = nearest_tiles()
    inside = (slice(None), *2 * (slice(validation.BORDER, -validation.BORDER),))
    spoilt = np.zeros_like(tiles.hr)
    spoilt[inside] = tiles.hr[inside]
    tiles.hr[:] = spoilt
    assert validation.measure(nearest_generator(), tiles) == (np.inf, 1.0)
    tiles.hr[:, validation.BORDER, 30] = 0
    psnr, ssim = validation.measure(nearest_generator(), tiles)
    assert psnr < 60
    assert ssim < 1


def test_scores_are_means_over_tiles_of_the_clipped_output():
    hr, lr = (grey.to_unit(side) for side in tiny_training.tiles(3))
    tiles = validation.ValidationTiles(lr=lr, hr=hr)
    psnr, ssim = validation.measure(build_generator(blocks=1, filters=4), tiles)
    # A new generator with a bicubic skip is bicubic interpolation.
    sr = [np.clip(resample.resize(tile, (64, 64), "bicubic"), 0, 1) for tile in lr]
    options = {"data_range": 1.0, "border": 4}
    for measured, metric in ((psnr, quality.psnr), (ssim, quality.ssim)):
        expected = np.mean([metric(*pair, **options) for pair in zip(hr, sr, strict=True)])
        assert measured == pytest.approx(expected, rel=1e-4)


def test_a_generator_that_gives_nan_scores_nan():
    generator = build_generator(blocks=1, filters=4)
    generator.get_layer("tail").bias.assign([np.nan])
    assert np.isnan(validation.measure(generator, nearest_tiles())).all()
