import numpy as np
import pytest
from helpers import tiny_training

from sandstone.dataset import pairs
from sandstone.imaging import grey
from sandstone.training import batches

SCALE = 4


def held(hr, lr):
    return batches.TilesInMemory(hr=hr, lr=lr)


def make(tiles, **changes):
    settings = {"batch": 5, "crop": 6, "scale": SCALE, "seed": 3, "augment": True}
    return batches.Batches(tiles=tiles, **(settings | changes))


def drawn(batch_of, steps):
    """The numbers of the tiles that were drawn in the first `steps` steps."""
    lr = np.concatenate([batch_of(step)[0] for step in range(1, steps + 1)])
    return np.rint(lr[:, 0, 0, 0] * 255).astype(int)


@pytest.mark.parametrize("dtype", grey.GREY_DTYPES)
def test_crops_are_aligned_under_every_flip_and_turn(dtype):
    batch_of = make([held(*tiny_training.tiles(4, dtype=dtype))], batch=64)
    lr, hr = batch_of(1)
    assert lr.shape == (64, 6, 6, 1)
    assert hr.shape == (64, 24, 24, 1)
    assert lr.dtype == hr.dtype == np.float32
    np.testing.assert_allclose(tiny_training.block_mean(hr[..., 0], SCALE), lr[..., 0], atol=1e-6)


def test_crops_are_grey_levels_over_the_data_range():
    hr, lr = tiny_training.tiles(1, dtype="uint16")
    lr_batch, hr_batch = make([held(hr, lr)], crop=16, augment=False)(1)
    np.testing.assert_array_equal(lr_batch[0, ..., 0], np.float32(lr[0]) / np.float32(65535))
    np.testing.assert_array_equal(hr_batch[0, ..., 0], np.float32(hr[0]) / np.float32(65535))


def symmetries(image):
    return [np.rot90(side, turns) for side in (image, image[:, ::-1]) for turns in range(4)]


def test_all_eight_symmetries_of_a_square_are_equally_likely():
    hr, lr = tiny_training.tiles(1)
    batch, _ = make([held(hr, lr)], crop=16, batch=800)(1)
    wanted = [grey.to_unit(image) for image in symmetries(lr[0])]
    counts = [sum(np.array_equal(crop, image) for crop in batch[..., 0]) for image in wanted]
    assert sum(counts) == 800
    assert min(counts) > 60  # 100 are expected, 9 is their standard deviation
    assert max(counts) < 140


def test_without_augmentation_crops_are_windows_of_the_tiles():
    hr, lr = tiny_training.tiles(1)
    batch, _ = make([held(hr, lr)], augment=False)(1)
    windows = np.lib.stride_tricks.sliding_window_view(grey.to_unit(lr[0]), (6, 6))
    for crop in batch[..., 0]:
        assert (windows == crop).all(axis=(2, 3)).any()


def test_every_position_of_a_crop_is_reached():
    y, x = np.indices((8, 8))
    lr = (10 * y + x)[np.newaxis].astype(np.uint8)
    batch, _ = make(
        [held(np.kron(lr, np.ones((1, 4, 4), np.uint8)), lr)], augment=False, batch=200
    )(1)
    corners = set(np.rint(batch[:, 0, 0, 0] * 255).astype(int))
    assert corners == {10 * y + x for y in range(3) for x in range(3)}


def test_a_batch_depends_on_seed_and_step_alone():
    tiles = [held(*tiny_training.tiles(4))]
    batch_of = make(tiles)
    first = batch_of(7)
    batch_of(1), batch_of(8)
    for again in (batch_of(7), make(tiles)(7)):
        np.testing.assert_array_equal(again[0], first[0])
        np.testing.assert_array_equal(again[1], first[1])
    assert not np.array_equal(batch_of(8)[0], first[0])
    assert not np.array_equal(make(tiles, seed=4)(7)[0], first[0])


def test_tiles_of_several_files_are_drawn_with_equal_probability():
    files = [
        tiny_training.numbered(0, 1),
        tiny_training.numbered(1, 6),
        tiny_training.numbered(7, 3),
    ]
    counts = np.bincount(drawn(make(files, batch=200), 10), minlength=10)
    assert len(counts) == 10
    assert counts.min() > 150  # 200 are expected, 13 is their standard deviation
    assert counts.max() < 250


def test_a_file_without_tiles_is_passed_over():
    files = [
        tiny_training.numbered(0, 0),
        tiny_training.numbered(0, 2),
        tiny_training.numbered(2, 0),
        tiny_training.numbered(2, 2),
    ]
    assert set(drawn(make(files, batch=50), 1)) == {0, 1, 2, 3}


def test_hr_and_lr_come_from_the_same_file_and_tile():
    lr, hr = make([tiny_training.numbered(0, 2), tiny_training.numbered(2, 4)], batch=50)(1)
    np.testing.assert_array_equal(lr[:, 0, 0, 0], hr[:, 0, 0, 0])


@pytest.mark.parametrize("dtype", grey.GREY_DTYPES)
def test_tiles_on_disk_give_the_batches_of_tiles_in_memory(tmp_path, dtype):
    paths = [
        tiny_training.write(tmp_path / f"{count}.h5", count=count, dtype=dtype) for count in (2, 5)
    ]
    with pairs.open_pairs(paths[0]) as one, pairs.open_pairs(paths[1]) as other:
        splits = [one.split("train"), other.split("train")]
        on_disk = batches.hold_in_memory(splits, budget=0)
        assert on_disk == splits
        in_memory = batches.hold_in_memory(splits)
        assert all(isinstance(tiles.hr, np.ndarray) for tiles in in_memory)
        for step in (1, 2, 30):
            for read, kept in zip(make(on_disk)(step), make(in_memory)(step), strict=True):
                np.testing.assert_array_equal(read, kept)


def test_the_budget_counts_the_bytes_of_all_tiles():
    tiles = [held(*tiny_training.tiles(n, dtype="uint16")) for n in (2, 3)]
    size = 5 * 2 * (64 * 64 + 16 * 16)
    assert batches.hold_in_memory(tiles, budget=size - 1)[0] is tiles[0]
    assert batches.hold_in_memory(tiles, budget=size)[0] is not tiles[0]
