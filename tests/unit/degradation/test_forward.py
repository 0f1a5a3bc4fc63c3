"""The model of a coarse scan: what tile pairs are made with, and how it changes."""

import numpy as np
import pytest

from sandstone.degradation import forward
from sandstone.imaging import degrade

SIGMA = (1.2, 2.0, 1.6)


def axes(shape, positions, sigma=SIGMA, scale=3):
    boxes = (1, scale, scale)
    return [
        forward.weights(place, length, each, box)
        for place, length, each, box in zip(positions, shape, sigma, boxes, strict=True)
    ]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_model_is_what_the_psf_kernel_makes_of_slices(scale):
    rng = np.random.default_rng(3)
    shape = (17, 24 * scale, 30 * scale)
    rock = rng.integers(0, 256, shape, dtype=np.uint8)
    psf = degrade.Degradation("psf", psf_sigma=SIGMA, noise=0)
    plane = degrade.blur_in_depth(rock.__getitem__, 8, len(rock), psf.depth_sigma)
    lr = degrade.degrade(plane, scale, psf, rng)
    y, x = (scale * np.arange(n) + (scale - 1) / 2 for n in (24, 30))
    matrices = axes(shape, (np.array([8.0]), y, x), scale=scale)
    seen = forward.predict((rock / np.float32(255)), matrices)[0, 0]
    # At the border, the kernel repeats the last voxel, and the model looks at what is there.
    np.testing.assert_allclose(seen[6:-6, 6:-6], lr[6:-6, 6:-6], atol=2e-5)


def test_weights_of_a_centre_between_two_voxels_are_symmetric():
    value, _, _ = forward.weights(np.array([10.5]), 22, 1.7, 3)
    np.testing.assert_allclose(value[0], value[0, ::-1], atol=1e-7)
    assert value.sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("parameter", range(6))
def test_derivatives_are_those_of_differences(parameter):
    fine = np.random.default_rng(4).random((30, 30, 30), dtype=np.float32)
    centre = np.arange(9.3, 20, 3)

    def seen(step):
        sigma, places = list(SIGMA), [centre.copy() for _ in range(3)]
        axis, by_shift = divmod(parameter, 2)
        if by_shift:
            places[axis] += step
        else:
            sigma[axis] += step
        return forward.predict(fine, axes(fine.shape, places, sigma))

    step = 0.02
    expected = (seen(step)[0] - seen(-step)[0]) / (2 * step)
    np.testing.assert_allclose(seen(0)[1 + parameter], expected, atol=2e-4)
