"""SR that is projected back agrees with its LR, and tiles still equal the whole."""

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.imaging import resample
from sandstone.imaging.back_projection import back_projected, known, reach
from sandstone.imaging.degrade import Degradation, degrade

SCALE = 4
DEGRADATIONS = [
    Degradation(),
    Degradation(kernel="psf", psf_sigma=2.0, noise=0.0),
    Degradation(kernel="psf", psf_sigma=(3.0, 1.0, 2.0), noise=0.0),
    Degradation(kernel="aliased_bilinear"),
]
each = pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda made: made.kernel)


def nearest(lr):
    """A network that sees no neighbours, and is far from its LR once degraded."""
    return 0.8 * lr.repeat(SCALE, 1).repeat(SCALE, 2) + np.float32(0.05)


def rock(*shape):
    rng = np.random.default_rng(1)
    fine = rng.random((shape[0], 3 * shape[1] // 2, 3 * shape[2] // 2), dtype=np.float32)
    return np.stack([resample.resize(image, shape[1:], "bilinear") for image in fine])


def lr_error(sr, lr, degradation):
    again = [degrade(image, SCALE, degradation, np.random.default_rng(0)) for image in sr]
    return np.sqrt(np.mean((np.stack(again) - lr)[:, 4:-4, 4:-4] ** 2))


@each
def test_each_iteration_comes_nearer_to_lr(degradation):
    lr = rock(2, 24, 30)
    found = [
        lr_error(back_projected(nearest, SCALE, degradation, n)(lr), lr, degradation)
        for n in (0, 1, 3)
    ]
    assert found[0] > 1.5 * found[1] > 1.5 * found[2]


@each
@pytest.mark.parametrize("iterations", [1, 3])
def test_a_tile_with_the_wider_halo_equals_the_whole(degradation, iterations):
    network = back_projected(nearest, SCALE, degradation, iterations)
    halo = reach(SCALE, degradation, iterations)
    lr = rock(1, 2 * halo + 20, 2 * halo + 16)
    whole = network(lr)[:, SCALE * (halo + 6) : SCALE * (halo + 14), SCALE * halo : -SCALE * halo]
    tile = lr[:, 6 : 14 + 2 * halo]
    inner = network(tile)[:, SCALE * halo : -SCALE * halo, SCALE * halo : -SCALE * halo]
    np.testing.assert_allclose(inner, whole, atol=0.02 / 65535)


@each
def test_a_narrower_halo_would_not_do(degradation):
    network = back_projected(nearest, SCALE, degradation, 1)
    halo = reach(SCALE, degradation, 1) - 2
    lr = rock(1, 2 * halo + 20, 12)
    inner = network(lr[:, 6 : 14 + 2 * halo])[:, SCALE * halo : SCALE * (halo + 8)]
    whole = network(lr)[:, SCALE * (halo + 6) : SCALE * (halo + 14)]
    assert np.abs(inner - whole).max() > 0.02 / 65535


def test_none_is_the_network_itself():
    assert back_projected(nearest, SCALE, Degradation(), 0) is nearest


def test_an_image_stays_within_the_grey_range():
    lr = np.ones((1, 12, 12), np.float32)
    lr[0, 6, 6] = 0
    sr = back_projected(nearest, SCALE, Degradation(), 5)(lr)
    assert sr.min() >= 0
    assert sr.max() <= 1


def test_a_degradation_that_nobody_knows_is_refused():
    assert known({"kernel": "scanned", "psf_sigma": [1, 2, 3]}, "a.h5").psf_sigma == (1, 2, 3)
    with pytest.raises(InputError, match=r"a\.h5: how its LR tiles were made is unknown"):
        known({"kernel": "scanned"}, "a.h5")
