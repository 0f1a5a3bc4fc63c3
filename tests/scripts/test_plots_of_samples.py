"""Figures of samples: tile pairs, grey levels, the split and a fitted degradation."""

import json

import numpy as np
import pytest
from helpers.small_figures import GREY_MAX, swapped

from sandstone.dataset import slices


def test_a_split_map_needs_the_metadata_of_its_sample(figure_inputs, tmp_path, refuse_figure):
    metadata = json.loads((figure_inputs / "slices.json").read_text(encoding="utf-8"))
    other = tmp_path / "other.json"
    other.write_text(json.dumps(metadata | {"sample": "other"}), encoding="utf-8")
    arguments = swapped("split", slices=str(other))
    refuse_figure(arguments, "describes other but the pairs are of plug")


def test_the_histogram_counts_rock_alone(figure_inputs):
    import plot_histogram

    with slices.open_slices(
        *(figure_inputs / n for n in ("slices.tif", "mask.tif", "slices.json"))
    ) as s:
        counts = plot_histogram.count_rock(s)
    assert (counts.sum(), counts[0], counts[GREY_MAX]) == (300, 0, 30)


def test_guards_are_the_slices_between_the_splits():
    import plot_split

    assert plot_split.guards([(10, 13), (0, 3), (6, 7)]) == [(4, 6), (8, 10)]
    assert plot_split.guards([(0, 5), (6, 6), (7, 7)]) == []


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [0]), (2, [0, 1]), (9, [2, 6])])
def test_examples_are_spread_over_the_list(count, expected):
    import plot_pairs

    assert plot_pairs.evenly_spaced(count, 2) == expected


def test_the_noise_of_a_fit_has_its_variance_as_parseval_says(figure_inputs):
    """Over all frequencies of an image, the density of white noise is its variance."""
    import plot_degradation

    fit = json.loads((figure_inputs / "fit.json").read_text())
    fit["noise"] |= {"noise_slope": 0.0, "correlation": [0.9, 0.0, 0.0]}
    white = plot_degradation.noise_power(fit, np.array([0.01, 0.05]))
    np.testing.assert_allclose(white, 0.015**2 * 64)
    fit["noise"]["correlation"] = [0.9, 1.0, 1.0]
    low, high = plot_degradation.noise_power(fit, np.array([0.001, 0.06]))
    assert low == pytest.approx(0.015**2 * 64 * 4 * np.pi, rel=0.02)
    assert high < low / 5
