"""A made-up coarse scanner is found again: blur, grey levels and noise; and the real one."""

import json
from functools import cache

import numpy as np
import pytest
import tifffile
from helpers.scan_pairs import ScanPair

from sandstone.degradation import fitted, sub_blocks
from sandstone.degradation.sub_blocks import Overlap
from sandstone.errors import InputError
from sandstone.registration.transform import Transform

LARGER = (64, 120, 120)
PAIRS = {
    "white noise": ScanPair(shape=LARGER),
    "another energy": ScanPair(
        scale=3,
        sigma=(3.0, 3.0, 3.0),
        shape=(70, 140, 140),
        grain=0.7,
        noise=0.01,
        grey=lambda levels: 40 + 160 * np.maximum(levels, 0) ** 1.6,
    ),
    "noise of the fine scan": ScanPair(
        shape=LARGER, fine_noise=0.08, sigma=(2.5, 1.8, 2.2), grain=0.6
    ),
    "brighter is noisier": ScanPair(
        shape=LARGER, noise=0.01, noise_slope=0.004, grey=lambda levels: 9000 + 40000 * levels
    ),
}


@cache
def fit_of(name):
    return fitted.fit(PAIRS[name].blocks(), PAIRS[name].scale)


@pytest.fixture(params=PAIRS)
def found(request):
    return PAIRS[request.param], fit_of(request.param)


def test_the_blur_is_found(found):
    pair, fit = found
    assert fit.blur.sigma == pytest.approx(pair.sigma, rel=0.05)
    assert fit.blur.shift == pytest.approx([0, 0, 0], abs=0.1)
    assert fit.correlation > 0.93


def test_the_noise_is_found(found):
    pair, fit = found
    level = float(np.median(np.concatenate([each.ravel() for each in fit.blur.predicted])))
    expected = np.sqrt(pair.noise**2 + pair.noise_slope * level)
    assert np.sqrt(fit.noise.variance_at(np.array(level))) == pytest.approx(expected, rel=0.1)
    assert fit.deviation == pytest.approx(expected, rel=0.15)
    assert fit.noise.correlation[1:] == pytest.approx([pair.grain] * 2, abs=0.07)


def test_a_slope_of_the_noise_is_found_and_none_is_invented(found):
    pair, fit = found
    slope = fit.noise.white - fit.noise.black
    assert slope == pytest.approx(pair.noise_slope, rel=0.35, abs=1e-12)


def test_the_map_of_grey_levels_is_found(found):
    pair, fit = found
    levels = np.linspace(fit.grey.fine[0], fit.grey.fine[-1], 50)
    expected = pair.grey(levels)
    error = np.abs(fit.grey.to_coarse(levels) - expected).max()
    assert error < 0.02 * np.ptp(expected)


# --- what the registration left, and what is no pair ---


def test_what_the_registration_left_passes_for_no_blur():
    pair = ScanPair()
    fit = fitted.fit(pair.blocks(Transform((1.0, -0.5, 1.5))), pair.scale)
    # Registered at -(0.3, -0.4, 0.2) voxels of 2 µm, the scans would lie on each other.
    np.testing.assert_allclose(fit.blur.shift, [0.8, -0.65, 0.95], atol=0.1)
    assert fit.blur.sigma == pytest.approx(pair.sigma, rel=0.05)


def test_a_few_voxels_of_another_kind_move_nothing():
    pair = ScanPair()
    pair.coarse[np.random.default_rng(2).random(pair.coarse.shape) < 0.005] = 1000
    pair.coarse[12, 20] = 1e30  # what stands for NaN
    fit = fitted.fit(pair.blocks(), pair.scale)
    assert fit.blur.sigma == pytest.approx(pair.sigma, rel=0.05)
    assert np.sqrt(fit.noise.black) == pytest.approx(pair.noise, rel=0.1)


def test_scans_of_different_rock_are_told():
    pair = ScanPair()
    pair.coarse = pair.coarse[::-1, ::-1].copy()
    with pytest.raises(InputError, match=r"explains \d+% of the coarse one, less than 25%; check"):
        fitted.fit(pair.blocks(), pair.scale)


def test_a_blur_beyond_belief_is_told():
    pair = ScanPair(sigma=(6.0, 6.0, 6.0), noise=0.002)
    with pytest.raises(InputError, match="blur seems wider than 2 coarse voxels"):
        fitted.fit(pair.blocks(), pair.scale)


