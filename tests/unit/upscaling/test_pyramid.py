import ngff_zarr
import numpy as np
import pytest
import zarr

from sandstone.errors import InputError
from sandstone.upscaling import pyramid
from sandstone.upscaling.blocks import Tiling
from sandstone.upscaling.chunk_store import ChunkStore
from sandstone.volumes.volume import open_volume

TILING = Tiling((12, 100, 150), scale=4, axes="z", tile=64, batch=4, halo=3)
CUBE = Tiling((40, 80, 90), scale=4, axes="mean", tile=64, batch=4, halo=3)


def fill(folder, tiling, dtype="uint16"):
    """Return a full store and the voxels in it."""
    store = ChunkStore(folder / "0", tiling, dtype)
    store.open()
    voxels = np.random.default_rng(0).integers(0, 255, tiling.sr_shape).astype(dtype)
    for number in range(len(tiling)):
        store.write(tiling[number], voxels[tiling.region(tiling[number])])
    return store, voxels


def write(
    path,
    store,
    voxel_size_um=(6.0, 1.5, 1.5),
    origin_um=(0.0, -2.25, -2.25),
    grey_window=(90.0, 200.5),
):
    pyramid.write(
        path,
        store,
        name="rock",
        fingerprint="0" * 64,
        voxel_size_um=voxel_size_um,
        origin_um=origin_um,
        grey_window=grey_window,
    )
    return path


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    store, voxels = fill(folder / "store", TILING)
    return write(folder / "rock.ome.zarr", store), voxels, store


def test_ngff_zarr_validates_it(image):
    multiscales = ngff_zarr.from_ngff_zarr(image[0], validate=True, version="0.5")
    finest = multiscales.images[0]
    assert list(finest.dims) == ["z", "y", "x"]
    assert finest.scale == {"z": 6.0, "y": 1.5, "x": 1.5}
    assert finest.translation == {"z": 0.0, "y": -2.25, "x": -2.25}
    assert set(finest.axes_units.values()) == {"micrometer"}
    np.testing.assert_array_equal(np.asarray(finest.data), image[1])


def test_levels_are_centred_over_each_other(image):
    images = ngff_zarr.from_ngff_zarr(image[0], validate=True).images
    assert [level.scale for level in images[:3]] == [
        {"z": 6.0, "y": 1.5, "x": 1.5},
        {"z": 6.0, "y": 3.0, "x": 3.0},
        {"z": 6.0, "y": 6.0, "x": 6.0},
    ]
    # The first voxels' upper corners coincide.
    corners = [level.translation["y"] - level.scale["y"] / 2 for level in images]
    assert corners == pytest.approx([-3.0] * len(images))


def test_viewers_learn_the_name_and_the_grey_window(image):
    omero = ngff_zarr.from_ngff_zarr(image[0], validate=True, version="0.5").metadata.omero
    [channel] = omero.channels
    assert (channel.label, channel.color) == ("rock", "FFFFFF")
    assert (channel.window.min, channel.window.max) == (0, 65535)
    assert (channel.window.start, channel.window.end) == (90.0, 200.5)
    assert zarr.open_group(image[0], mode="r").attrs["ome"]["multiscales"][0]["name"] == "rock"


@pytest.mark.parametrize(
    ("dtype", "limits"),
    [("uint8", (0, 255)), ("int16", (-32768, 32767)), ("float32", (-0.5, 0.25))],
)
def test_the_range_to_choose_from_is_that_of_the_type(dtype, limits, tmp_path):
    store, _ = fill(tmp_path / "store", TILING, dtype)
    path = write(tmp_path / "rock.ome.zarr", store, grey_window=(-0.5, 0.25))
    attributes = zarr.open_group(path, mode="r").attrs["ome"]
    [channel] = attributes["omero"]["channels"]
    assert (channel["window"]["min"], channel["window"]["max"]) == limits
    assert (channel["window"]["start"], channel["window"]["end"]) == (-0.5, 0.25)


def test_levels_are_means(image):
    group = zarr.open_group(image[0], mode="r")
    finest, second = (group[name][:] for name in ("0", "1"))
    cells = finest.reshape(12, 200, 2, 300, 2).mean(axis=(2, 4))
    np.testing.assert_array_equal(second, np.rint(cells))
    assert second.dtype == finest.dtype


