import numpy as np
import pytest
from helpers.small_upscaling import rock, save_model

from sandstone.errors import InputError
from sandstone.imaging import resample
from sandstone.models import cubic, description, inference, options, weights
from sandstone.upscaling import blockwise
from sandstone.upscaling.blocks import Tiling
from sandstone.upscaling.chunk_store import ChunkStore

LEVELS_16_BITS = 65535
SHAPE = (7, 37, 53)  # no multiple of anything


class InMemory:
    """A volume that notes which parts of it are read."""

    def __init__(self, voxels):
        self.voxels = voxels
        self.shape = voxels.shape
        self.dtype = voxels.dtype
        self.reads = []

    def read(self, z0, z1, rows=slice(None)):
        self.reads.append((z0, z1, rows.start, rows.stop))
        return self.voxels[z0:z1, rows].copy()


@pytest.fixture(scope="module", params=[0.0, 0.02], ids=["plain", "noise"])
def generator(request, tmp_path_factory):
    """A network of random weights, and its description."""
    chosen = {"scale": 3, "blocks": 1, "filters": 4, "noise": request.param}
    folder = save_model(tmp_path_factory.mktemp("model"), **chosen)
    return weights.load_generator(folder), options.generator_config(**chosen)


@pytest.fixture(scope="module")
def network(generator):
    return lambda lr: inference.predict(generator[0], lr[..., None])[..., 0]


def tiling_of(generator, shape, axes="z", tile=16, batch=4):
    halo = description.receptive_field(generator[1])
    return Tiling(shape, generator[1]["scale"], axes, tile, batch, halo)


def upscaled(network, volume, tiling, grey_window=(0, LEVELS_16_BITS)):
    """Return the whole upscaled volume in [0, 1]."""
    sr = np.full(tiling.sr_shape, np.nan, np.float32)
    blocks = [tiling[number] for number in range(len(tiling))]
    for block, box in blockwise.boxes(volume, tiling, blocks, grey_window):
        sr[tiling.region(block)] = blockwise.enlarge(network, tiling, block, box)
    return sr


@pytest.fixture(scope="module")
def whole_slices(generator, network):
    """Slices that are mirrored by the halo, enlarged at once without tiles, and cropped."""
    halo = description.receptive_field(generator[1])
    unit = (rock(SHAPE) / LEVELS_16_BITS).astype(np.float32)
    padded = np.pad(unit, ((0, 0), (halo, halo), (halo, halo)), mode="reflect")
    border = halo * generator[1]["scale"]
    return network(padded)[:, border:-border, border:-border]


@pytest.mark.parametrize(("tile", "batch"), [(16, 1), (16, 4), (17, 3), (23, 2), (37, 8), (64, 16)])
def test_tiles_of_any_size_give_the_untiled_result(generator, network, whole_slices, tile, batch):
    tiling = tiling_of(generator, SHAPE, tile=tile, batch=batch)
    tiled = upscaled(network, InMemory(rock(SHAPE)), tiling)
    assert np.abs(tiled - whole_slices).max() * LEVELS_16_BITS < 0.05


@pytest.mark.parametrize("tile", [16, 23, 64])
def test_tiles_of_any_size_give_the_untiled_mean_over_views(generator, network, tile):
    averaged = inference.averaged_over_views(network)
    shape = (2, *SHAPE[1:])
    halo = description.receptive_field(generator[1])
    unit = (rock(shape) / LEVELS_16_BITS).astype(np.float32)
    padded = np.pad(unit, ((0, 0), (halo, halo), (halo, halo)), mode="reflect")
    border = halo * generator[1]["scale"]
    whole = averaged(padded)[:, border:-border, border:-border]
    tiled = upscaled(averaged, InMemory(rock(shape)), tiling_of(generator, shape, tile=tile))
    assert np.abs(tiled - whole).max() * LEVELS_16_BITS < 0.05


@pytest.mark.parametrize("shape", [(1, 9, 40), (3, 2, 3), (2, 5, 16)])
def test_a_volume_smaller_than_the_halo_is_mirrored_more_than_once(generator, network, shape):
    tiling = tiling_of(generator, shape, tile=16)
    halo = tiling.halo
    unit = (rock(shape) / LEVELS_16_BITS).astype(np.float32)
    padded = np.pad(unit, ((0, 0), (halo, halo), (halo, halo)), mode="reflect")
    edge = halo * tiling.scale
    expected = network(padded)[:, edge:-edge, edge:-edge]
    tiled = upscaled(network, InMemory(rock(shape)), tiling)
    assert np.abs(tiled - expected).max() * LEVELS_16_BITS < 0.05


def test_a_halo_one_pixel_smaller_would_show(generator, network, whole_slices):
    whole = tiling_of(generator, SHAPE)
    smaller = Tiling(SHAPE, whole.scale, "z", 16, 4, whole.halo - 1)
    tiled = upscaled(network, InMemory(rock(SHAPE)), smaller)
    assert np.abs(tiled - whole_slices).max() * LEVELS_16_BITS > 1


