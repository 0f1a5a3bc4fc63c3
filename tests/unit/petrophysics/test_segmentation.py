"""Thresholds, sweeps and specks."""

import numpy as np
import pytest

from sandstone.errors import InputError
from sandstone.petrophysics import segmentation


def test_pores_are_the_darkest_phase():
    counts = np.zeros(256, int)
    counts[[40, 110, 200]] = 200, 500, 300
    assert 40 <= segmentation.pore_threshold(counts, 3) < 110
    counts[110] = 0
    assert 40 <= segmentation.pore_threshold(counts, 2) < 200


def test_one_grey_level_has_no_threshold():
    with pytest.raises(InputError, match=r"there are 1 grey levels \(7\), from which 2 phases"):
        segmentation.pore_threshold(np.bincount([7] * 16, minlength=256), 2)


def test_a_sweep_is_even_around_the_threshold():
    swept = segmentation.sweep(116.0, 255, percent=4, steps=2)
    assert [offset for offset, _ in swept] == [-4, -2, 0, 2, 4]
    assert [level for _, level in swept] == pytest.approx([105.8, 110.9, 116, 121.1, 126.2])


def test_a_sweep_without_steps_is_the_threshold_alone():
    assert segmentation.sweep(116.0, 255, percent=4, steps=0) == [(0, 116)]


def test_specks_of_both_phases_go_and_larger_ones_stay():
    levels = np.full((20, 20), 200, np.uint8)
    levels[2:4, 2:4] = 10  # 4 pixels of pore
    levels[8:18, 8:18] = 10
    levels[12:14, 12:14] = 200  # 4 pixels of solid
    pores = segmentation.segment(levels, 100, speckle=2)
    assert pores.sum() == 100
    assert segmentation.segment(levels, 100, speckle=1).sum() == 100
    assert segmentation.segment(levels, 100, speckle=0).sum() == 100


def test_a_grey_level_at_the_threshold_is_pore():
    assert segmentation.segment(np.array([[99, 100, 101]]), 100, 0).tolist() == [
        [True, True, False]
    ]


def test_sixteen_bits_are_parted_where_eight_are():
    """In seconds and megabytes: 65,536 levels would tabulate 2 billion pairs."""
    random = np.random.default_rng(3)
    levels = np.concatenate([random.normal(60, 8, 4000), random.normal(180, 8, 9000)])
    eight, sixteen = (
        np.bincount((levels * factor).astype(int), minlength=256 * factor) for factor in (1, 257)
    )
    for phases in (2, 3):
        coarse, fine = (segmentation.pore_threshold(each, phases) for each in (eight, sixteen))
        assert fine / 257 == pytest.approx(coarse, abs=2)
