import numpy as np
import pytest
import tifffile
from scipy import ndimage

from sandstone.errors import InputError
from sandstone.imaging import field_of_view
from sandstone.phantom.phantom import PLUG_RADIUS, Phantom, Specification

EDGE = 160
GRAIN, PORE, HOLDER, AIR = 150.0, 60.0, 45.0, 15.0


def radius_from(centre, edge=EDGE):
    y, x = np.ogrid[:edge, :edge]
    return np.hypot(y - centre[0], x - centre[1])


def rock_texture(edge=EDGE, seed=0, porosity=0.2):
    """Blobs of pore in grain, noisy."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.standard_normal((edge, edge)), 0.007 * edge, mode="wrap")
    rock = np.where(blobs < np.quantile(blobs, porosity), PORE, GRAIN)
    return rock + rng.normal(0, 6, rock.shape)


def plug_slice(centre=None, radius=55.0, *, edge=EDGE, outside=0.0, seed=0):
    """A plug in air in a thin holder, with a constant beyond the scanner's circle.

    The plug's radius is that in a slice of `EDGE`; larger slices hold larger plugs.
    """
    axis = (edge - 1) / 2
    distance = radius_from(centre or (axis, axis), edge) * EDGE / edge
    image = np.full((edge, edge), AIR) + np.random.default_rng(seed).normal(0, 4, (edge, edge))
    image[(distance > radius + 6) & (distance <= radius + 11)] += HOLDER - AIR
    image[distance <= radius] = rock_texture(edge, seed)[distance <= radius]
    image[radius_from((axis, axis), edge) > edge / 2] = outside
    return image


def as_uint8(slices):
    return np.stack([np.clip(np.rint(image), 0, 255) for image in slices]).astype(np.uint8)


def find(volume, request="auto"):
    return field_of_view.find(request, volume.shape, lambda z, *part: volume[z][part])


def assert_fits(mask, inside, *, share=0.8):
    """The mask lies within the plug and covers most of it."""
    assert not (mask & ~inside).any()
    assert mask.sum() > share * inside.sum()


@pytest.mark.parametrize(
    "centre", [(79.5, 79.5), (70.0, 84.0), (90.0, 74.0)], ids=["centred", "up", "down"]
)
@pytest.mark.parametrize("outside", [0.0, 128.0, 255.0], ids=["black", "grey", "white"])
def test_plug_is_found_without_air_holder_and_outside(centre, outside):
    volume = as_uint8(plug_slice(centre, outside=outside, seed=seed) for seed in range(3))
    view = find(volume)
    assert view.mode == "auto"
    assert view.outside == outside
    for image in volume:
        assert_fits(view.rock(image), radius_from(centre) <= 55)


def test_tilted_plug_is_followed_from_slice_to_slice():
    centres = [(79.5, 66.0 + 3 * z) for z in range(10)]
    volume = as_uint8(plug_slice(centre, 50.0, seed=z) for z, centre in enumerate(centres))
    view = find(volume)
    for image, centre in zip(volume, centres, strict=True):
        mask = view.rock(image)
        assert_fits(mask, radius_from(centre) <= 50)
        np.testing.assert_allclose(ndimage.center_of_mass(mask), centre, atol=2)


def test_plug_without_a_constant_outside_is_found():
    image = plug_slice()
    distance = radius_from((79.5, 79.5))
    image[distance > 80] = AIR + np.random.default_rng(9).normal(0, 4, np.sum(distance > 80))
    volume = as_uint8([image])
    view = find(volume)
    assert view.outside is None
    assert_fits(view.rock(volume[0]), distance <= 55)


def test_gap_between_air_and_grain_does_not_hide_the_plug():
    distance = radius_from((79.5, 79.5))
    air = np.random.default_rng(0).integers(5, 15, (EDGE, EDGE))
    rock = np.random.default_rng(1).integers(100, 200, (EDGE, EDGE))
    volume = np.where(distance <= 55, rock, air).astype(np.uint8)[None]
    assert_fits(find(volume).rock(volume[0]), distance <= 55)


def test_two_grey_levels_are_enough():
    distance = radius_from((79.5, 79.5))
    volume = np.where(distance <= 55, 255, 0).astype(np.uint8)[None]
    assert_fits(find(volume).rock(volume[0]), distance <= 55)


def test_phantom_is_found_in_its_holder():
    edge = 192
    recipe = Specification(
        shape=(8, edge, edge),
        voxel_size_um=2.0,
        porosity=0.2,
        grain_size_um=15.0,
        clay=0.06,
        heavy_minerals=0.02,
        psf_sigma=0.9,
        photons=1200.0,
        readout_noise=0.02,
        ring_strength=0.01,
        plug=True,
        seed=1,
    )
    volume = np.stack(list(Phantom(recipe).slices()))
    view = find(volume)
    inside = radius_from(((edge - 1) / 2,) * 2, edge) <= PLUG_RADIUS * edge / 2
    for image in volume:
        assert_fits(view.rock(image), inside)


def test_thin_dense_holder_is_no_rock():
    image = plug_slice()
    distance = radius_from((79.5, 79.5))
    image[(distance > 61) & (distance <= 65)] = 240.0
    volume = as_uint8([image])
    assert_fits(find(volume).rock(volume[0]), distance <= 55)


def test_scan_inside_the_rock_keeps_all_but_the_constant_outside():
    circle = radius_from((79.5, 79.5)) <= 80
    volume = as_uint8(np.where(circle, rock_texture(seed=seed), 110.0) for seed in range(3))
    view = find(volume)
    assert view.outside == 110
    for image in volume:
        assert_fits(view.rock(image), circle)


@pytest.mark.parametrize("kind", [np.uint16, np.int16, np.float32, np.float64])
def test_grey_levels_of_any_type_are_read(kind):
    scale, shift = {
        np.uint16: (200, 1000),
        np.int16: (100, -9000),
        np.float32: (0.0015, 0.013),
        np.float64: (1.1e-6, -3e-5),
    }[kind]
    # Three pixels are averaged along each axis here, which rounds floats.
    levels = [plug_slice(edge=800, outside=110.0, seed=seed) for seed in range(2)]
    volume = np.stack([image * scale + shift for image in levels]).astype(kind)
    view = find(volume)
    assert_fits(view.rock(volume[0]), radius_from((399.5, 399.5), 800) <= 275)


@pytest.mark.parametrize("edge", [250, 257, 530, 771])
def test_mask_has_the_shape_of_the_slice(edge):
    volume = as_uint8([plug_slice(edge=edge)])
    mask = find(volume).rock(volume[0])
    assert mask.shape == (edge, edge)
    assert mask.dtype == bool
    assert_fits(mask, radius_from(((edge - 1) / 2,) * 2, edge) <= 55 * edge / EDGE)


def test_slices_need_not_be_square():
    whole = np.full((3, 160, 230), AIR) + np.random.default_rng(0).normal(0, 4, (3, 160, 230))
    for image in whole:
        image[:, 35:195] = plug_slice(outside=AIR)
    volume = as_uint8(whole)
    mask = find(volume).rock(volume[0])
    assert mask.shape == (160, 230)
    inside = np.zeros((160, 230), bool)
    inside[:, 35:195] = radius_from((79.5, 79.5)) <= 55
    assert_fits(mask, inside, share=0.75)


def test_pores_and_bright_minerals_belong_to_the_rock():
    image = plug_slice()
    image[70:76, 70:76] = PORE
    image[90:96, 60:70] = 255
    volume = as_uint8([image])
    mask = find(volume).rock(volume[0])
    assert mask[60:100, 60:100].all()


def test_rock_that_fills_the_slices_is_taken_whole():
    volume = as_uint8(rock_texture(seed=seed) for seed in range(4))
    view = find(volume)
    assert view.mode == "auto"
    assert view.box == ((0, 4), (0, EDGE), (0, EDGE))
    assert all(view.rock(image).all() for image in volume)


def test_slice_of_air_beside_the_plug_holds_no_rock():
    empty = AIR + np.random.default_rng(5).normal(0, 4, (EDGE, EDGE))
    volume = as_uint8([plug_slice(), plug_slice(seed=1), empty])
    view = find(volume)
    assert view.rock(volume[0]).any()
    assert not view.rock(volume[2]).any()


@pytest.mark.parametrize("level", [0, 128])
def test_constant_volume_is_left_to_the_window(level):
    volume = np.full((3, 32, 32), level, np.uint8)
    assert find(volume).rock(volume[0]).all()


def test_full_takes_everything():
    volume = as_uint8([plug_slice()])
    view = find(volume, "full")
    assert (view.mode, view.box) == ("full", ((0, 1), (0, EDGE), (0, EDGE)))
    assert view.rock(volume[0]).all()


def test_box_is_taken_as_given():
    volume = as_uint8([plug_slice()] * 4)
    view = find(volume, "1:3,40:120,30:130")
    assert (view.mode, view.box) == ("box", ((1, 3), (40, 120), (30, 130)))
    assert view.rock(volume[0, 40:120, 30:130]).all()


@pytest.mark.parametrize(
    ("box", "complaint"),
    [
        ("1:1,0:20,0:30", "z runs from 1 to 1"),
        ("0:11,0:20,0:30", "z runs from 0 to 11, but the volume has 10"),
        ("0:10,9:4,0:30", "y runs from 9 to 4"),
        ("0:10,0:20,0:31", "x runs from 0 to 31"),
        ("-1:10,0:20,0:30", "none of auto, full"),
        ("0:10,0:20", "none of auto, full"),
        ("0:10,0:20,0:30,0:4", "none of auto, full"),
        ("automatic", "none of auto, full"),
        ("", "none of auto, full"),
    ],
)
def test_bad_box_is_refused_in_one_sentence(box, complaint):
    with pytest.raises(InputError, match=complaint) as refused:
        field_of_view.find(box, (10, 20, 30), lambda _: pytest.fail("nothing need be read"))
    assert "\n" not in str(refused.value)


def test_deep_volumes_are_sampled_from_top_to_bottom():
    seen = []

    def read_slice(z):
        seen.append(z)
        return as_uint8([plug_slice()])[0]

    field_of_view.find("auto", (5000, EDGE, EDGE), read_slice)
    assert (seen[0], seen[-1]) == (0, 4999)
    assert len(set(seen)) <= 16


def test_largest_region_is_filled_and_alone():
    mask = np.zeros((20, 20), bool)
    mask[2:12, 2:12] = True
    mask[5:8, 5:8] = False
    mask[15:18, 15:18] = True
    expected = np.zeros((20, 20), bool)
    expected[2:12, 2:12] = True
    np.testing.assert_array_equal(field_of_view.largest_region(mask), expected)
    assert not field_of_view.largest_region(np.zeros((4, 4), bool)).any()


def test_real_plug_is_found_inside_its_holder(shared_data):
    volume = tifffile.imread(shared_data / "sandstone_versa.tif")
    view = find(volume)
    for image in volume:
        mask = view.rock(image)
        # Grain touches grain all over the plug; the holder is far darker than any grain.
        grains, _ = ndimage.label(image > 90)
        largest = int(np.bincount(grains[grains > 0]).argmax())
        rows, columns = ndimage.find_objects(grains == largest, max_label=1)[0]
        centre = [(part.start + part.stop - 1) / 2 for part in (rows, columns)]
        half = [(part.stop - part.start) / 2 for part in (rows, columns)]
        y, x = np.ogrid[: image.shape[0], : image.shape[1]]
        plug = np.hypot((y - centre[0]) / half[0], (x - centre[1]) / half[1]) <= 1
        assert plug.mean() == pytest.approx(0.55, abs=0.05)
        assert_fits(mask, plug)
        assert image[mask].mean() > 100


def test_real_rock_that_fills_its_volume_is_taken_whole(shared_data):
    volume = tifffile.imread(shared_data / "bentheimer_pair_hr2um.tif")
    view = find(volume)
    assert view.threshold is None
    assert view.rock(volume[45]).all()


def in_circle(level, *, edge=EDGE, kind=np.float32, scale=1.0, shift=0.0, empty=0):
    """A plug in air within the circle of a reconstruction, one level outside, blank ends."""
    axis = (edge - 1) / 2
    circle = radius_from((axis, axis), edge) <= edge / 2
    slices = [plug_slice(edge=edge, seed=seed) * scale + shift for seed in range(3)]
    blank = [np.full((edge, edge), float(level))] * empty
    volume = np.stack([*blank, *(np.where(circle, each, level) for each in slices), *blank])
    return volume.astype(kind), circle


SENTINELS = [
    (1e30, np.float32, 1.0, 0.0),
    (-1e30, np.float32, 1.0, 0.0),
    (-1000, np.float32, 0.01, 0.0),
    (-1000, np.int16, 5.0, 3000.0),
    (65535, np.uint16, 100.0, 10_000.0),
    (0, np.uint16, 100.0, 20_000.0),
]


@pytest.mark.parametrize("edge", [EDGE, 800])
@pytest.mark.parametrize(("level", "kind", "scale", "shift"), SENTINELS)
def test_what_fills_the_outside_does_not_decide_where_the_rock_is(level, kind, scale, shift, edge):
    volume, _ = in_circle(level, edge=edge, kind=kind, scale=scale, shift=shift, empty=1)
    plain, _ = in_circle(AIR * scale + shift, edge=edge, kind=kind, scale=scale, shift=shift)
    view = find(volume)
    assert view.outside == pytest.approx(level)
    centre = ((edge - 1) / 2,) * 2
    for image in volume[1:-1]:
        assert_fits(view.rock(image), radius_from(centre, edge) <= 55 * edge / EDGE)
    assert view.threshold == pytest.approx(find(plain).threshold, rel=0.02)
    assert not view.rock(volume[0]).any()


@pytest.mark.parametrize(("level", "kind", "scale", "shift"), SENTINELS)
def test_what_fills_the_outside_is_not_counted(level, kind, scale, shift):
    volume, circle = in_circle(level, kind=kind, scale=scale, shift=shift)
    for request in ("full", "0:2,0:160,0:160"):
        view = find(volume, request)
        assert view.rock(volume[1]).all()
        np.testing.assert_array_equal(view.counted(volume[1]), circle)


def test_a_level_that_pores_have_too_is_counted():
    circle = radius_from((79.5, 79.5)) <= 80
    volume = np.stack([np.where(circle & (rock_texture() > 100), 200, 0)] * 2).astype(np.uint8)
    volume[:, 70:90, 70:90] = 100
    view = find(volume, "full")
    assert view.outside is None
    assert view.counted(volume[0]).all()


def test_clipped_air_around_the_plug_is_no_sentinel():
    inside = radius_from((79.5, 79.5)) <= 55
    volume = np.where(inside, rock_texture() * 100 + 20_000, 0).astype(np.uint16)[None]
    assert_fits(find(volume).rock(volume[0]), inside)
