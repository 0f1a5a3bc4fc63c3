from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from sandstone.errors import InputError
from sandstone.phantom import phantom
from sandstone.phantom.phantom import Phantom, Specification

# What the scanner adds is off: tests switch on what they look at.
CLEAN = {"photons": 1e9, "readout_noise": 0.0, "ring_strength": 0.0, "psf_sigma": 0.0}
FEW = Specification(
    shape=(24, 64, 64),
    voxel_size_um=2.0,
    porosity=0.2,
    grain_size_um=30.0,
    clay=0.06,
    heavy_minerals=0.02,
    psf_sigma=0.9,
    photons=1200.0,
    readout_noise=0.02,
    ring_strength=0.01,
    plug=False,
    seed=1,
)


@cache
def scan(**changes):
    return np.stack(list(Phantom(replace(FEW, **changes)).slices()))


def grey_of(attenuation):
    span = phantom.WHITE - phantom.BLACK
    return round((attenuation - phantom.BLACK) / span * 65535)


def levels(contrast):
    return grey_of(contrast) - grey_of(0)


def test_slices_have_the_shape_that_was_asked_for():
    images = list(Phantom(replace(FEW, shape=(17, 40, 56))).slices())
    assert len(images) == 17
    assert {(image.shape, image.dtype) for image in images} == {((40, 56), np.dtype(np.uint16))}


def test_same_seed_same_bytes():
    assert scan().tobytes() == np.stack(list(Phantom(FEW).slices())).tobytes()


def test_other_seed_other_rock_and_other_noise():
    rock, other = scan(**CLEAN), scan(**CLEAN, seed=2)
    assert np.mean(np.abs(rock.astype(int) - other) > grey_of(0.3)) > 0.1
    assert np.mean(scan() == scan(seed=2)) < 0.01


@pytest.mark.parametrize("slab", [1, 5, 23])
def test_content_does_not_depend_on_the_size_of_slabs(slab, monkeypatch):
    recipe = replace(FEW, plug=True, psf_sigma=1.5)
    assert recipe.shape[0] < phantom.SLAB
    whole = np.stack(list(Phantom(recipe).slices()))
    monkeypatch.setattr(phantom, "SLAB", slab)
    np.testing.assert_array_equal(np.stack(list(Phantom(recipe).slices())), whole)


def test_noise_of_one_slice_says_nothing_of_the_next():
    rock = scan(**CLEAN).astype(float)
    noisy = scan(**{**CLEAN, "readout_noise": 0.05}).astype(float)
    noise = (noisy - rock)[8:10].reshape(2, -1)
    assert abs(np.corrcoef(noise)[0, 1]) < 0.1


@pytest.mark.parametrize("porosity", [0.05, 0.12, 0.2, 0.35])
def test_porosity_is_the_one_asked_for(porosity):
    rock = Phantom(replace(FEW, shape=(40, 96, 96), porosity=porosity))
    assert rock.pores(np.arange(40)).mean() == pytest.approx(porosity, abs=0.01)


def test_pores_are_the_same_alone_and_together():
    rock = Phantom(FEW)
    np.testing.assert_array_equal(rock.pores(np.arange(9, 11)), rock.pores(np.arange(24))[9:11])


def test_pores_are_dark_and_grains_bright():
    rock = scan(**CLEAN, clay=0.0, heavy_minerals=0.0)
    pores = Phantom(replace(FEW, clay=0.0, heavy_minerals=0.0)).pores(np.arange(24))
    assert np.abs(rock[pores].astype(int) - grey_of(phantom.PORE)).max() < levels(0.01)
    assert np.median(rock[~pores]) == pytest.approx(grey_of(1.0), rel=0.03)


def test_pores_hang_together_as_in_sandstone():
    pores = Phantom(replace(FEW, shape=(40, 96, 96))).pores(np.arange(40))
    labels, _ = ndimage.label(pores)
    assert np.bincount(labels.ravel())[1:].max() > 0.8 * pores.sum()


def test_larger_grains_leave_longer_correlations():
    def length(grain_size_um):
        solid = ~Phantom(replace(FEW, grain_size_um=grain_size_um)).pores(np.arange(24))
        return solid.sum() / np.abs(np.diff(solid.astype(int), axis=2)).sum()

    assert length(40.0) > 1.5 * length(15.0)


def test_heavy_minerals_nearly_saturate_but_do_not_exceed():
    rock = scan(heavy_minerals=0.1)
    bright = rock > grey_of(1.8)
    assert bright.mean() > 0.03
    assert 0.85 < np.median(rock[bright]) / 65535 < 1
    assert np.mean(rock == 65535) < 0.001
    assert (scan(heavy_minerals=0.0) < grey_of(1.8)).all()