def test_tile_borders_hold_no_more_gradient_than_other_places(generator, network):
    shape = (4, 96, 96)
    tiling = tiling_of(generator, shape, tile=24)
    sr = upscaled(network, InMemory(rock(shape)), tiling)
    steps = np.abs(np.diff(sr, axis=2)).mean(axis=(0, 1))
    edge = tiling.chunk[2]
    borders = steps[edge - 1 :: edge]
    # The same places within an LR pixel, since sub-pixel positions differ among themselves.
    alike = steps[tiling.scale - 1 :: tiling.scale]
    assert len(borders) == 3
    assert borders.mean() < alike.mean() + 3 * alike.std() / np.sqrt(len(borders))


@pytest.mark.parametrize("tile", [16, 30, 200])
def test_cubes_of_any_size_give_the_same_mean_of_passes(generator, network, tile):
    voxels = rock((13, 21, 18))
    once = upscaled(network, InMemory(voxels), tiling_of(generator, voxels.shape, "mean", 1000, 5))
    tiling = tiling_of(generator, voxels.shape, "mean", tile, 4)
    parts = upscaled(network, InMemory(voxels), tiling)
    assert parts.shape == (39, 63, 54)
    assert np.abs(parts - once).max() * LEVELS_16_BITS < 0.05


def test_the_mean_of_passes_prefers_no_axis(generator, network):
    voxels = rock((11, 14, 17))
    turned = np.ascontiguousarray(voxels.transpose(1, 2, 0))
    first, second = (
        upscaled(network, InMemory(each), tiling_of(generator, each.shape, "mean", 24))
        for each in (voxels, turned)
    )
    assert np.abs(first.transpose(1, 2, 0) - second).max() * LEVELS_16_BITS < 0.05


def test_without_a_network_s_detail_all_passes_are_cubic(generator):
    shape, scale = (8, 9, 10), generator[1]["scale"]
    tiling = tiling_of(generator, shape, "mean", 24)

    def bicubic(lr):
        size = tuple(n * scale for n in lr.shape[1:])
        return np.stack([resample.resize(image, size, "bicubic") for image in lr])

    voxels = rock(shape) // 3 + LEVELS_16_BITS // 3  # no overshoot reaches black or white
    pad = tiling.halo
    fine = np.pad(voxels / LEVELS_16_BITS, pad, mode="reflect").astype(np.float32)
    for axis in range(3):
        fine = np.moveaxis(cubic.enlarge(np.moveaxis(fine, axis, 0), scale), 0, axis)
    inner = slice(edge := (pad - 2) * scale, -edge)
    sr = upscaled(bicubic, InMemory(voxels), tiling)
    np.testing.assert_allclose(sr, fine[inner, inner, inner], atol=1e-5)


def test_only_rows_that_a_block_needs_are_read(generator, network):
    volume = InMemory(rock((40, 90, 30)))
    tiling = tiling_of(generator, volume.shape, tile=18, batch=4)
    upscaled(network, volume, tiling)
    assert len(volume.reads) == tiling.counts[0] * tiling.counts[1]
    assert max(z1 - z0 for z0, z1, _, _ in volume.reads) <= tiling.block[0]
    assert max(y1 - y0 for _, _, y0, y1 in volume.reads) <= tiling.block[1] + 2 * tiling.halo


@pytest.fixture
def store(generator, tmp_path):
    def make(voxels, name="store"):
        made = ChunkStore(tmp_path / name / "0", tiling_of(generator, voxels.shape), voxels.dtype)
        made.open()
        return made

    return make


def all_blocks(tiling):
    return [tiling[number] for number in range(len(tiling))]


def test_every_block_is_written_and_told(generator, network, store):
    voxels = rock(SHAPE)
    made, told = store(voxels), []
    grey_window = (0, LEVELS_16_BITS)
    blocks = all_blocks(made.tiling)
    blockwise.upscale(
        InMemory(voxels), made, network, blocks=blocks, grey_window=grey_window, done=told.append
    )
    assert sum(told) == voxels.size
    assert all(made.is_whole(block) for block in blocks)


def test_values_that_are_not_finite_are_refused(store):
    voxels = rock(SHAPE)
    made = store(voxels)

    def broken(lr):
        return np.full((len(lr), *(3 * n for n in lr.shape[1:])), np.nan, np.float32)

    with pytest.raises(InputError, match="not finite"):
        blockwise.upscale(
            InMemory(voxels),
            made,
            broken,
            blocks=all_blocks(made.tiling),
            grey_window=(0, 1),
            done=lambda _voxels: None,
        )


def test_a_volume_that_ends_early_stops_the_writing(network, store):
    voxels = rock((40, 20, 20))
    made = store(voxels)

    class Truncated(InMemory):
        def read(self, z0, z1, rows=slice(None)):
            if z1 > 20:
                raise InputError("rock.raw: truncated; copy it again")
            return super().read(z0, z1, rows)

    with pytest.raises(InputError, match="truncated"):
        blockwise.upscale(
            Truncated(voxels),
            made,
            network,
            blocks=all_blocks(made.tiling),
            grey_window=(0, LEVELS_16_BITS),
            done=lambda _voxels: None,
        )
    assert not made.is_whole(made.tiling[len(made.tiling) - 1])