@pytest.mark.parametrize("axes", ["z", "mean"])
def test_levels_do_not_depend_on_the_borders_of_odd_chunks(axes, tmp_path):
    tiling = Tiling((7, 53, 101), scale=3, axes=axes, tile=35, batch=1, halo=3)
    store, voxels = fill(tmp_path / "store", tiling)
    sizes = (6.0, 2.0, 2.0) if axes == "z" else (2.0, 2.0, 2.0)
    group = zarr.open_group(write(tmp_path / "rock.ome.zarr", store, sizes), mode="r")
    assert any(chunk % 2 for chunk in group["0"].chunks[1:])
    step = (1, 2, 2) if axes == "z" else (2, 2, 2)
    np.testing.assert_array_equal(group["1"][:], pyramid.shrink(voxels, step))


def test_our_reader_gives_voxels_and_voxel_size(image):
    with open_volume(image[0]) as volume:
        assert volume.voxel_size_um == (6.0, 1.5, 1.5)
        assert volume.dtype == np.uint16
        np.testing.assert_array_equal(volume.read(0, 12), image[1])


def test_chunks_are_links_and_take_no_room(image):
    places = list(TILING.chunks(TILING[0]))
    linked = image[0].joinpath("0", "c", *map(str, places[0]))
    assert linked.samefile(image[2].file(places[0]))


def test_a_cube_becomes_coarser_along_z_too(tmp_path):
    store, _ = fill(tmp_path / "store", CUBE)
    path = write(tmp_path / "cube.ome.zarr", store, (1.5, 1.5, 1.5), (-2.25, -2.25, -2.25))
    images = ngff_zarr.from_ngff_zarr(path, validate=True).images
    assert [level.data.shape for level in images] == [(160, 320, 360), (80, 160, 180)]
    assert set(images[1].scale.values()) == {3.0}


def test_the_same_chunks_make_the_same_bytes(image, tmp_path):
    again = write(tmp_path / "rock.ome.zarr", image[2])
    files = sorted(file.relative_to(image[0]) for file in image[0].rglob("*") if file.is_file())
    assert sorted(f.relative_to(again) for f in again.rglob("*") if f.is_file()) == files
    for file in files:
        assert (again / file).read_bytes() == (image[0] / file).read_bytes()


def test_what_was_there_is_replaced(image, tmp_path):
    path = tmp_path / "rock.ome.zarr"
    (path / "9").mkdir(parents=True)
    (path / "9" / "old").touch()
    write(path, image[2])
    assert not (path / "9").exists()


def test_a_missing_chunk_leaves_nothing_behind(tmp_path):
    store, _ = fill(tmp_path / "store", TILING)
    store.remove(TILING[1])
    with pytest.raises(InputError, match="is missing though its slab is finished"):
        write(tmp_path / "rock.ome.zarr", store)
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


def test_a_damaged_chunk_is_found_and_leaves_nothing_behind(tmp_path):
    store, _ = fill(tmp_path / "store", TILING)
    file = store.file(next(TILING.chunks(TILING[1])))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(InputError, match="a chunk is damaged"):
        write(tmp_path / "rock.ome.zarr", store)
    assert [entry.name for entry in tmp_path.iterdir()] == ["store"]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_means_keep_the_type_and_never_wrap(dtype):
    top = np.finfo(dtype).max / 4 if dtype == np.float32 else np.iinfo(dtype).max
    voxels = np.full((2, 5, 4), top, dtype)
    shrunk = pyramid.shrink(voxels, (2, 2, 2))
    assert shrunk.dtype == dtype
    assert shrunk.shape == (1, 3, 2)
    assert (shrunk == voxels[0, 0, 0]).all()


def test_a_cell_at_the_border_is_the_mean_of_what_is_there():
    voxels = np.array([[[0, 10, 20]]], np.uint8)
    np.testing.assert_array_equal(pyramid.shrink(voxels, (1, 1, 2)), [[[5, 20]]])


def test_copies_serve_where_the_file_system_has_no_hard_links(image, tmp_path, monkeypatch):
    def refuse(source, target):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    path = write(tmp_path / "rock.ome.zarr", image[2])
    with open_volume(path) as volume:
        np.testing.assert_array_equal(volume.read(3, 4)[0], image[1][3])