def test_scans_far_off_are_told():
    pair = ScanPair(noise=0.002)
    with pytest.raises(InputError, match="lie more than 1 coarse voxel off"):
        fitted.fit(pair.blocks(Transform((5.5, 0, 0))), pair.scale)


@pytest.mark.parametrize("contrast", [-150, 0])
def test_scans_of_opposite_or_no_contrast_are_told(contrast):
    pair = ScanPair(grey=lambda levels: 200 + contrast * levels)
    with pytest.raises(InputError, match="does not grow brighter with the fine one"):
        fitted.fit(pair.blocks(), pair.scale)


# --- the file ---


@pytest.fixture(scope="module")
def content():
    return {
        "sample": "plug",
        "scale": 2,
        "fine_voxel_size_um": [2.0, 2.0, 2.0],
        "coarse_voxel_size_um": [4.0, 4.0, 4.0],
        **fitted.as_dict(fit_of("white noise"), {"low": 100.0, "high": 300.0}),
        "spectrum": {"frequency_per_um": [0.1], "coarse": [1.0], "model": [1.0]},
    }


def test_a_file_holds_the_map_between_raw_levels(content):
    assert np.interp(200, content["grey"]["fine"], content["grey"]["coarse"]) == pytest.approx(
        30 + 200 * 0.5, abs=2
    )
    assert min(content["grey_bins"]["fine"]) > 100


def test_the_scanner_of_a_file_keeps_its_micrometres(content, tmp_path):
    file = tmp_path / "fit.json"
    file.write_text(json.dumps(content))
    scanner = fitted.Scanner.read(file)
    assert scanner.sigma((2.0, 2.0, 2.0)) == pytest.approx(content["psf_sigma"])
    assert scanner.sigma((4.0, 1.0, 1.0)) == pytest.approx(
        np.multiply(content["psf_sigma"], [0.5, 2, 2])
    )
    assert scanner.noise == pytest.approx(0.02, rel=0.1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("psf_sigma", [1, 2]),
        ("psf_sigma", [1, -2, 1]),
        ("noise", {"noise": 0.1}),
        ("noise", {"noise": -0.1, "noise_slope": 0, "correlation": [0, 0, 0]}),
        ("noise_bins", {"grey": [0.5], "variance": [], "counts": [1]}),
        ("grey_bins", 3),
        ("spectrum", {"frequency_per_um": [], "coarse": [], "model": []}),
        ("residual", {}),
    ],
)
def test_a_damaged_file_is_told(content, tmp_path, key, value):
    file = tmp_path / "fit.json"
    file.write_text(json.dumps({**content, key: value}))
    with pytest.raises(InputError, match=f"{key} is .*; delete it and run fit_degradation.py"):
        fitted.Scanner.read(file)


# --- real scans ---


def test_the_scanner_of_a_real_pair(shared_data):
    """Measured otherwise: a Gaussian of 3.5 voxels, and grey levels that agree nearly."""
    fine, coarse = (
        tifffile.imread(shared_data / f"bentheimer_pair_{name}.tif") for name in ("hr2um", "lr6um")
    )
    fine, coarse = fine[..., :234], coarse[..., :78]
    rock = np.ones(fine.shape[1:], bool)
    overlap = Overlap(
        transform=Transform((2.0, 2.0, 0.0)),
        fine_shape=fine.shape,
        fine_origin=(0, 0, 0),
        fine_voxel_size_um=(2.0,) * 3,
        coarse_shape=coarse.shape,
        coarse_voxel_size_um=(6.0,) * 3,
        scale=3,
    )
    blocks = sub_blocks.read(
        sub_blocks.choose(overlap, lambda _z: rock),
        read_fine=lambda z: fine[z] / np.float32(255),
        read_rock=lambda _z: rock,
        read_coarse=lambda z, y, x: coarse[z, y, x],
    )
    fit = fitted.fit(blocks, 3)
    assert fit.blur.sigma == pytest.approx([3.4, 3.4, 3.4], abs=0.3)
    assert np.sqrt(fit.noise.black) == pytest.approx(0.014, abs=0.003)
    assert fit.correlation > 0.985
    levels = np.array([0.35, 0.45, 0.55])
    np.testing.assert_allclose(fit.grey.to_coarse(levels) / 255, levels, atol=0.015)
