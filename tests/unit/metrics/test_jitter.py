import numpy as np
import pytest
from scipy import ndimage

from sandstone.metrics import jitter
from sandstone.metrics.jitter import Lags

SHAPE = (48, 96, 96)


def smooth(seed=0, shape=SHAPE, sigma=2.5):
    """Return an isotropic field, grey levels around 100."""
    noise = np.random.default_rng(seed).normal(size=shape)
    field = ndimage.gaussian_filter(noise, sigma, mode="wrap")
    return 100 + 20 * field / field.std()


def measure(voxels, cell=(2, 2), resolved=Lags(1, 1), detail=Lags(1, 1)):  # noqa: B008
    def read(z0, z1, rows, columns):
        return voxels[z0:z1, rows, columns]

    return jitter.measure(read, voxels.shape, cell=cell, resolved=resolved, detail=detail)


def ratio(differences):
    return differences[0] / differences[1]


def test_isotropic_rock_has_a_ratio_of_one():
    bands = measure(smooth())
    assert ratio(bands["resolved"]) == pytest.approx(1, abs=0.06)
    assert ratio(bands["detail"]) == pytest.approx(1, abs=0.06)


def test_flicker_of_whole_slices_raises_the_ratio():
    flicker = np.random.default_rng(3).normal(0, 8, (SHAPE[0], 1, 1))
    bands = measure(smooth() + flicker, cell=(1, 2))
    assert ratio(bands["resolved"]) > 1.3 * ratio(measure(smooth(), cell=(1, 2))["resolved"])


def test_flicker_of_fine_detail_shows_in_the_detail_alone():
    y, x = np.indices(SHAPE[1:])
    checks = np.where((y // 2 + x // 2) % 2, 6.0, -6.0)  # wider than a step within the slice
    flips = np.random.default_rng(4).choice([-1, 1], (SHAPE[0], 1, 1))
    plain = measure(smooth(), cell=(1, 8))
    flickering = measure(smooth() + flips * checks, cell=(1, 8))
    assert ratio(flickering["detail"]) > 1.1 * ratio(plain["detail"])
    assert flickering["resolved"] == pytest.approx(plain["resolved"], rel=1e-9)


def test_true_detail_that_ends_between_slices_is_no_flicker():
    noise = np.random.default_rng(5).normal(0, 10, SHAPE)
    assert ratio(measure(noise, cell=(2, 2))["detail"]) == pytest.approx(1, abs=0.02)


def test_differences_are_those_of_the_definition():
    voxels = np.random.default_rng(0).integers(0, 255, (7, 6, 8)).astype(float)
    bands = measure(voxels, cell=(1, 2), resolved=Lags(1, 2), detail=Lags(2, 3))
    cells = voxels.reshape(7, 3, 2, 4, 2).mean(axis=(2, 4))
    along = np.abs(cells[1:] - cells[:-1]).mean()
    within = [np.abs(cells[:, 2:] - cells[:, :-2]), np.abs(cells[:, :, 2:] - cells[:, :, :-2])]
    assert bands["resolved"] == pytest.approx(
        (along, np.concatenate([part.ravel() for part in within]).mean())
    )
    detail = voxels - cells.repeat(2, 1).repeat(2, 2)
    within = [np.abs(detail[:, 3:] - detail[:, :-3]), np.abs(detail[:, :, 3:] - detail[:, :, :-3])]
    assert bands["detail"] == pytest.approx(
        (
            np.abs(detail[2:] - detail[:-2]).mean(),
            np.concatenate([part.ravel() for part in within]).mean(),
        )
    )


def test_of_a_large_volume_the_same_rock_is_measured_before_and_after():
    lr = np.zeros((3, 700, 900))
    lr[:, 200:500, 300:600] = np.random.default_rng(6).normal(size=(3, 300, 300))
    sr = lr.repeat(2, 1).repeat(2, 2)
    before, after = measure(lr, cell=(1, 1), detail=None), measure(sr, cell=(1, 2))
    assert after["resolved"] == pytest.approx(before["resolved"], rel=1e-6)
    assert before["resolved"][0] > 0.02


def test_layers_that_are_read_one_after_another_give_the_whole(monkeypatch):
    voxels = smooth()
    whole = measure(voxels)
    monkeypatch.setattr(jitter, "DEPTH", 6)
    layered = measure(voxels)
    for band in ("resolved", "detail"):
        assert layered[band] == pytest.approx(whole[band], rel=1e-12)


def test_single_slices_have_no_change_along_z():
    bands = measure(smooth()[:1], cell=(1, 2))
    row = jitter.row("upscaled", "resolved", 6.0, bands["resolved"])
    assert np.isnan(row.z_difference)
    assert np.isnan(row.ratio)


def test_constant_volumes_have_no_ratio():
    bands = measure(np.full((4, 8, 8), 3.0))
    assert np.isnan(jitter.row("input", "resolved", 6.0, bands["resolved"]).ratio)