def test_clay_holds_micropores_that_are_no_pores():
    def micropores(clay):
        pores = Phantom(replace(FEW, clay=clay)).pores(np.arange(24))
        return np.mean((scan(**CLEAN, clay=clay) < grey_of(0.4)) & ~pores)

    solid = 1 - FEW.porosity
    assert micropores(0.8) - micropores(0.0) == pytest.approx(
        0.8 * solid * phantom.MICROPORES, rel=0.2
    )


def test_plug_has_holder_air_and_a_constant_outside():
    image = scan(**CLEAN, plug=True, shape=(24, 160, 160))[12]
    y, x = np.ogrid[:160, :160]
    radius = np.hypot(y - 79.5, x - 79.5) / 80
    inner = phantom.PLUG_RADIUS + phantom.GAP
    holder = (radius > inner) & (radius <= inner + phantom.HOLDER_THICKNESS)
    air = (radius > inner + phantom.HOLDER_THICKNESS) & (radius <= 1)
    assert np.abs(image[holder].astype(int) - grey_of(phantom.HOLDER)).max() < levels(0.005)
    assert np.abs(image[air].astype(int) - grey_of(phantom.AIR)).max() < levels(0.005)
    assert (image[radius > 1] == 0).all()
    assert image[radius < 0.9].mean() > grey_of(0.6)


def test_without_a_plug_rock_is_everywhere():
    whole = scan(**CLEAN, shape=(24, 96, 96))
    for part in (whole[:, :12], whole[:, -12:], whole[:, :, :12], whole[:, :, -12:]):
        assert part.min() > grey_of(0.2)
        assert np.mean(part > grey_of(0.6)) > 0.5


def test_same_rock_in_and_out_of_the_plug():
    inner = (slice(None), slice(24, 40), slice(24, 40))
    plug, whole = (scan(**CLEAN, plug=plug)[inner].astype(int) for plug in (True, False))
    assert np.abs(plug - whole).max() < levels(0.001)


def test_point_spread_widens_edges():
    steepest = []
    for psf_sigma in (0.0, 1.0, 2.0):
        rock = scan(**{**CLEAN, "psf_sigma": psf_sigma}, clay=0.0).astype(float)
        steepest.append(np.quantile(np.abs(np.diff(rock, axis=0)), 0.99))
    assert steepest[0] > 1.5 * steepest[1] > 1.5**2 * steepest[2]


def test_photon_noise_falls_with_the_root_of_their_number():
    rock = scan(**CLEAN).astype(float)
    grain = rock > grey_of(0.95)
    few, many = (
        (scan(**{**CLEAN, "photons": photons}) - rock)[grain].std() for photons in (400.0, 6400.0)
    )
    assert few / many == pytest.approx(4, rel=0.1)


def test_photon_noise_is_stronger_behind_denser_minerals():
    changes = {"heavy_minerals": 0.1}
    rock = scan(**CLEAN, **changes).astype(float)
    noise = scan(**{**CLEAN, "photons": 3000.0}, **changes) - rock
    assert noise[rock > grey_of(1.9)].std() > 1.3 * noise[rock < grey_of(0.4)].std()


def test_readout_noise_is_a_share_of_the_contrast():
    rock = scan(**CLEAN).astype(float)
    weak, strong = (
        (scan(**{**CLEAN, "readout_noise": share}) - rock).std() for share in (0.02, 0.06)
    )
    assert strong / weak == pytest.approx(3, rel=0.1)
    # Reconstruction averages neighbours, which takes some of it away.
    assert 0.5 < weak / levels(0.02) < 1


def test_rings_are_the_same_at_every_depth_and_follow_the_radius():
    rock = scan(**CLEAN).astype(float)
    rings = scan(**{**CLEAN, "ring_strength": 0.05}) - rock
    np.testing.assert_allclose(rings, np.broadcast_to(rings[0], rings.shape), atol=60)
    np.testing.assert_allclose(rings[5], rings[5].T, atol=60)
    assert rings.std() == pytest.approx(levels(0.05), rel=0.3)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"grain_size_um": 11.0}, "grain_size_um"),
        ({"voxel_size_um": 8.0}, "voxel_size_um"),
        ({"grain_size_um": 60.0}, "grain_size_um"),
        ({"shape": (8, 64, 64)}, "shape"),
        ({"clay": 0.5, "heavy_minerals": 0.4}, "heavy_minerals"),
    ],
)
def test_impossible_rock_is_refused_in_one_sentence(changes, key):
    with pytest.raises(InputError) as refused:
        Phantom(replace(FEW, **changes))
    assert key in str(refused.value)
    assert "\n" not in str(refused.value)
    assert ". " not in str(refused.value)


def test_grains_of_six_voxels_are_the_finest():
    Phantom(replace(FEW, grain_size_um=12.0, shape=(8, 24, 24)))


def test_rock_without_any_quartz_is_possible():
    Phantom(replace(FEW, clay=0.3, heavy_minerals=0.54))
